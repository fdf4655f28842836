import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyBuffers, RequestBody } from './request-body.ts';

const pieces = fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 12 });

test('pieces of any length stand together again, in fresh memory and in used', () => {
  const buffers = new BodyBuffers();
  fc.assert(
    fc.property(pieces, fc.nat({ max: 50_000 }), (some, hint) => {
      const body = new RequestBody(buffers, 1_000_000, hint);
      for (const piece of some) body.data(Buffer.from(piece));
      assert.ok(body.bytes.equals(Buffer.concat(some)));
      body.release();
      assert.deepEqual([body.heldBytes, body.bytes.length], [0, 0]);
    }),
  );
});

test('a body over the limit is kept up to it, and the rest counted', () => {
  const body = new RequestBody(new BodyBuffers(), 5, 100);
  body.data(Buffer.from('abc'));
  body.data(Buffer.from('defgh'));
  assert.deepEqual([body.bytes.toString(), body.droppedBytes], ['abcde', 3]);
});

test('what came before the first hole is all that counts', () => {
  const body = new RequestBody(new BodyBuffers(), 100, 0);
  body.data(Buffer.from('abc'));
  body.gap();
  body.data(Buffer.from('def'));
  body.gap();
  assert.equal(body.bytes.toString(), 'abc');
});

test('memory that was given back is used again, and never by two at once', () => {
  const buffers = new BodyBuffers();
  const first = buffers.take(5000);
  assert.equal(first.length, 8192);
  buffers.give(first);
  assert.equal(buffers.take(8192), first);
  assert.notEqual(buffers.take(8192), first);
});
