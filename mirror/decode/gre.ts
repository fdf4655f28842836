/**
 * GRE (RFC 2784, RFC 2890), NVGRE (RFC 7637: GRE with a key over Ethernet) and ERSPAN (draft-foschiano-erspan-03) over it.
 *
 *   0 flags: 8000 checksum, 4000 routing, 2000 key, 1000 sequence number; low 3 bits: version   2 EtherType
 *   4 then, each 4 bytes and only if flagged: checksum + reserved, key, sequence number
 *
 *   ERSPAN I   EtherType 88be without a sequence number: Ethernet follows
 *   ERSPAN II  EtherType 88be: 8 bytes, 0 version (4 bits) = 1
 *   ERSPAN III EtherType 22eb: 12 bytes, 0 version (4 bits) = 2; 10 P|frame type (5 bits)|hardware id|D|granularity|O (1);
 *              with O another 8 bytes
 *
 * The session of ERSPAN and its VLAN tell where a packet was mirrored, not where it belongs: they aren't looked at.
 */
import { decodeEthernet, decodeEtherType } from './ethernet.ts';
import { decodeIp } from './ip.ts';
import {
  CUT,
  type DecodeResult,
  enter,
  enterLane,
  i32,
  LANE_GRE,
  MALFORMED,
  type Packet,
  UNSUPPORTED,
  u16,
} from './packet.ts';

const HAS_CHECKSUM = 0x8000;
const HAS_ROUTING = 0x4000;
const HAS_KEY = 0x2000;
const HAS_SEQUENCE = 0x1000;
const VERSION = 0x0007;

const ETHERTYPE_ERSPAN = 0x88be;
const ETHERTYPE_ERSPAN_3 = 0x22eb;
const ERSPAN_2_BYTES = 8;
const ERSPAN_3_BYTES = 12;
const ERSPAN_3_PLATFORM_BYTES = 8;
const FRAME_ETHERNET = 0;
const FRAME_IP = 2;

export function decodeGre(packet: Packet, start: number, end: number, missing: number): DecodeResult {
  const bytes = packet.bytes;
  const short = missing > 0 ? CUT : MALFORMED;
  if (start + 4 > end) return short;
  const flags = u16(bytes, start);
  // Version 1 is PPTP's, routing was taken out of GRE.
  if ((flags & (VERSION | HAS_ROUTING)) !== 0) return UNSUPPORTED;
  let at = start + 4;
  if ((flags & HAS_CHECKSUM) !== 0) at += 4;
  if ((flags & HAS_KEY) !== 0) {
    if (at + 4 > end) return short;
    enterLane(packet, LANE_GRE, i32(bytes, at));
    at += 4;
  }
  if ((flags & HAS_SEQUENCE) !== 0) at += 4;
  if (at > end) return short;
  if (!enter(packet)) return UNSUPPORTED;
  const type = u16(bytes, start + 2);
  if (type === ETHERTYPE_ERSPAN) {
    const isType2 = (flags & HAS_SEQUENCE) !== 0;
    return decodeEthernet(packet, isType2 ? at + ERSPAN_2_BYTES : at, end, missing);
  }
  if (type === ETHERTYPE_ERSPAN_3) return decodeErspan3(packet, at, end, missing);
  return decodeEtherType(packet, type, at, end, missing);
}

function decodeErspan3(packet: Packet, at: number, end: number, missing: number): DecodeResult {
  if (at + ERSPAN_3_BYTES > end) return missing > 0 ? CUT : MALFORMED;
  const last = u16(packet.bytes, at + 10);
  const frameType = (last >> 10) & 31;
  const body = at + ERSPAN_3_BYTES + ((last & 1) === 1 ? ERSPAN_3_PLATFORM_BYTES : 0);
  if (frameType === FRAME_ETHERNET) return decodeEthernet(packet, body, end, missing);
  return frameType === FRAME_IP ? decodeIp(packet, body, end, missing) : UNSUPPORTED;
}
