/**
 * A WebSocket frame's head (RFC 6455 section 5.2):
 *
 *      0               1               2               3
 *      7 6 5 4 3 2 1 0 7 6 5 4 3 2 1 0
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     |F|R|R|R| opcode|M| length (7)  | length, 16 bits if 126, 64 bits if 127
 *     |I|S|S|S|  (4)  |A|             |
 *     |N|V|V|V|       |S|             |
 *     | |1|2|3|       |K|             |
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     | masking key, 4 bytes if MASK                                  |
 *     +---------------------------------------------------------------+
 *
 * A client's frames are masked, a server's are not (section 5.1). The shortest form of a length must be used. Control frames
 * (opcode 8 and above) are whole and have 125 bytes at most (section 5.5). RSV1 marks a compressed message on its first frame
 * (RFC 7692 section 6); the other two are unused.
 */

export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;

export const HEAD_BYTES_MAX = 14;
const CONTROL_BYTES_MAX = 125;
const FIN = 0x80;
const RSV1 = 0x40;
const RSV_UNUSED = 0x30;
const OPCODE = 0x0f;
const MASK = 0x80;
const LENGTH = 0x7f;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const TWO_32 = 0x1_0000_0000;
/** By opcode. */
const KNOWN = [true, true, true, false, false, false, false, false, true, true, true];

/** What a frame of this direction must keep to. */
export interface FrameRules {
  readonly masked: boolean;
  /** Whether messages may be compressed. */
  readonly deflate: boolean;
  readonly frameBytesMax: number;
}

/** Filled by `readFrameHead`; used again for each frame. */
export class FrameHead {
  fin = false;
  compressed = false;
  opcode = 0;
  /** Payload bytes. */
  length = 0;
  /** Byte `i` of the payload is masked with byte `i & 3`. All zero when it isn't masked. */
  readonly mask = Buffer.alloc(4);

  get isControl(): boolean {
    return this.opcode >= CLOSE;
  }
}

/** So many bytes the head has that begins with these two. */
function headLength(second: number): number {
  const length = second & LENGTH;
  return 2 + (length === LENGTH_16 ? 2 : length === LENGTH_64 ? 8 : 0) + ((second & MASK) === 0 ? 0 : 4);
}

/** -1: not in the shortest form, or too large for anybody. */
function payloadLength(bytes: Buffer, at: number): number {
  const length = bytes[at + 1]! & LENGTH;
  if (length < LENGTH_16) return length;
  if (length === LENGTH_16) {
    const long = bytes.readUInt16BE(at + 2);
    return long < LENGTH_16 ? -1 : long;
  }
  const high = bytes.readUInt32BE(at + 2);
  const long = high * TWO_32 + bytes.readUInt32BE(at + 6);
  return high > 0x1f_ffff || long <= 0xffff ? -1 : long;
}

/** Reads the head at `at`. Returns its length; 0 when `end` comes before its end; -1 when it is none. */
export function readFrameHead(bytes: Buffer, at: number, end: number, rules: FrameRules, into: FrameHead): number {
  if (end <= at) return 0;
  const first = bytes[at]!;
  const opcode = first & OPCODE;
  const isControl = opcode >= CLOSE;
  const compressed = (first & RSV1) !== 0;
  if (KNOWN[opcode] !== true || (first & RSV_UNUSED) !== 0) return -1;
  if (compressed && (!rules.deflate || isControl || opcode === CONTINUATION)) return -1;
  if (isControl && (first & FIN) === 0) return -1;
  if (end - at < 2) return 0;
  const second = bytes[at + 1]!;
  if (((second & MASK) !== 0) !== rules.masked) return -1;
  if (isControl && (second & LENGTH) > CONTROL_BYTES_MAX) return -1;
  const size = headLength(second);
  if (end - at < size) return 0;
  const length = payloadLength(bytes, at);
  if (length < 0 || length > rules.frameBytesMax) return -1;
  into.fin = (first & FIN) !== 0;
  into.compressed = compressed;
  into.opcode = opcode;
  into.length = length;
  if (rules.masked) bytes.copy(into.mask, 0, at + size - 4, at + size);
  return size;
}

/** Undoes the mask of `bytes` (payload from `position` on) into `target` at `at` (RFC 6455 section 5.3). */
export function unmask(bytes: Buffer, mask: Buffer, position: number, target: Buffer, at: number): void {
  for (let i = 0; i < bytes.length; i++) target[at + i] = bytes[i]! ^ mask[(position + i) & 3]!;
}
