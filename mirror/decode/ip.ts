/**
 * IPv4 (RFC 791 section 3.1) and IPv6 (RFC 8200 sections 3 and 4), down to TCP. The version is told by the first nibble.
 *
 *   IPv4: 0 version|IHL, 2 total length, 6 flags|fragment offset, 9 protocol, 12 source, 16 target, options to IHL*4
 *   IPv6: 0 version, 4 payload length, 6 next header, 8 source, 24 target; extension headers:
 *         0 hop-by-hop, 43 routing, 60 destination options: next header, length in 8 bytes beyond the first 8
 *         44 fragment; 51 authentication: length in 4 bytes beyond 8
 */
import { CUT, type DecodeResult, i32, MALFORMED, type Packet, UNSUPPORTED, u16 } from './packet.ts';
import { decodeTcp } from './tcp.ts';

const PROTOCOL_TCP = 6;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;
const EXTENSION_HEADERS_MAX = 16;

/** `missing`: bytes of the packet behind `end` that the capture cut off. */
export function decodeIp(packet: Packet, start: number, end: number, missing: number): DecodeResult {
  if (start >= end) return CUT;
  const version = packet.bytes[start]! >> 4;
  if (version === 4) return decodeIpv4(packet, start, end, missing);
  if (version === 6) return decodeIpv6(packet, start, end, missing);
  return MALFORMED;
}

function decodeIpv4(packet: Packet, start: number, end: number, missing: number): DecodeResult {
  const bytes = packet.bytes;
  if (start + 20 > end) return missing > 0 ? CUT : MALFORMED;
  const headerBytes = (bytes[start]! & 15) * 4;
  if (headerBytes < 20) return MALFORMED;
  // The low 13 bits are the fragment's offset, 0x2000 says that more follow.
  if ((u16(bytes, start + 6) & 0x3fff) !== 0) return UNSUPPORTED;
  if (bytes[start + 9] !== PROTOCOL_TCP) return UNSUPPORTED;
  packet.version = 4;
  packet.source0 = packet.source1 = packet.source2 = 0;
  packet.target0 = packet.target1 = packet.target2 = 0;
  packet.source3 = i32(bytes, start + 12);
  packet.target3 = i32(bytes, start + 16);
  const total = u16(bytes, start + 2);
  // 0: a segment that the sender's network card was to cut up (TSO); its length is the frame's.
  const wireEnd = total === 0 ? end + missing : start + total;
  return decodeTcp(packet, start + headerBytes, end, wireEnd);
}

function decodeIpv6(packet: Packet, start: number, end: number, missing: number): DecodeResult {
  const bytes = packet.bytes;
  if (start + 40 > end) return missing > 0 ? CUT : MALFORMED;
  packet.version = 6;
  packet.source0 = i32(bytes, start + 8);
  packet.source1 = i32(bytes, start + 12);
  packet.source2 = i32(bytes, start + 16);
  packet.source3 = i32(bytes, start + 20);
  packet.target0 = i32(bytes, start + 24);
  packet.target1 = i32(bytes, start + 28);
  packet.target2 = i32(bytes, start + 32);
  packet.target3 = i32(bytes, start + 36);
  const payload = u16(bytes, start + 4);
  // 0: a jumbogram or an offloaded segment.
  const wireEnd = payload === 0 ? end + missing : start + 40 + payload;
  return afterIpv6Header(packet, bytes[start + 6]!, start + 40, end, wireEnd);
}

function afterIpv6Header(packet: Packet, first: number, start: number, end: number, wireEnd: number): DecodeResult {
  const bytes = packet.bytes;
  let next = first;
  let at = start;
  for (let headers = 0; headers < EXTENSION_HEADERS_MAX; headers++) {
    if (next === PROTOCOL_TCP) return decodeTcp(packet, at, end, wireEnd);
    if (at + 8 > end) return at + 8 <= wireEnd ? CUT : MALFORMED;
    if (next === HOP_BY_HOP || next === ROUTING || next === DESTINATION_OPTIONS) {
      next = bytes[at]!;
      at += 8 + bytes[at + 1]! * 8;
    } else if (next === AUTHENTICATION) {
      next = bytes[at]!;
      at += 8 + bytes[at + 1]! * 4;
    } else if (next === FRAGMENT && (u16(bytes, at + 2) & 0xfff9) === 0) {
      // An "atomic" fragment (RFC 6946) is a whole packet.
      next = bytes[at]!;
      at += 8;
    } else return UNSUPPORTED;
  }
  return MALFORMED;
}
