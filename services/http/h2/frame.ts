/**
 * The head of an HTTP/2 frame (RFC 9113 section 4.1), and what heads may be:
 *
 *     | length (24) | type (8) | flags (8) | R (1) | stream (31) |    payload of `length` bytes follows
 */

export const FRAME_HEAD_BYTES = 9;

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const FLAG_END_STREAM = 0x01;
export const FLAG_ACK = 0x01;
export const FLAG_END_HEADERS = 0x04;
export const FLAG_PADDED = 0x08;
export const FLAG_PRIORITY = 0x20;

/** RFC 9113 section 3.4: what a client sends first. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** SETTINGS_MAX_FRAME_SIZE until a peer says something else (section 6.5.2). Few ever do. */
export const FRAME_BYTES_USUAL = 16_384;

/** Section 6: payload lengths of the types that have one length only; -1 = any, -2 = a multiple of 6. */
const LENGTHS = [-1, -1, 5, 4, -2, -1, 8, -1, 4, -1] as const;
/** Flags that each type has (section 6). */
const FLAGS = [0x09, 0x2d, 0, 0, 0x01, 0x0c, 0x01, 0, 0, 0x04] as const;
/** 1: on a stream; 0: on the connection; -1: either. */
const ON_STREAM = [1, 1, 1, 1, 0, 1, 0, 0, -1, 1] as const;

/** What a peer would accept (sections 5.1.1 and 6): else it ends the connection. Types that nobody knows are ignored. */
export function isWellFormed(length: number, type: number, flags: number, stream: number): boolean {
  if (type > CONTINUATION) return true;
  const place = ON_STREAM[type]!;
  if (place >= 0 && (place === 1) !== stream > 0) return false;
  if (type === SETTINGS) return (flags & FLAG_ACK) !== 0 ? length === 0 : length % 6 === 0;
  const exact = LENGTHS[type]!;
  return exact < 0 || length === exact;
}

export const IMPOSSIBLE = 0;
export const UNDECIDED = 1;
export const PLAUSIBLE = 2;

/**
 * Whether a frame's head stands at `at`, judged strictly, for places where one can only be guessed: a usual length, a known
 * type with the length, the flags and the place that it has, and on a stream that a client may have opened, up to `streamMax`.
 * UNDECIDED: what there is of it, up to `end`, doesn't say no.
 */
export function judgeHead(bytes: Buffer, at: number, end: number, streamMax: number): number {
  const have = end - at;
  if (have <= 0) return UNDECIDED;
  if (bytes[at] !== 0) return IMPOSSIBLE;
  if (have === 1) return UNDECIDED;
  if (bytes[at + 1]! > FRAME_BYTES_USUAL >> 8) return IMPOSSIBLE;
  if (have < 4) return UNDECIDED;
  const length = (bytes[at + 1]! << 8) | bytes[at + 2]!;
  const type = bytes[at + 3]!;
  if (length > FRAME_BYTES_USUAL || type > CONTINUATION || type === PUSH_PROMISE) return IMPOSSIBLE;
  const exact = LENGTHS[type]!;
  if (exact >= 0 ? length !== exact : exact === -2 && length % 6 !== 0) return IMPOSSIBLE;
  if (have === 4) return UNDECIDED;
  const flags = bytes[at + 4]!;
  if ((flags & ~FLAGS[type]!) !== 0 || (type === SETTINGS && flags === FLAG_ACK && length > 0)) return IMPOSSIBLE;
  // The reserved bit is never set by anyone.
  if (have < FRAME_HEAD_BYTES) return have === 5 || bytes[at + 5]! < 128 ? UNDECIDED : IMPOSSIBLE;
  const stream = bytes.readUInt32BE(at + 5);
  if (stream > streamMax) return IMPOSSIBLE;
  const place = ON_STREAM[type]!;
  if (stream === 0) return place === 1 ? IMPOSSIBLE : PLAUSIBLE;
  return place !== 0 && stream % 2 === 1 ? PLAUSIBLE : IMPOSSIBLE;
}

/** Of the frame whose head is at `at`. */
export function frameEnd(bytes: Buffer, at: number): number {
  return at + FRAME_HEAD_BYTES + bytes.readUIntBE(at, 3);
}
