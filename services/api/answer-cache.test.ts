import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { AnswerCache } from './answer-cache.ts';

let now = 0;
let version: string | null = '1';
let made = 0;
let cache: AnswerCache;
const make = async (): Promise<Buffer> => Buffer.from(`answer ${++made}`);
const get = async (key: string): Promise<string> => String(await cache.get(key, make));

beforeEach(() => {
  [now, version, made] = [0, '1', 0];
  cache = new AnswerCache(
    {
      freshMs: 100,
      staleMs: 1000,
      askedMax: 2,
      busyStaleMs: 5000,
      entriesMax: 3,
      bytesMax: 30,
      version: async () => version,
    },
    () => now,
  );
});

test('an answer holds as long as the store is as it was', async () => {
  for (const time of [0, 500, 10_000, 1e9]) {
    now = time;
    assert.equal(await get('a'), 'answer 1');
  }
});

test('after a change the old answer is given once more at most for the time told, and the new one asked for', async () => {
  await get('a');
  now = 500;
  version = '2';
  assert.equal(await get('a'), 'answer 1');
  await Promise.resolve();
  assert.equal(await get('a'), 'answer 2');
  now = 2000;
  version = '3';
  assert.equal(await get('a'), 'answer 3');
});

test('while too many answers are being made an old one is given for longer, but not for ever', async () => {
  await get('a');
  const never = (): Promise<Buffer> => new Promise(() => {});
  void cache.get('b', never);
  void cache.get('c', never);
  await Promise.resolve();
  version = '2';
  now = 4999;
  assert.equal(await get('a'), 'answer 1');
  assert.equal(made, 1);
  now = 5000;
  assert.equal(await get('a'), 'answer 2');
});

test('where changes are not known an answer is old after a moment', async () => {
  version = null;
  assert.equal(await get('a'), 'answer 1');
  now = 99;
  assert.equal(await get('a'), 'answer 1');
  assert.equal(made, 1);
  now = 1000;
  assert.equal(await get('a'), 'answer 2');
});

test('who asks at the same time waits for one answer, and a failure is kept for nobody', async () => {
  const failing = async (): Promise<Buffer> => {
    made++;
    throw new Error('away');
  };
  const both = await Promise.allSettled([cache.get('a', failing), cache.get('a', failing)]);
  assert.deepEqual([both.map(({ status }) => status), made], [['rejected', 'rejected'], 1]);
  assert.equal(await get('a'), 'answer 2');
});

test('it holds no more answers and bytes than allowed', async () => {
  for (const key of ['a', 'b', 'c', 'd']) await get(key);
  assert.equal(await get('d'), 'answer 4');
  assert.equal(await get('a'), 'answer 5');
  assert.equal((await cache.get('long', async () => Buffer.alloc(100))).length, 100);
  assert.equal(await get('d'), 'answer 6');
});
