import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { brokerTests } from '../../load-tests/kafka/for-tests.ts';
import type { KafkaBus } from './index.ts';
import { openBus } from './test-bus.ts';
import { makeTopic, Recorder, testOptions, until } from './test-support.ts';

const broker = brokerTests();
/** Two kills lose 10 records of work in each of 6 partitions; a slow machine may lose a session besides. */
const REPEATS_MAX = 300;
const MEMBER = fileURLToPath(new URL('./test-member.ts', import.meta.url));

/** A group member in another process and what it told. */
class Member {
  begun = 0;
  readonly handled: string[] = [];
  readonly results: string[] = [];
  readonly #child: ChildProcess;

  constructor(brokerAddress: string, topic: string, group: string, workMs: number) {
    const options = [MEMBER, brokerAddress, topic, group, String(workMs)];
    this.#child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'ignore'] });
    createInterface(this.#child.stdout!).on('line', (line) => {
      const step = JSON.parse(line) as { begun?: number; handled?: [number, string]; result?: string };
      if (step.begun !== undefined) this.begun++;
      if (step.handled !== undefined) this.handled.push(step.handled[1]);
      if (step.result !== undefined) this.results.push(step.result);
    });
  }

  freeze(frozen: boolean): void {
    this.#child.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
  }

  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await closed;
  }
}

/** Commits seen by an observer from outside: a partition's offset must never go back. */
class CommitWatch {
  readonly regressions: string[] = [];
  readonly #highest = new Map<number, number>();
  #running: Promise<void>;
  #stopped = false;

  constructor(bus: KafkaBus, topic: string, group: string) {
    this.#running = this.#watch(bus, topic, group);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #watch(bus: KafkaBus, topic: string, group: string): Promise<void> {
    while (!this.#stopped) {
      for (const { partition, committed } of await bus.topics.lag(topic, group)) {
        const before = this.#highest.get(partition) ?? 0;
        if (committed !== null && committed < before) this.regressions.push(`${partition}: ${before} to ${committed}`);
        this.#highest.set(partition, Math.max(before, committed ?? 0));
      }
      await sleep(100);
    }
  }
}

broker.test('members that are killed, join and leave lose nothing, and no commit goes back', async (kafka) => {
  const options = testOptions(kafka, { batchRecordsMax: 10 });
  const bus = await openBus(options);
  const topic = await makeTopic(bus, 'members', 6);
  const producer = bus.producer(topic);
  const watch = new CommitWatch(bus, topic.name, 'members');
  const publish = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n++) await producer.publish(`key ${n % 97}`, `${n}`);
    await producer.flush();
  };
  await publish(0, 2_000);
  const doomed = new Member(kafka.plaintext, topic.name, 'members', 20);
  const leaver = new Member(kafka.plaintext, topic.name, 'members', 20);
  await until('both processes work', () => doomed.handled.length > 50 && leaver.handled.length > 50);
  await doomed.kill();
  const [third, fourth] = [await openBus(options), await openBus(options)];
  const stayer = await Recorder.start(third, topic, 'members', 10);
  await publish(2_000, 3_000);
  await until('the newcomer works', () => stayer.seen.length > 50);
  const joiner = await Recorder.start(fourth, topic, 'members', 10);
  await until('the second newcomer has partitions', () => joiner.assignments.length > 0);
  await leaver.kill();
  const all = (): Set<string> => new Set([...doomed.handled, ...leaver.handled, ...stayer.values, ...joiner.values]);
  await until('everything was handled', () => all().size === 3_000, 60_000);
  await third.close();
  await fourth.close();
  await watch.stop();
  assert.deepEqual(watch.regressions, []);
  // What a killed process had committed was not done again: repeats are what it had handled and not committed.
  const repeated = doomed.handled.length + leaver.handled.length + stayer.seen.length + joiner.seen.length - 3_000;
  assert.ok(repeated <= REPEATS_MAX, `${repeated} records were handled twice`);
  await bus.close();
});

