/**
 * IPv4 (RFC 791 section 3.1) and IPv6 (RFC 8200 sections 3 and 4), down to what they carry. The version is told by the first
 * nibble.
 *
 *   IPv4: 0 version|IHL, 2 total length, 4 identification, 6 flags|fragment offset, 9 protocol, 12 source, 16 target, options to IHL*4
 *   IPv6: 0 version, 4 payload length, 6 next header, 8 source, 24 target; extension headers:
 *         0 hop-by-hop, 43 routing, 60 destination options: next header, length in 8 bytes beyond the first 8
 *         44 fragment: next header, reserved, 2 offset (13 bits)|0|more, 4 identification
 *         51 authentication (RFC 4302; in IPv4, too): length in 4 bytes beyond 8
 */
import { CUT, type DecodeResult, enter, FRAGMENT, i32, MALFORMED, type Packet, UNSUPPORTED, u16 } from './packet.ts';
import { decodeTcp } from './tcp.ts';
import { decodeTunnel } from './tunnel.ts';

const PROTOCOL_TCP = 6;
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT_HEADER = 44;
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
  packet.version = 4;
  packet.source0 = packet.source1 = packet.source2 = 0;
  packet.target0 = packet.target1 = packet.target2 = 0;
  packet.source3 = i32(bytes, start + 12);
  packet.target3 = i32(bytes, start + 16);
  const total = u16(bytes, start + 2);
  // 0: a segment that the sender's network card was to cut up (TSO); its length is the frame's.
  const wireEnd = total === 0 ? end + missing : start + total;
  const protocol = bytes[start + 9]!;
  // The low 13 bits are the fragment's offset in 8 bytes, 0x2000 says that more follow.
  const fragment = u16(bytes, start + 6) & 0x3fff;
  if (fragment !== 0) {
    const offset = (fragment & 0x1fff) * 8;
    const id = u16(bytes, start + 4);
    return decodeFragment(packet, id, protocol, offset, fragment >= 0x2000, start + headerBytes, end, wireEnd);
  }
  if (protocol === PROTOCOL_TCP) return decodeTcp(packet, start + headerBytes, end, wireEnd);
  return decodePayload(packet, protocol, start + headerBytes, end, wireEnd);
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
  return decodePayload(packet, bytes[start + 6]!, start + 40, end, wireEnd);
}

/** What follows the fixed header: extension headers, then TCP or a tunnel. `wireEnd`: where the IP packet ended on the wire. */
function decodePayload(packet: Packet, first: number, start: number, end: number, wireEnd: number): DecodeResult {
  const bytes = packet.bytes;
  let next = first;
  let at = start;
  for (let headers = 0; headers < EXTENSION_HEADERS_MAX; headers++) {
    if (next === PROTOCOL_TCP) return decodeTcp(packet, at, end, wireEnd);
    const isOptions = next === HOP_BY_HOP || next === ROUTING || next === DESTINATION_OPTIONS;
    const isExtension = next === AUTHENTICATION || (packet.version === 6 && (isOptions || next === FRAGMENT_HEADER));
    if (!isExtension) return decodeTunnel(packet, next, at, end, wireEnd);
    if (at + 8 > end) return at + 8 <= wireEnd ? CUT : MALFORMED;
    const following = bytes[at]!;
    if (next === AUTHENTICATION) at += 8 + bytes[at + 1]! * 4;
    else if (next !== FRAGMENT_HEADER) at += 8 + bytes[at + 1]! * 8;
    else {
      const offset = u16(bytes, at + 2);
      // An "atomic" fragment (RFC 6946) is a whole packet.
      if ((offset & 0xfff9) !== 0) {
        const [id, more] = [i32(bytes, at + 4), (offset & 1) !== 0];
        return decodeFragment(packet, id, following, offset & 0xfff8, more, at + 8, end, wireEnd);
      }
      at += 8;
    }
    next = following;
  }
  return MALFORMED;
}

function decodeFragment(
  packet: Packet,
  id: number,
  protocol: number,
  offset: number,
  more: boolean,
  start: number,
  end: number,
  wireEnd: number,
): DecodeResult {
  if (wireEnd <= start) return MALFORMED;
  if (wireEnd > end) return CUT;
  const whole = packet.fragments.add(packet, id, protocol, offset, more, start, wireEnd);
  if (whole === null) return FRAGMENT;
  if (!enter(packet)) return UNSUPPORTED;
  packet.bytes = whole.bytes;
  return decodePayload(packet, whole.protocol, 0, whole.bytes.length, whole.bytes.length);
}
