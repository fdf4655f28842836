import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlowWatch } from './flow-watch.ts';

const STALL_MS = 1_000;
const flow = (waiting: number, done: number) => ({
  reason: 'stalled',
  subject: 'reading x',
  waiting,
  done,
  problem: '',
});

/** Whether it is ready after each look, one every half second. */
function looks(steps: readonly [waiting: number, done: number][]): boolean[] {
  const watch = new FlowWatch(STALL_MS);
  return steps.map(([waiting, done], at) => {
    watch.look([flow(waiting, done)], [], at * 500);
    return watch.reasons.length === 0;
  });
}

test('work that waits while none gets done is a stall after a while, and none as soon as some is done', () => {
  assert.deepEqual(
    looks([
      [5, 1],
      [5, 1],
      [5, 1],
      [9, 1],
      [9, 2],
      [9, 2],
    ]),
    [true, true, false, false, true, true],
  );
});

test('nothing that waits, and slow work, are no stalls', () => {
  assert.deepEqual(
    looks([
      [0, 1],
      [0, 1],
      [0, 1],
      [0, 1],
    ]),
    [true, true, true, true],
  );
  assert.deepEqual(
    looks([
      [5, 1],
      [50, 2],
      [500, 3],
      [5000, 4],
    ]),
    [true, true, true, true],
  );
});

test('the time counts from when the work began to wait', () => {
  assert.deepEqual(
    looks([
      [0, 1],
      [0, 1],
      [0, 1],
      [3, 1],
      [3, 1],
      [3, 1],
    ]),
    [true, true, true, true, true, false],
  );
});

test('a condition counts once its grace is over, and is told in its own words', () => {
  const watch = new FlowWatch(STALL_MS);
  const down = (problem: string) => [{ reason: 'store_down', problem, graceMs: 600 }];
  watch.look([], down('It is down.'), 0);
  watch.look([], down('It is down.'), 500);
  assert.deepEqual(watch.reasons, []);
  watch.look([], down('It is down.'), 1000);
  assert.deepEqual(watch.reasons, [{ reason: 'store_down', message: 'It is down.' }]);
  watch.look([], down(''), 1500);
  assert.deepEqual(watch.reasons, []);
  watch.look([], down('It is down.'), 2000);
  assert.deepEqual(watch.reasons, []);
});

test('one flow that moves does not hide another that stands still', () => {
  const watch = new FlowWatch(STALL_MS);
  const still = { ...flow(2, 7), subject: 'reading y', problem: 'TIMEOUT 159' };
  for (const at of [0, 500, 1000]) watch.look([flow(5, at), still], [], at);
  assert.deepEqual(watch.reasons, [
    { reason: 'stalled', message: 'reading y: nothing got done for 1 s while 2 wait (TIMEOUT 159).' },
  ]);
});
