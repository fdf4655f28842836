import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createZstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { compress, contentSize, expand } from './zstd.ts';

const sizes = [0, 1, 255, 256, 65_791, 65_792, 300_000];

describe('zstd', () => {
  it('is told the size of what it expands by its head, in each of its forms', () => {
    for (const size of sizes) {
      const bytes = zstdCompressSync(Buffer.alloc(size, 'ab'));
      const told = contentSize(bytes);
      assert.ok(told === size || bytes.length < 18, `${size} bytes: told ${told}`);
      assert.equal(expand(bytes).length, size);
    }
  });

  it('expands what tells no size', async () => {
    const stream = createZstdCompress();
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.write(Buffer.alloc(400_000, 'streamed '));
    stream.end();
    await new Promise((resolve) => stream.once('end', resolve));
    const untold = Buffer.concat(pieces);
    assert.equal(contentSize(untold), null);
    assert.equal(expand(untold).length, 400_000);
  });

  it('does not believe a size that a damaged head tells', () => {
    const bytes = zstdCompressSync(Buffer.from('x'.repeat(100_000)));
    const before = process.memoryUsage().arrayBuffers;
    bytes.writeUInt32LE(0xffff_ffff, bytes[4]! & 0x20 ? 5 : 6);
    assert.throws(() => expand(bytes));
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  });

  it('refuses what expands beyond any batch', () => {
    assert.throws(() => expand(zstdCompressSync(Buffer.alloc(129 * 1024 * 1024))), RangeError);
  });

  it('compresses batches in pieces one after the other, each for itself', () => {
    const piece = fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 8 }), { maxLength: 5 }), (batches) => {
        const wholes = batches.map((buffers) => Buffer.concat(buffers));
        const compressed = batches.map((buffers, n) => compress({ buffers, length: wholes[n]!.length }));
        for (const [n, whole] of wholes.entries()) assert.ok(zstdDecompressSync(compressed[n]!).equals(whole));
      }),
    );
  });
});
