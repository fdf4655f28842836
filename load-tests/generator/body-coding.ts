/**
 * Content codings written piece by piece: after each piece a reader can decode all of it. Each piece is a raw deflate stream
 * of its own that ends on a byte border (RFC 1951, a sync flush), so the pieces in a row are one valid stream; of zstd a frame of its
 * own (RFC 8878). Brotli has neither: only bodies of one piece come in it.
 */
import { brotliCompressSync, constants, crc32, deflateRawSync, zstdCompressSync } from 'node:zlib';

/** `raw_deflate`: sent as `deflate`, without the head and the checksum of RFC 1950, as some servers do. */
export type Coding = 'identity' | 'gzip' | 'deflate' | 'raw_deflate' | 'br' | 'zstd';

/** The name in `content-encoding`. */
export const codingName = (coding: Coding): string => (coding === 'raw_deflate' ? 'deflate' : coding);

/** RFC 1952 section 2.3: magic, deflate, no flags, no time, unknown system. */
const GZIP_HEAD = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** RFC 1950 section 2.2: deflate with a 32 KiB window, default level. */
const ZLIB_HEAD = Buffer.from([0x78, 0x9c]);
/** A last, empty block with fixed codes. */
const LAST_BLOCK = Buffer.from([3, 0]);

/** RFC 1950 section 8.2. */
function adler32(bytes: Buffer): number {
  let low = 1;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return ((high << 16) | low) >>> 0;
}

function tail(coding: Coding, whole: Buffer): Buffer {
  if (coding === 'raw_deflate') return LAST_BLOCK;
  if (coding === 'deflate') {
    const end = Buffer.alloc(4);
    end.writeUInt32BE(adler32(whole));
    return Buffer.concat([LAST_BLOCK, end]);
  }
  const end = Buffer.alloc(8);
  end.writeUInt32LE(crc32(whole), 0);
  end.writeUInt32LE(whole.length, 4);
  return Buffer.concat([LAST_BLOCK, end]);
}

/** As many pieces as came in; the first has the coding's head, the last its checksum. */
export function encode(pieces: readonly Buffer[], coding: Coding): Buffer[] {
  if (coding === 'identity' || pieces.length === 0) return [...pieces];
  if (coding === 'zstd') return pieces.map((piece) => zstdCompressSync(piece));
  if (coding === 'br') {
    if (pieces.length > 1) throw new Error('Brotli can only be written in one piece: choose another coding.');
    return [brotliCompressSync(pieces[0]!)];
  }
  const packed = pieces.map((piece) => deflateRawSync(piece, { finishFlush: constants.Z_SYNC_FLUSH }));
  if (coding !== 'raw_deflate') packed[0] = Buffer.concat([coding === 'gzip' ? GZIP_HEAD : ZLIB_HEAD, packed[0]!]);
  packed.push(Buffer.concat([packed.pop()!, tail(coding, Buffer.concat(pieces))]));
  return packed;
}
