import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyPieces } from '../http/body-pieces.ts';
import { BodyBuffers, RequestBody } from './request-body.ts';

/** Gives the frame's stretches from each place to the next, but for those that are no part of the body. */
function give(
  body: RequestBody,
  frame: Buffer,
  places: readonly number[],
  skipped: ReadonlySet<number> = new Set(),
): void {
  const some = new BodyPieces();
  const consumer = { data: () => assert.fail(), gap: () => {}, pieces: () => body.pieces(some) };
  for (let n = 0; n + 1 < places.length; n++)
    if (!skipped.has(n)) some.add(consumer, frame, places[n]!, places[n + 1]!, 0);
  some.flush();
}

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

test('a body that is most of a frame stays in it, without a copy', () => {
  const frame = Buffer.from('head and the body');
  const body = new RequestBody(new BodyBuffers(), 100, 0);
  give(body, frame, [5, 8, 13, 17]);
  assert.equal(body.bytes.toString(), 'and the body');
  assert.equal(body.bytes.buffer, frame.buffer);
  assert.equal(body.heldBytes, 12);
  body.release();
  assert.equal(body.bytes.length, 0);
});

test('a small part of a frame is copied, so that it does not hold the frame', () => {
  const frame = Buffer.alloc(100_000, 'x');
  const body = new RequestBody(new BodyBuffers(), 1_000_000, 0);
  give(body, frame, [10, 20]);
  assert.equal(body.bytes.toString(), 'xxxxxxxxxx');
  assert.notEqual(body.bytes.buffer, frame.buffer);
});

test('memory of a frame is never given to another body', () => {
  const buffers = new BodyBuffers();
  const frame = Buffer.alloc(8192, 'x');
  const first = new RequestBody(buffers, 1_000_000, 0);
  give(first, frame, [0, 8192]);
  first.release();
  const second = new RequestBody(buffers, 1_000_000, 0);
  second.data(Buffer.alloc(8192, 'y'));
  assert.equal(frame.toString(), 'x'.repeat(8192));
});

test('a body of several frames, in chunks with something between them, over the limit or not, is what single pieces would make of it', () => {
  const frame = fc.record({
    bytes: fc.uint8Array({ minLength: 1, maxLength: 9000 }),
    places: fc.uniqueArray(fc.nat({ max: 9000 }), { minLength: 2, maxLength: 8 }),
    skipped: fc.array(fc.nat({ max: 6 }), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 5 }),
      fc.nat({ max: 20_000 }),
      fc.nat({ max: 9 }),
      (frames, most, hole) => {
        const [one, other] = [0, 1].map(() => new RequestBody(new BodyBuffers(), most, 0));
        for (const [n, { bytes, places, skipped }] of frames.entries()) {
          const payload = Buffer.from(bytes);
          const inside = places.map((place) => Math.min(place, payload.length)).sort((a, b) => a - b);
          give(one!, payload, inside, new Set(skipped));
          for (let at = 0; at + 1 < inside.length; at++)
            if (!skipped.includes(at)) other!.data(payload.subarray(inside[at], inside[at + 1]));
          if (n === hole) for (const body of [one!, other!]) body.gap();
        }
        assert.ok(one!.bytes.equals(other!.bytes));
        assert.equal(one!.droppedBytes, other!.droppedBytes);
      },
    ),
  );
});
