import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { brokerTests } from '../../load-tests/kafka/for-tests.ts';
import type { Assignment, Consumer } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import { KafkaClients } from './clients.ts';
import { readCredentials } from './security.ts';
import { openBus } from './test-bus.ts';
import { makeTopic, Recorder, testOptions, until } from './test-support.ts';

/** Incompressible, so that limits on the wire and in memory are the same. */
const noise = (length: number): string =>
  Array.from({ length }, () => Math.floor(Math.random() * 36).toString(36)).join('');

const broker = brokerTests();
const warnings: string[] = [];
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`));

broker.test('records of one key keep their order and their headers, and come once', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const topic = await makeTopic(bus, 'order', 7);
  const producer = bus.producer(topic);
  for (let n = 0; n < 3000; n++) await producer.publish(`key-${n % 50}`, `{"n":${n}}`, { traceparent: `00-${n}` });
  await producer.flush();
  const recorder = await Recorder.start(bus, topic, 'order');
  await until('all records are there', () => recorder.seen.length >= 3000);
  const byKey = new Map<string, number[]>();
  for (const { record } of recorder.seen) {
    const { n } = JSON.parse(record.value) as { n: number };
    assert.equal(record.headers?.traceparent, `00-${n}`);
    assert.equal(record.headers?.['content-type'], 'text/plain');
    byKey.set(record.key, [...(byKey.get(record.key) ?? []), n]);
  }
  for (const [key, numbers] of byKey) {
    const first = Number(key.slice('key-'.length));
    assert.deepEqual(
      numbers,
      Array.from({ length: 60 }, (_, n) => first + n * 50),
    );
  }
  await bus.close();
});

broker.test('a key lands where the other client (and Java) would put it', async (kafka) => {
  const options = testOptions(kafka);
  const bus = await openBus(options);
  const topic = await makeTopic(bus, 'partitions', 7);
  const keys = Array.from({ length: 300 }, (_, n) => `key ${n} é`);
  const ours = bus.producer(topic);
  for (const key of keys) await ours.publish(key, 'ours');
  await ours.flush();
  const { kafkajs } = new KafkaClients(options, readCredentials(options.security, {}));
  const theirs = kafkajs.producer({
    createPartitioner: (await import('kafkajs')).default.Partitioners.DefaultPartitioner,
  });
  await theirs.connect();
  await theirs.send({ topic: topic.name, messages: keys.map((key) => ({ key, value: 'theirs' })) });
  await theirs.disconnect();
  const recorder = await Recorder.start(bus, topic, 'partitions');
  await until('all records are there', () => recorder.seen.length >= 600);
  const placed = (value: string) =>
    recorder.seen
      .filter(({ record }) => record.value === value)
      .map(({ partition, record }) => `${record.key}: ${partition}`)
      .sort();
  assert.deepEqual(placed('ours'), placed('theirs'));
  await bus.close();
});

broker.test('a successor begins at the committed offset and is given the metadata of that commit', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const topic = await makeTopic(bus, 'metadata', 1);
  const producer = bus.producer(topic);
  for (let n = 0; n < 10; n++) await producer.publish('k', `${n}`);
  await producer.flush();
  const seen: string[] = [];
  const first = await bus.consumer(topic, 'metadata', {
    batch: async ({ records }) => {
      for (const record of records) seen.push(record.value);
    },
  });
  await until('the first consumer has read', () => seen.length === 10);
  // Much later than the batch, as after a sink's acknowledgement; the lower offset after it doesn't take it back.
  await sleep(300);
  assert.equal(await first.commit(0, 7, 'checkpoint é'), 'committed');
  assert.equal(await first.commit(0, 5, 'older'), 'committed');
  await first.close();
  assert.deepEqual(await bus.topics.lag('metadata', 'metadata'), [{ partition: 0, end: 10, committed: 7, lag: 3 }]);
  const successor = await Recorder.start(bus, topic, 'metadata');
  await until('the successor has read', () => successor.seen.length >= 3);
  const [{ epoch: _, ...assignment }] = successor.assignments as [Assignment];
  assert.deepEqual(assignment, { partition: 0, offset: 7, metadata: 'checkpoint é' });
  assert.deepEqual(successor.values, ['7', '8', '9']);
  await bus.close();
});

broker.test('a rebalance revokes before it assigns, refuses the late commit, and loses nothing', async (kafka) => {
  const [one, two] = [await openBus(testOptions(kafka)), await openBus(testOptions(kafka))];
  const topic = await makeTopic(one, 'rebalance', 6);
  const producer = one.producer(topic);
  const publish = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n++) await producer.publish(`key ${n}`, `${n}`);
    await producer.flush();
  };
  await publish(0, 500);
  const first = await Recorder.start(one, topic, 'rebalance', 30);
  await until('the first consumer has begun', () => first.seen.length > 50);
  const second = await Recorder.start(two, topic, 'rebalance', 30);
  await until('both have joined', () => second.assignments.length > 0 && first.assignments.length > 6);
  const own = new Set(first.assignments.slice(6).map(({ partition }) => partition));
  const lost = first.assignments.slice(0, 6).find(({ partition }) => !own.has(partition))!;
  const kept = first.assignments.slice(6)[0]!;
  assert.deepEqual([...first.revoked].sort(), [0, 1, 2, 3, 4, 5]);
  assert.equal(await first.consumer.commit(lost.partition, 1_000_000, 'late', lost.epoch), 'fenced');
  assert.equal(await first.consumer.commit(kept.partition, 1_000_000, 'late', lost.epoch), 'fenced');
  await publish(500, 1000);
  const all = (): Set<string> => new Set([...first.values, ...second.values]);
  await until('everything was handled', () => all().size === 1000);
  await until('everything is committed', () => first.seen.length + second.seen.length >= 1000);
  await one.close();
  await two.close();
  const check = await openBus(testOptions(kafka));
  const lag = await check.topics.lag(topic.name, 'rebalance');
  assert.equal(
    lag.reduce((sum, each) => sum + each.lag, 0),
    0,
  );
  await check.close();
});

broker.test('work that runs when partitions are taken is finished and committed first', async (kafka) => {
  const [one, two] = [await openBus(testOptions(kafka)), await openBus(testOptions(kafka))];
  const topic = await makeTopic(one, 'drain', 1);
  const producer = one.producer(topic);
  for (let n = 0; n < 5; n++) await producer.publish('k', `${n}`);
  await producer.flush();
  const steps: string[] = [];
  let consumer: Consumer | undefined;
  consumer = await one.consumer(topic, 'drain', {
    batch: async ({ records }) => {
      steps.push(`begin ${records.length}`);
      await sleep(700);
      steps.push('end');
    },
    revoked: async ([partition]) => {
      steps.push('revoked');
      await sleep(100);
      steps.push(await consumer!.commit(partition!, 5, 'drained'));
    },
  });
  await until('the batch has begun', () => steps.length === 1);
  const second = await Recorder.start(two, topic, 'drain');
  await until('the group is rebalanced', () => steps.includes('committed'));
  assert.deepEqual(steps.slice(0, 4), ['begin 5', 'end', 'revoked', 'committed']);
  await one.close();
  await until('the other consumer owns it', () => second.assignments.length > 0);
  assert.deepEqual([second.assignments[0]?.offset, second.assignments[0]?.metadata], [5, 'drained']);
  await two.close();
});

broker.test('a batch that outlasts the drain deadline is given up, and its commit is fenced', async (kafka) => {
  const options = testOptions(kafka, { drainMs: 500 });
  const [one, two] = [await openBus(options), await openBus(options)];
  const topic = await makeTopic(one, 'deadline', 1);
  const producer = one.producer(topic);
  await producer.publish('k', 'v');
  await producer.flush();
  let late: Promise<string> | undefined;
  let ended = false;
  const epochs: number[] = [];
  const consumer: Consumer = await one.consumer(topic, 'deadline', {
    assigned: (assignments) => {
      epochs.push(...assignments.map(({ epoch }) => epoch));
    },
    batch: ({ partition, nextOffset }) => {
      late ??= sleep(4_000).then(() => {
        ended = true;
        return consumer.commit(partition, nextOffset, 'late', epochs[0]);
      });
      return late.then(() => {});
    },
  });
  await until('the batch has begun', () => late !== undefined);
  const second = await Recorder.start(two, topic, 'deadline');
  await until('the group is rebalanced', () => second.assignments.length + epochs.length > 1);
  assert.equal(ended, false, 'the group did not wait for the batch');
  assert.equal(await late, 'fenced');
  await one.close();
  await until('the record was handled again', () => second.seen.length === 1);
  await two.close();
});

broker.test(
  'while a handler waits, memory stays bounded, the member stays in the group, and all goes on afterwards',
  async (kafka) => {
    const options = testOptions(kafka);
    const limits = {
      queueBytesMax: 400_000,
      queuePartitionBytesMax: 200_000,
      fetchPartitionBytesMax: 100_000,
      batchBytesMax: 50_000,
    };
    const bus = await openBus({ ...options, consumer: { ...options.consumer, ...limits } });
    const topic = await makeTopic(bus, 'backpressure', 2);
    const producer = bus.producer(topic);
    for (let n = 0; n < 600; n++) await producer.publish(`key ${n}`, noise(5_000));
    await producer.flush();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let handled = 0;
    let assigned = 0;
    await bus.consumer(topic, 'backpressure', {
      assigned: () => {
        assigned++;
      },
      batch: async ({ records }) => {
        await held;
        handled += records.length;
      },
    });
    // Longer than the session timeout.
    await sleep(5_000);
    const waiting = bus.consumerStats[0]?.queuedBytes ?? 0;
    assert.ok(waiting > 100_000 && waiting < 800_000, `${waiting} bytes are waiting`);
    release();
    await until('everything is handled', () => handled === 600);
    assert.equal(assigned, 1);
    const { records, rebalances, restarts, partitions } = bus.consumerStats[0]!;
    assert.deepEqual([records, rebalances, restarts, [...partitions].sort()], [600, 1, 0, [0, 1]]);
    await bus.close();
  },
);

broker.test('a partition that was paused when the group was rebalanced goes on, whoever has it then', async (kafka) => {
  const limits = {
    queuePartitionBytesMax: 50_000,
    fetchPartitionBytesMax: 50_000,
    batchBytesMax: 20_000,
    drainMs: 500,
  };
  const [one, two] = [await openBus(testOptions(kafka, limits)), await openBus(testOptions(kafka, limits))];
  const topic = await makeTopic(one, 'paused', 2);
  const producer = one.producer(topic);
  for (let n = 0; n < 200; n++) await producer.publish(`key ${n}`, `${n}: ${noise(5_000)}`);
  await producer.flush();
  const held = Promise.withResolvers<void>();
  const seen = new Set<string>();
  await one.consumer(topic, 'paused', {
    batch: async ({ records }) => {
      await held.promise;
      for (const { value } of records) seen.add(value);
    },
  });
  await until('both partitions are paused', () => one.consumerStats[0]?.pausedPartitions.length === 2);
  const second = await Recorder.start(two, topic, 'paused');
  await until('each has one of them', () => second.assignments.length === 1);
  held.resolve();
  await until('everything is handled', () => new Set([...seen, ...second.values]).size === 200);
  await one.close();
  await two.close();
});

broker.test('a handler that rejects fails the consumer, and says why', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const topic = await makeTopic(bus, 'failing', 1);
  const producer = bus.producer(topic);
  await producer.publish('k', 'v');
  const consumer = await bus.consumer(topic, 'failing', { batch: () => Promise.reject(new Error('no disk')) });
  await assert.rejects(consumer.done, /no disk/);
  await bus.close();
});

broker.test('a record over the limit is refused clearly, and the next one is taken', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const topic = await makeTopic(bus, 'oversized', 1);
  const producer = bus.producer(topic);
  await assert.rejects(producer.publish('k', 'x'.repeat(250_000)), (error) => {
    assert.ok(error instanceof BitternError);
    assert.equal(error.code, 'BIT_KAFKA_RECORD_TOO_LARGE');
    assert.match(error.message, /max\.message\.bytes/);
    return true;
  });
  await producer.publish('k', 'small');
  await producer.flush();
  const recorder = await Recorder.start(bus, topic, 'oversized');
  await until('the small record is there', () => recorder.seen.length === 1);
  await bus.close();
});

broker.test('publishing to a topic that is not there says so', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  await assert.rejects(bus.producer({ ...(await makeTopic(bus, 'there', 1)), name: 'nowhere' }).publish('k', 'v'), {
    code: 'BIT_KAFKA_TOPIC_MISSING',
  });
  await bus.close();
});

broker.test('a group that reads two topics is given each topic in full', async (kafka) => {
  const [one, two] = [await openBus(testOptions(kafka)), await openBus(testOptions(kafka))];
  const topics = [await makeTopic(one, 'group-a', 2), await makeTopic(one, 'group-b', 2)] as const;
  for (const topic of topics) {
    const producer = one.producer(topic);
    for (let n = 0; n < 20; n++) await producer.publish(`key ${n}`, `${topic.name} ${n}`);
    await producer.flush();
  }
  const recorders = [await Recorder.start(one, topics[0], 'both'), await Recorder.start(two, topics[1], 'both')];
  await until('both are read', () => recorders.every((recorder) => recorder.seen.length === 20));
  for (const [n, recorder] of recorders.entries()) {
    assert.ok(recorder.values.every((value) => value.startsWith(`${topics[n]?.name} `)));
  }
  await one.close();
  await two.close();
});

broker.test('a flush ends although others go on publishing, and what was flushed is there', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const topic = await makeTopic(bus, 'flush', 2);
  const producer = bus.producer(topic);
  await producer.publish('first', 'first');
  let flushed = false;
  const others = (async () => {
    for (let n = 0; !flushed; n++) await producer.publish(`key ${n}`, 'x'.repeat(10_000));
  })();
  await producer.flush();
  flushed = true;
  const ends = await bus.topics.lag(topic.name, 'nobody');
  assert.ok(ends.reduce((sum, { end }) => sum + end, 0) >= 1);
  await others;
});

broker.test('none of this made Node warn, not of negative timers either', async () => {
  assert.deepEqual(
    warnings.filter((warning) => !warning.startsWith('ExperimentalWarning')),
    [],
  );
});
