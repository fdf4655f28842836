import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { timeRanges } from './existing.ts';
import { KnownContents } from './known-contents.ts';
import { SinkQueue } from './sink-queue.ts';
import { callObservation, contentOf, sampleCall, sampleExchange } from './testing.ts';

describe('the queue of the sink', () => {
  const message = contentOf('message', 'm'.repeat(10_000));

  it('weighs a content once, however many waiting calls bring it, and keeps one copy', () => {
    const queue = new SinkQueue(new KnownContents(100));
    queue.push(callObservation(sampleCall(0), [message]));
    const first = queue.bytes;
    queue.push(callObservation(sampleCall(1), [{ ...message }]));
    assert.ok(queue.bytes - first < 5000, `${queue.bytes - first}`);
    const { entries } = queue.take(10, 1e9);
    assert.equal(entries[1]?.contents[0], entries[0]?.contents[0]);
  });

  it('drops contents that are stored already', () => {
    const known = new KnownContents(100);
    known.add(message.hash);
    const queue = new SinkQueue(known);
    queue.push(callObservation(sampleCall(0), [message]));
    assert.deepEqual(queue.take(1, 1).entries[0]?.contents, []);
  });

  it('cuts batches by rows and by bytes, in order, and counts down to nothing', () => {
    const queue = new SinkQueue(new KnownContents(100));
    for (let n = 0; n < 25; n++) queue.push({ type: 'exchange', exchange: sampleExchange(n) });
    const sizes: number[] = [];
    for (const [rows, bytes] of [
      [10, 1e9],
      [100, 5000],
      [100, 1],
      [100, 1e9],
    ] as const) {
      sizes.push(queue.take(rows, bytes).entries.length);
    }
    assert.deepEqual(sizes, [10, 5, 1, 9]);
    assert.deepEqual([queue.length, queue.bytes], [0, 0]);
  });
});

describe('known contents', () => {
  it('are bounded in number, and those in use stay', () => {
    const known = new KnownContents(100);
    for (let n = 0; n < 10_000; n++) {
      known.add(`hash-${n}`);
      assert.ok(known.has('hash-0'));
      assert.ok(known.size <= 101);
    }
    assert.ok(!known.has('hash-1'));
  });

  it('are stored again after a day, so that they outlive the calls that name them', () => {
    let now = 0;
    const known = new KnownContents(100, () => now);
    known.add('a');
    now = 23 * 3600 * 1000;
    assert.ok(known.has('a'));
    now = 25 * 3600 * 1000;
    assert.ok(!known.has('a'));
  });
});

describe('time ranges', () => {
  const hour = 3_600_000_000;

  it('are one for each cluster of times, a little wider than it', () => {
    const base = 500 * hour;
    assert.deepEqual(timeRanges([base + 5, base, base + 3 * hour]), [
      { from: base - 10_000_000, to: base + 10_000_005 },
      { from: base + 3 * hour - 10_000_000, to: base + 3 * hour + 10_000_000 },
    ]);
  });

  it('are one for all when there would be too many, and never begin before 1970', () => {
    assert.deepEqual(timeRanges(Array.from({ length: 40 }, (_, i) => i * hour)), [
      { from: 0, to: 39 * hour + 10_000_000 },
    ]);
  });
});
