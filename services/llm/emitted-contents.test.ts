import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentHash } from '../common/types.ts';
import { EmittedContents } from './emitted-contents.ts';

const hash = (n: number): ContentHash => `h${n}` as ContentHash;

test('what is used is known for as long as no more is in use than fits; the rest is forgotten, and that is told', () => {
  const emitted = new EmittedContents(100);
  for (let n = 0; n < 20; n++) emitted.add(hash(n));
  const { epoch } = emitted;
  for (let n = 1000; n < 1400; n++) {
    emitted.add(hash(n));
    for (let used = 0; used < 20; used++) assert.equal(emitted.has(hash(used)), true);
    assert.ok(emitted.size <= 100);
  }
  assert.equal(emitted.has(hash(1000)), false);
  assert.notEqual(emitted.epoch, epoch);
});

test('twice a day all is forgotten, so that contents in use are stored again before their retention ends', () => {
  let now = 0;
  const emitted = new EmittedContents(100, () => now);
  emitted.add(hash(1));
  const { epoch } = emitted;
  now = 11 * 3600 * 1000;
  assert.deepEqual([emitted.epoch, emitted.has(hash(1))], [epoch, true]);
  now = 12 * 3600 * 1000;
  assert.notEqual(emitted.epoch, epoch);
  assert.equal(emitted.has(hash(1)), false);
});

test('with no room everything is emitted every time', () => {
  const emitted = new EmittedContents(0);
  emitted.add(hash(1));
  assert.deepEqual([emitted.has(hash(1)), emitted.size], [false, 0]);
});
