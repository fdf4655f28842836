/**
 * The one packet that is being looked at. It is filled in place for each packet, so the hot path allocates nothing.
 * Addresses are four 32-bit words (IPv4 in `source3`, the others 0); numbers that are compared are int32.
 */
export class Packet {
  bytes: Buffer = Buffer.alloc(0);
  /** µs since the epoch. */
  time = 0;
  version = 4;
  source0 = 0;
  source1 = 0;
  source2 = 0;
  source3 = 0;
  target0 = 0;
  target1 = 0;
  target2 = 0;
  target3 = 0;
  sourcePort = 0;
  targetPort = 0;
  /** int32; compare by `(a - b) | 0`. */
  seq = 0;
  ack = 0;
  flags = 0;
  /** Where the TCP payload begins in `bytes`, and how much of its `payloadWire` bytes the capture holds. */
  payloadStart = 0;
  payloadCaptured = 0;
  payloadWire = 0;
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** What became of a packet. Plain numbers: this is compared once a packet. */
export const DECODED = 0;
/** Not TCP over IP, an IP fragment, or a link type that isn't known. */
export const UNSUPPORTED = 1;
export const MALFORMED = 2;
/** The capture's snap length cut the headers. */
export const CUT = 3;
export const UNKNOWN_LINK = 4;
export type DecodeResult = 0 | 1 | 2 | 3 | 4;

export function u16(bytes: Buffer, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Big-endian 32 bits as int32. */
export function i32(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
