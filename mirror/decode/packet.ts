import { DECODE_DEFAULTS, type DecodeOptions } from './decode-options.ts';
import { Fragments } from './fragments.ts';

/**
 * The one packet that is being looked at. It is filled in place for each packet, so the hot path allocates nothing.
 * Addresses are four 32-bit words (IPv4 in `source3`, the others 0); numbers that are compared are int32.
 */
export class Packet {
  readonly options: DecodeOptions;
  /** IP datagrams of which only some fragments have come. */
  readonly fragments: Fragments;
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
  /** Of which virtual network: a mix of the VLAN, VXLAN, MPLS … numbers around the packet; 0 = none. */
  lane = 0;
  /** Packets that this one was found in. */
  depth = 0;

  constructor(options: DecodeOptions = DECODE_DEFAULTS) {
    this.options = options;
    this.fragments = new Fragments(options);
  }
}

/** Packets within packets that are looked into: tunnels, pseudowires and datagrams put together from fragments. */
export const NESTING_MAX = 8;

/** False when the packet is nested too deep to look into. */
export function enter(packet: Packet): boolean {
  return ++packet.depth <= NESTING_MAX;
}

/** Kinds of numbers that tell virtual networks apart. */
export const LANE_VLAN = 1;
export const LANE_MPLS = 2;
export const LANE_PPPOE = 3;
export const LANE_VXLAN = 4;
export const LANE_GENEVE = 5;
export const LANE_GRE = 6;

export function enterLane(packet: Packet, kind: number, number: number): void {
  const mixed = Math.imul(packet.lane ^ number ^ (kind << 28), 0x9e3779b1);
  packet.lane = (mixed ^ (mixed >>> 15) ^ kind) | 0 || kind;
}

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** What became of a packet. Plain numbers: this is compared once a packet. */
export const DECODED = 0;
/** Not TCP over IP, or in something that isn't looked into. */
export const UNSUPPORTED = 1;
export const MALFORMED = 2;
/** The capture's snap length cut the headers. */
export const CUT = 3;
export const UNKNOWN_LINK = 4;
/** A fragment that was kept until the rest of its datagram comes, or dropped and counted by `Fragments`. */
export const FRAGMENT = 5;
export type DecodeResult = 0 | 1 | 2 | 3 | 4 | 5;

export function u16(bytes: Buffer, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Big-endian 32 bits as int32. */
export function i32(bytes: Buffer, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