broker.test(
  'a broker that is killed and comes back loses nothing that was acknowledged, repeats and reorders nothing',
  async (kafka) => {
    const bus = await openBus(testOptions(kafka));
    const topic = await makeTopic(bus, 'restart', 3);
    const recorder = await Recorder.start(bus, topic, 'restart');
    const producer = bus.producer(topic);
    let published = 0;
    let stop = false;
    const publishing = (async () => {
      while (!stop) {
        await producer.publish(`key ${published % 10}`, `${published}`);
        published++;
        if (published % 20 === 0) await sleep(5);
      }
      await producer.flush();
    })();
    await until('records flow', () => recorder.seen.length > 200);
    await kafka.kill();
    await sleep(1_000);
    await kafka.start();
    const before = recorder.seen.length;
    await until('records flow again', () => recorder.seen.length > before + 200, 60_000);
    stop = true;
    await publishing;
    const offsets = (): Set<string> =>
      new Set(recorder.seen.map(({ partition, record }) => `${partition}:${record.offset}`));
    await until('everything is there', () => offsets().size >= published);
    // Delivered again after the restart is one thing, stored twice another: count by offset.
    const stored = new Map(recorder.seen.map(({ partition, record }) => [`${partition}:${record.offset}`, record]));
    assert.equal(stored.size, published);
    const byKey = new Map<string, number[]>();
    const inOrder = [...recorder.seen].sort((a, b) => a.record.offset - b.record.offset);
    const taken = new Set<string>();
    for (const { partition, record } of inOrder) {
      const place = `${partition}:${record.offset}`;
      if (taken.has(place)) continue;
      taken.add(place);
      byKey.set(record.key, [...(byKey.get(record.key) ?? []), Number(record.value)]);
    }
    for (const [key, values] of byKey) {
      const first = Number(key.slice('key '.length));
      assert.deepEqual(
        values,
        Array.from({ length: values.length }, (_, n) => first + n * 10),
      );
    }
    assert.equal(recorder.results.at(-1), 'committed');
    await bus.close();
  },
);

broker.test('a member that was frozen until others took over can not commit what it did before', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const topic = await makeTopic(bus, 'zombie', 1);
  const producer = bus.producer(topic);
  for (let n = 0; n < 5; n++) await producer.publish('k', `${n}`);
  await producer.flush();
  const zombie = new Member(kafka.plaintext, topic.name, 'zombie', 500);
  await until('its batch has begun', () => zombie.begun === 1);
  zombie.freeze(true);
  const heir = await Recorder.start(bus, topic, 'zombie');
  await until('the heir has done the work', () => heir.results.length === 1);
  await producer.publish('k', '5');
  await until('and goes on', () => heir.results.length === 2);
  zombie.freeze(false);
  await until('the zombie has tried to commit', () => zombie.results.length > 0);
  assert.equal(zombie.results[0], 'fenced');
  await zombie.kill();
  const [partition] = await bus.topics.lag(topic.name, 'zombie');
  assert.equal(partition?.committed, 6);
  assert.deepEqual(heir.values.slice(0, 6), ['0', '1', '2', '3', '4', '5']);
  await bus.close();
});

broker.test('closing without a broker ends in time and tells what was not acknowledged', async (kafka) => {
  const options = testOptions(kafka, { drainMs: 1_000 });
  const bus = await openBus({ ...options, closeTimeoutMs: 1_000 });
  const topic = await makeTopic(bus, 'closing', 1);
  const recorder = await Recorder.start(bus, topic, 'closing');
  const producer = bus.producer(topic);
  await producer.publish('k', 'acknowledged');
  await until('the first record is there', () => recorder.results.length === 1);
  await kafka.kill();
  await producer.publish('k', 'lost');
  const began = Date.now();
  await assert.rejects(bus.close(), { code: 'BIT_KAFKA_NOT_FLUSHED' });
  assert.ok(Date.now() - began < 8_000, `closing took ${Date.now() - began} ms`);
  await recorder.consumer.done;
});
