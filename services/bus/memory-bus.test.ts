import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Topic } from './bus.ts';
import { MEMORY_BUS_DEFAULTS, MemoryBus } from './memory-bus.ts';

const TEXTS: Topic<string> = {
  name: 'texts',
  codec: { encode: (value) => Buffer.from(value), decode: (bytes) => bytes.toString() },
  sizeOf: (value) => value.length,
};

test('every group is given every record in order', async () => {
  const bus = new MemoryBus();
  const seen: Record<string, string[]> = { a: [], b: [] };
  for (const group of ['a', 'b']) {
    await bus.consumer(TEXTS, group, {
      batch: async (batch) => {
        for (const record of batch.records) seen[group]?.push(`${record.offset}:${record.key}=${record.value}`);
      },
    });
  }
  const producer = bus.producer(TEXTS);
  for (let n = 0; n < 200; n++) await producer.publish(`k${n}`, `v${n}`);
  await bus.drained(TEXTS);
  const expected = Array.from({ length: 200 }, (_, n) => `${n}:k${n}=v${n}`);
  assert.deepEqual(seen.a, expected);
  assert.deepEqual(seen.b, expected);
  await bus.close();
});

test('a publisher waits while the undelivered bytes are at the limit, and goes on when they are taken', async () => {
  const bus = new MemoryBus({ ...MEMORY_BUS_DEFAULTS, queueBytesMax: 10, batchRecordsMax: 1 });
  const held: (() => void)[] = [];
  await bus.consumer(TEXTS, 'slow', { batch: () => new Promise<void>((resolve) => held.push(resolve)) });
  const release = async (): Promise<void> => {
    while (held.length === 0) await sleep(1);
    held.shift()?.();
  };
  const producer = bus.producer(TEXTS);
  await producer.publish('k', '12345');
  let published = false;
  const waiting = producer.publish('k', '67890').then(() => {
    published = true;
  });
  await sleep(5);
  assert.equal(published, false);
  await release();
  await waiting;
  await release();
  await bus.close();
});

test('a failing consumer reports its error by `done` and does not block the publisher', async () => {
  const bus = new MemoryBus({ ...MEMORY_BUS_DEFAULTS, queueBytesMax: 1 });
  const consumer = await bus.consumer(TEXTS, 'broken', {
    batch: async () => {
      throw new Error('boom');
    },
  });
  await bus.producer(TEXTS).publish('k', 'v');
  await assert.rejects(consumer.done, /boom/);
  await bus.drained(TEXTS);
});

test('with serialize on, values pass through the codec', async () => {
  const bus = new MemoryBus({ ...MEMORY_BUS_DEFAULTS, serialize: true });
  const topic: Topic<{ text: string }> = {
    name: 'objects',
    codec: { encode: (value) => Buffer.from(JSON.stringify(value)), decode: (bytes) => JSON.parse(bytes.toString()) },
    sizeOf: () => 1,
  };
  const sent = { text: 'hello' };
  const received: { text: string }[] = [];
  await bus.consumer(topic, 'g', {
    batch: async (batch) => {
      for (const record of batch.records) received.push(record.value);
    },
  });
  await bus.producer(topic).publish('k', sent);
  await bus.drained(topic);
  assert.deepEqual(received, [sent]);
  assert.notEqual(received[0], sent);
  await bus.close();
});

test('a handler can commit and put a record into the dead letters from its first batch on', async () => {
  const bus = new MemoryBus();
  const results: string[] = [];
  const consumer = await bus.consumer(TEXTS, 'group', {
    batch: async (batch) => {
      for (const record of batch.records) {
        if (record.value === 'bad') {
          await consumer.deadLetter(batch.partition, record, { code: 'BIT_TEST', message: 'It is bad.' });
        }
      }
      results.push(await consumer.commit(batch.partition, batch.nextOffset));
    },
  });
  const producer = bus.producer(TEXTS);
  await producer.publish('k', 'good', { traceparent: '00-1' });
  await producer.publish('k', 'bad');
  await bus.drained(TEXTS);
  assert.deepEqual(results, ['committed']);
  const [dead, ...others] = bus.deadLetters(TEXTS);
  assert.deepEqual(others, []);
  assert.equal(dead?.record.value, 'bad');
  assert.equal(dead?.poison.code, 'BIT_TEST');
  await bus.close();
});

test('with partitions, each key keeps to one and to its order, and a slow partition holds no other back', async () => {
  const bus = new MemoryBus({ ...MEMORY_BUS_DEFAULTS, batchRecordsMax: 4, partitions: { texts: 3 } });
  const seen = new Map<string, { readonly partitions: Set<number>; readonly values: string[] }>();
  const offsets: number[][] = [[], [], []];
  let slow = (): void => {};
  const held = new Promise<void>((resolve) => {
    slow = resolve;
  });
  let assigned: readonly number[] = [];
  const consumer = await bus.consumer(TEXTS, 'group', {
    assigned: (assignments) => {
      assigned = assignments.map(({ partition }) => partition);
    },
    batch: async ({ partition, records, nextOffset }) => {
      if (partition === 0) await held;
      for (const { key, value, offset } of records) {
        const before = seen.get(key) ?? { partitions: new Set(), values: [] };
        seen.set(key, before);
        before.partitions.add(partition);
        before.values.push(value);
        offsets[partition]!.push(offset);
      }
      await consumer.commit(partition, nextOffset);
    },
  });
  const producer = bus.producer(TEXTS);
  for (let n = 0; n < 300; n++) await producer.publish(`key ${n % 30}`, String(n));
  await sleep(5);
  assert.deepEqual(assigned, [0, 1, 2]);
  assert.ok(offsets[0]!.length === 0 && offsets[1]!.length > 30 && offsets[2]!.length > 30);
  slow();
  await bus.drained(TEXTS);
  assert.equal(seen.size, 30);
  for (const [key, { partitions, values }] of seen) {
    assert.equal(partitions.size, 1, key);
    assert.deepEqual(
      values,
      Array.from({ length: 10 }, (_, n) => String(n * 30 + Number(key.slice(4)))),
    );
  }
  for (const each of offsets)
    assert.deepEqual(
      each,
      each.map((_, n) => n),
    );
  assert.deepEqual(
    bus.committed(TEXTS, 'group'),
    offsets.map(({ length }) => length),
  );
  await bus.close();
});

test('the failure of one partition is that of the group', async () => {
  const bus = new MemoryBus({ ...MEMORY_BUS_DEFAULTS, partitions: { texts: 2 } });
  const consumer = await bus.consumer(TEXTS, 'broken', {
    batch: async ({ partition }) => {
      if (partition === 1) throw new Error('boom');
    },
  });
  const producer = bus.producer(TEXTS);
  for (let n = 0; n < 20; n++) await producer.publish(`k${n}`, 'v');
  await assert.rejects(consumer.done, /boom/);
  await bus.drained(TEXTS);
});
