import assert from 'node:assert/strict';
import { test } from 'node:test';
import { murmur2, partitionOf } from './partition.ts';

test('murmur2 gives what the Java client documents for these keys', () => {
  // From Kafka's own UtilsTest.testMurmur2.
  const expected: readonly (readonly [string, number])[] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  for (const [key, hash] of expected) assert.equal(murmur2(Buffer.from(key)), hash);
});

test('a partition is never negative and always below the count', () => {
  for (let n = 0; n < 1000; n++) {
    const partition = partitionOf(Buffer.from(`key ${n}`), 7);
    assert.ok(partition >= 0 && partition < 7);
  }
});
