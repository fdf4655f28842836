/**
 * zstd for both clients, by Node's zlib.
 *
 * A batch's memory is asked for once: what the batch will be is known (when it is expanded, from its first bytes), and zlib, left alone, goes
 * in steps of 16 KB that it puts together at the end. The head of a zstd frame (RFC 8878 section 3.1.1.1):
 *
 *     offset  bytes  field
 *          0      4  magic 28 B5 2F FD
 *          4      1  bits 7-6: size of the content's size; 5: single segment; 1-0: size of the dictionary's id
 *          5    0-1  window, unless single segment
 *                 d  dictionary's id: 0, 1, 2, 4 bytes
 *                 s  content's size, little-endian: 0 (1 when single segment), 2 (less 256), 4, 8 bytes
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { compressionsAlgorithms } from '@platformatic/kafka';
import kafkajs from 'kafkajs';

const MAGIC = 0xfd2fb528;
const HEAD_BYTES_MAX = 18;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;

/** A batch of records, expanded: a broker's batch limit leaves room for a thousandfold. */
const EXPANDED_BYTES_MAX = 128 * 1024 * 1024;
/** What is believed of a size that the head tells: more comes in steps of this. */
const EXPAND_STEP_BYTES_MAX = 16 * 1024 * 1024;
/** Where the head tells no size. */
const EXPAND_STEP_BYTES = 256 * 1024;
/** The most that is kept for putting batches together: batches of the default size, and some of their largest record's. */
const GATHERED_BYTES_MAX = 2 * 1024 * 1024;

/** Batches are gathered and compressed in one go, so one memory does for all. */
let gathered = Buffer.alloc(0);

/** A batch as the producer's client has it: in pieces. */
export interface Pieces {
  readonly buffers: readonly Buffer[];
  readonly length: number;
}

let registered = false;

/** kafkajs takes codecs from its host; the producer's client has one of its own. */
export function registerZstd(): void {
  if (registered) return;
  registered = true;
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
    compress: async (encoder: { readonly buffer: Buffer }) => zstdCompressSync(encoder.buffer),
    decompress: async (bytes: Buffer) => expand(bytes),
  });
  // Typed as read-only, and the only place where a codec can be put in.
  (compressionsAlgorithms.zstd as { compressSync: typeof compress }).compressSync = compress;
}

export function compress(batch: Buffer | Pieces): Buffer {
  return zstdCompressSync(Buffer.isBuffer(batch) ? batch : gather(batch));
}

/** @throws RangeError above 128 MiB, Error for what isn't zstd. */
export function expand(bytes: Buffer): Buffer {
  const size = contentSize(bytes);
  // A byte more, or zlib finds its buffer full and looks whether more will come.
  const chunkSize = size === null ? EXPAND_STEP_BYTES : Math.min(size, EXPAND_STEP_BYTES_MAX) + 1;
  return zstdDecompressSync(bytes, { chunkSize: Math.max(chunkSize, 64), maxOutputLength: EXPANDED_BYTES_MAX });
}

/** What the head says; null where it says nothing. */
export function contentSize(bytes: Buffer): number | null {
  if (bytes.length < HEAD_BYTES_MAX || bytes.readUInt32LE(0) !== MAGIC) return null;
  const descriptor = bytes[4]!;
  const single = (descriptor & 0x20) !== 0;
  const at = 5 + (single ? 0 : 1) + DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3];
  switch (descriptor >>> 6) {
    case 0:
      return single ? bytes[at]! : null;
    case 1:
      return bytes.readUInt16LE(at) + 256;
    case 2:
      return bytes.readUInt32LE(at);
    default:
      return Number(bytes.readBigUInt64LE(at));
  }
}

/** In one piece, until the next one is asked for. */
function gather({ buffers, length }: Pieces): Buffer {
  if (length > GATHERED_BYTES_MAX) return Buffer.concat(buffers, length);
  if (length > gathered.length) gathered = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for (const piece of buffers) {
    gathered.set(piece, at);
    at += piece.length;
  }
  return gathered.subarray(0, length);
}
