import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StreamTiming } from './stream-timing.ts';

test('the median of the gaps is that of sorting them, and the largest counts beyond the limit, too', () => {
  const gap = fc.oneof(fc.nat({ max: 5 }), fc.nat(), fc.integer({ min: -5, max: 0 }));
  fc.assert(
    fc.property(fc.array(gap, { minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 300 }), (gaps, gapsMax) => {
      const timing = new StreamTiming(gapsMax);
      let time = 1_795_000_000_000_000;
      timing.content(time);
      for (const each of gaps) timing.content((time += each));
      const seen = gaps.map((each) => Math.max(0, each));
      const kept = seen.slice(0, gapsMax).sort((a, b) => a - b);
      const expected = { p50Ms: kept[(kept.length - 1) >> 1]! / 1000, maxMs: Math.max(...seen) / 1000 };
      assert.deepEqual(timing.gaps(), expected);
      // It may be asked while more comes.
      assert.deepEqual(timing.gaps(), expected);
    }),
  );
});

test('gaps in an order that halves badly are sorted in no time', () => {
  // What makes the middle the smallest of what is left, again and again.
  const values = Array.from({ length: 20_000 }, (_, n) => n);
  for (let left = 0; left < values.length - 1; left++) {
    const middle = (left + values.length - 1) >> 1;
    [values[left], values[middle]] = [values[middle]!, values[left]!];
  }
  const timing = new StreamTiming(20_000);
  let time = 0;
  timing.content(time);
  for (const each of values.reverse()) timing.content((time += each));
  const started = performance.now();
  assert.equal(timing.gaps()?.p50Ms, 9_999 / 1000);
  assert.ok(performance.now() - started < 1000);
});

test('a stream of one piece has no gaps', () => {
  const timing = new StreamTiming(10);
  timing.content(5);
  assert.deepEqual([timing.gaps(), timing.first, timing.count], [null, 5, 1]);
});
