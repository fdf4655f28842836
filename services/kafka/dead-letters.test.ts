import assert from 'node:assert/strict';
import { brokerTests } from '../../load-tests/kafka/for-tests.ts';
import type { BusRecord, Consumer, Topic } from '../bus/bus.ts';
import {
  DEAD_LETTER_SELECTION_DEFAULTS,
  type KafkaBus,
  Keyring,
  sealedCodec,
  TOPIC_DEFAULTS,
  withDeadLetters,
} from './index.ts';
import { openBus } from './test-bus.ts';
import { makeTopic, Recorder, testOptions, textTopic, UNREADABLE, until } from './test-support.ts';

const broker = brokerTests();
const letters = (bus: KafkaBus): number => [...bus.deadLettersWritten.values()].reduce((sum, each) => sum + each, 0);

broker.test('an undecodable record goes to the dead letters as it came, and its partition goes on', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const topic = await makeTopic(bus, 'undecodable', 1);
  const producer = bus.producer(topic);
  const published = Date.now();
  for (const value of ['one', UNREADABLE, 'three', UNREADABLE])
    await producer.publish('clé', value, { traceparent: '00-7' });
  await producer.flush();
  const recorder = await Recorder.start(bus, topic, 'reading');
  await until('the good ones are handled', () => recorder.seen.length === 2);
  assert.deepEqual(recorder.values, ['one', 'three']);
  await until('both letters are written', () => letters(bus) === 2);
  const [letter, second, ...others] = await bus.deadLetters.list(topic.name);
  assert.deepEqual(others, []);
  assert.equal(letter?.key?.toString(), 'clé');
  assert.equal(letter?.value?.toString(), UNREADABLE);
  assert.equal(letter?.reason, 'BIT_TEST_UNREADABLE');
  assert.equal(letter?.error, 'The text is unreadable.');
  assert.equal(letter?.stage, 'reading');
  assert.deepEqual(letter?.origin, { topic: topic.name, partition: 0, offset: 1 });
  assert.ok(Math.abs((letter?.timestampMs ?? 0) - published) < 10_000);
  const headers = letter?.headers.map(([name, value]) => `${name}: ${value}`);
  assert.deepEqual(headers, ['content-type: text/plain', 'traceparent: 00-7']);
  assert.deepEqual(await bus.deadLetters.show(topic.name, 0, second!.offset), second);
  await assert.rejects(bus.deadLetters.show(topic.name, 0, 99), { code: 'BIT_DLQ_UNKNOWN' });
  await bus.close();
  // The last record was a dead letter: it is committed past all the same.
  const check = await openBus(testOptions(kafka));
  assert.equal((await check.topics.lag(topic.name, 'reading'))[0]?.lag, 0);
  await check.close();
});

broker.test(
  'a record that a handler can not use is a dead letter, and comes again when it is replayed',
  async (kafka) => {
    const bus = await openBus(testOptions(kafka));
    const topic = await makeTopic(bus, 'poison', 3);
    const producer = bus.producer(topic);
    for (const value of ['good', 'poison', 'better']) await producer.publish('k', value);
    await producer.flush();
    const used: BusRecord<string>[] = [];
    let cured = false;
    const consumer: Consumer = await bus.consumer(topic, 'stage', {
      batch: async ({ partition, records, nextOffset }) => {
        for (const record of records) {
          if (record.value === 'poison' && !cured) {
            await consumer.deadLetter(partition, record, { code: 'BIT_TEST_POISON', message: 'It breaks every rule.' });
          } else used.push(record);
        }
        await consumer.commit(partition, nextOffset);
      },
    });
    await until('the good ones are used', () => used.length === 2);
    const letters = await bus.deadLetters.list(topic.name, {
      ...DEAD_LETTER_SELECTION_DEFAULTS,
      reason: 'BIT_TEST_POISON',
    });
    assert.equal(letters.length, 1);
    cured = true;
    assert.equal(await bus.deadLetters.replay(letters), 1);
    await until('the replayed record is used', () => used.length === 3);
    assert.deepEqual([used[2]?.key, used[2]?.value, used[2]?.headers?.['bittern.dlq.replays']], ['k', 'poison', '1']);
    assert.equal(used[2]?.headers?.['bittern.dlq.reason'], undefined);
    await bus.close();
  },
);

broker.test(
  'a sealed topic shows no plaintext to the broker, and a stage without the key makes dead letters',
  async (kafka) => {
    const bus = await openBus(testOptions(kafka));
    const plain = await makeTopic(bus, 'sealed', 1);
    const key = (fill: number): Buffer => Buffer.alloc(32, fill);
    const sealed = (ring: Keyring): Topic<string> => ({ ...plain, codec: sealedCodec(plain.codec, ring) });
    const producer = bus.producer(sealed(new Keyring(new Map([['2026-11', key(1)]]), '2026-11')));
    await producer.publish('k', 'a secret prompt');
    await producer.flush();
    const stranger = await Recorder.start(bus, sealed(new Keyring(new Map([['other', key(2)]]), 'other')), 'stranger');
    await until('the letter is written', () => letters(bus) === 1);
    const [letter] = await bus.deadLetters.list('sealed');
    assert.equal(letter?.reason, 'BIT_SEAL_KEY_UNKNOWN');
    assert.match(letter?.error ?? '', /'2026-11'/);
    assert.ok(!letter?.value?.includes('secret'));
    assert.deepEqual(stranger.seen, []);
    const rotated = new Keyring(
      new Map([
        ['2026-11', key(1)],
        ['2026-12', key(3)],
      ]),
      '2026-12',
    );
    const friend = await Recorder.start(bus, sealed(rotated), 'friend');
    await until('the friend has read it', () => friend.seen.length === 1);
    assert.equal(friend.values[0], 'a secret prompt');
    assert.equal(friend.seen[0]?.record.headers?.['bittern.key-id'], '2026-11');
    await bus.close();
  },
);

broker.test('topics are made once, and what is wrong with those that exist is told in sentences', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const plan = { ...TOPIC_DEFAULTS, name: 'planned', replicas: 1, partitions: 3 };
  const plans = withDeadLetters(plan);
  assert.match(
    (await bus.topics.check(plans)).join('\n'),
    /'planned' does not exist.*3 partitions.*'planned\.dlq' does not/s,
  );
  assert.deepEqual(await bus.topics.create(plans), ['planned', 'planned.dlq']);
  assert.deepEqual(await bus.topics.create(plans), []);
  assert.deepEqual(await bus.topics.check(plans), []);
  const other = {
    ...plan,
    partitions: 4,
    replicas: 3,
    retentionMs: plan.retentionMs * 2,
    messageBytesMax: 5_000_000,
    cleanup: 'compact',
  } as const;
  const findings = await bus.topics.check([other]);
  assert.equal(findings.length, 6);
  assert.match(
    findings.join('\n'),
    /3 partitions instead of 4.*1 replica instead of 3.*min\.insync\.replicas=1 instead of 2.*24 h instead of 48 h.*1048588 bytes.*cleanup\.policy=delete/s,
  );
  assert.deepEqual(
    (await bus.topics.lag('planned', 'nobody')).map(({ committed, lag }) => [committed, lag]),
    [
      [null, 0],
      [null, 0],
      [null, 0],
    ],
  );
  await assert.rejects(bus.deadLetters.list('missing'), { code: 'BIT_KAFKA_TOPIC_MISSING' });
  await assert.rejects(bus.consumer(textTopic('missing'), 'g', { batch: () => Promise.resolve() }), {
    code: 'BIT_KAFKA_TOPIC_MISSING',
  });
  await bus.close();
});
