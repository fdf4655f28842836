import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cutText, ownText } from './text.ts';

test('a text of its own says the same', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.constant('a\ud83d b\ude00'));
  fc.assert(fc.property(text, fc.nat(20), (some, most) => assert.equal(ownText(some, most), cutText(some, most))));
});

test('a text of its own does not hold the long one that it was cut from', () => {
  assert.ok(globalThis.gc, 'run with --expose-gc');
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: 50 }, (_, n) => ownText(JSON.parse(`"${n}${'reed '.repeat(200_000)}"`), 300));
  globalThis.gc();
  const grown = process.memoryUsage().heapUsed - before;
  assert.equal(kept[7]!.length, 300);
  assert.ok(grown < 10_000_000, `${grown} bytes for ${kept.length} texts`);
});
