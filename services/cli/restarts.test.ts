import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESTARTS_MAX, Restarts } from './restarts.ts';

test('waits grow, and after some ends in a row it is over', () => {
  const restarts = new Restarts();
  const delays = Array.from({ length: RESTARTS_MAX + 1 }, () => restarts.delayAfter(1_000));
  assert.deepEqual(delays, [250, 500, 1_000, 2_000, 4_000, null]);
});

test('a long run begins a new row', () => {
  const restarts = new Restarts();
  for (let end = 0; end < 4; end++) restarts.delayAfter(10);
  assert.equal(restarts.delayAfter(3_600_000), 250);
});
