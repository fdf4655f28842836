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
