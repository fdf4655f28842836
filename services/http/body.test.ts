import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BODY_DEFAULTS, BodyCollector } from './body.ts';

test('body: pieces are joined, and the giver may use its buffer again', () => {
  const body = new BodyCollector(BODY_DEFAULTS, 0);
  const piece = Buffer.alloc(1000);
  for (let n = 0; n < 50; n++) body.data(piece.fill(n));
  piece.fill(255);
  assert.equal(body.length, 50_000);
  assert.ok(body.bytes.every((byte, index) => byte === Math.floor(index / 1000)));
  assert.ok(body.intact);
});

test('body: a known length is allocated once and exactly, an incredible one only up to the limit', () => {
  const body = new BodyCollector(BODY_DEFAULTS, 50_000);
  body.data(Buffer.alloc(10));
  assert.equal(body.heldBytes, 50_000);
  const huge = new BodyCollector(BODY_DEFAULTS, 1e12);
  huge.data(Buffer.alloc(10));
  assert.equal(huge.heldBytes, BODY_DEFAULTS.hintBytesMax);
});

test('body: more than the limit is counted and not kept', () => {
  const body = new BodyCollector({ bodyBytesMax: 10_000, hintBytesMax: 100 }, 0);
  for (let n = 0; n < 3; n++) body.data(Buffer.alloc(6000, n));
  assert.equal(body.length, 10_000);
  assert.equal(body.droppedBytes, 8000);
  assert.ok(body.heldBytes <= 10_000);
  assert.ok(!body.intact);
});

test('body: gaps are known with their places', () => {
  const body = new BodyCollector(BODY_DEFAULTS, 0);
  body.data(Buffer.from('ab'));
  body.gap(3);
  body.data(Buffer.from('cd'));
  body.gap(0);
  assert.deepEqual(body.gaps, [
    { at: 2, missing: 3 },
    { at: 4, missing: 0 },
  ]);
  assert.equal(body.missingBytes, 3);
  assert.equal(body.gapCount, 2);
  assert.equal(body.bytes.toString(), 'abcd');
});
