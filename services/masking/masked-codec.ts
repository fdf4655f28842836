/**
 * Frames with hidden credentials as records:
 *
 *     offset  bytes  field
 *          0      2  magic B1 7D
 *          2      1  version, 1
 *          3      8  which key: HMAC-SHA256(masking key, "which"), its first bytes
 *         11      v  number of hidden stretches
 *                    each: bytes of the payload since the end of the one before, then its length
 *                 m  the frame as its own codec writes it
 *
 * Numbers are varints: LEB128, 7 bits a byte, low bits first. A record without the magic holds a frame with nothing hidden.
 */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Frame } from '../../schemas/frame.ts';
import type { Codec } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import { type MaskedFrame, type MaskedRange, unmask } from './frame-mask.ts';

/** The record header `schema` names that of the frame inside. */
export const MASKED_CONTENT_TYPE = 'application/vnd.bittern.masked';

const MAGIC_0 = 0xb1;
const MAGIC_1 = 0x7d;
const VERSION = 1;
const WHICH_BYTES = 8;
const FIXED_BYTES = 3 + WHICH_BYTES;
const VARINT_BYTES_MAX = 5;
const SEVEN_BITS = 0x80;

/** Writes what a FrameMasker made, and reads frames as they were captured. */
export function maskedCodec(codec: Codec<Frame>, key: KeyObject): Codec<Frame> {
  const which = createHmac('sha256', key).update('which').digest().subarray(0, WHICH_BYTES);
  const fixed = Buffer.concat([Buffer.from([MAGIC_0, MAGIC_1, VERSION]), which]);
  return {
    headers: { ...codec.headers, 'content-type': MASKED_CONTENT_TYPE },
    encode: (frame) => {
      const ranges = (frame as Partial<MaskedFrame>).masked;
      if (ranges === undefined) return codec.encode(frame);
      const lead = encodeRanges(fixed, ranges);
      return codec.encodeAfter?.(lead, frame) ?? Buffer.concat([lead, codec.encode(frame)]);
    },
    decode: (bytes) => {
      if (bytes[0] !== MAGIC_0 || bytes[1] !== MAGIC_1) return codec.decode(bytes);
      if (bytes.length < FIXED_BYTES || bytes[2] !== VERSION) throw unreadable();
      if (!timingSafeEqual(bytes.subarray(3, FIXED_BYTES), which)) throw otherKey();
      const cursor = { at: FIXED_BYTES };
      const ranges = decodeRanges(bytes, cursor);
      const frame = codec.decode(bytes.subarray(cursor.at));
      const last = ranges.at(-1);
      if (last !== undefined && last.start + last.length > frame.payload.length) throw unreadable();
      // What a codec decodes is the reader's: the record itself stays as it is, it may have to go to the dead letters.
      unmask(key, frame, ranges);
      return frame;
    },
  };
}

/** @returns all that stands before the frame. */
function encodeRanges(fixed: Buffer, ranges: readonly MaskedRange[]): Buffer {
  const bytes = Buffer.allocUnsafe(FIXED_BYTES + (1 + 2 * ranges.length) * VARINT_BYTES_MAX);
  fixed.copy(bytes);
  let at = writeVarint(bytes, FIXED_BYTES, ranges.length);
  let end = 0;
  for (const { start, length } of ranges) {
    at = writeVarint(bytes, writeVarint(bytes, at, start - end), length);
    end = start + length;
  }
  return bytes.subarray(0, at);
}

function decodeRanges(bytes: Buffer, cursor: { at: number }): MaskedRange[] {
  const count = readVarint(bytes, cursor);
  if (count > bytes.length) throw unreadable();
  const ranges: MaskedRange[] = [];
  let end = 0;
  for (let n = 0; n < count; n++) {
    const start = end + readVarint(bytes, cursor);
    const length = readVarint(bytes, cursor);
    ranges.push({ start, length });
    end = start + length;
  }
  return ranges;
}

function writeVarint(bytes: Buffer, at: number, value: number): number {
  let [rest, next] = [value, at];
  for (; rest >= SEVEN_BITS; rest >>>= 7) bytes[next++] = (rest & 0x7f) | SEVEN_BITS;
  bytes[next++] = rest;
  return next;
}

function readVarint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  for (let n = 0; n < VARINT_BYTES_MAX; n++) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw unreadable();
    value += (byte & 0x7f) * SEVEN_BITS ** n;
    if (byte < SEVEN_BITS) return value;
  }
  throw unreadable();
}

function unreadable(): BitternError {
  return new BitternError(
    'BIT_FRAME_MASK_UNREADABLE',
    "A frame's list of hidden credentials is damaged or of a newer release.",
  );
}

function otherKey(): BitternError {
  return new BitternError(
    'BIT_FRAME_MASK_KEY',
    "A frame's credentials were hidden with another key: give probes and reassemblers the same identity.fingerprintKeyFile, then replay the dead letters.",
  );
}
