import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { ZstdFrames } from './zstd-frames.ts';

/** Ends of the frames, as offsets in all pieces. */
function ends(pieces: readonly Buffer[]): number[] {
  const frames = new ZstdFrames();
  const found: number[] = [];
  let before = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const end = frames.endOf(piece, at);
      assert.ok(end > at);
      if (end < piece.length) found.push(before + end);
      at = end;
    }
    before += piece.length;
  }
  return found;
}

const skippable = (bytes: number): Buffer => {
  const frame = Buffer.alloc(8 + bytes, 0x28);
  frame.writeUInt32LE(0x184d2a50 + (bytes % 16), 0);
  frame.writeUInt32LE(bytes, 4);
  return frame;
};

const content = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.nat(300_000).map((length) => Buffer.alloc(length, 'abc')),
  fc.nat(200_000).map((length) => Buffer.from(Array.from({ length }, (_, n) => Math.imul(n + 1, 0x9e3779b1) >>> 24))),
);
const frame = fc.oneof(
  fc.tuple(content, fc.boolean(), fc.boolean()).map(([bytes, checksum, size]) =>
    zstdCompressSync(bytes, {
      params: { [constants.ZSTD_c_checksumFlag]: Number(checksum), [constants.ZSTD_c_contentSizeFlag]: Number(size) },
      ...(size ? { pledgedSrcSize: bytes.length } : {}),
    }),
  ),
  fc.nat(50).map(skippable),
);

test('the frames of any body end where the encoder ended them, wherever it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(2000), { maxLength: 8 }),
      (frames, cuts) => {
        const bytes = Buffer.concat(frames);
        const borders = frames.map((_, n) => frames.slice(0, n + 1).reduce((sum, each) => sum + each.length, 0));
        assert.deepEqual(ends([bytes]), borders.slice(0, -1));
        const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        );
        const pieces = places.slice(1).map((to, n) => bytes.subarray(places[n]!, to));
        const seen = ends(pieces);
        for (const border of borders.slice(0, -1)) assert.ok(seen.includes(border) || places.includes(border));
      },
    ),
    { numRuns: 60 },
  );
});

test('what is no frame is passed on as it is', () => {
  const rubbish = Buffer.from('this is no zstd at all');
  assert.equal(new ZstdFrames().endOf(rubbish, 0), rubbish.length);
});
