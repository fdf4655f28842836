/**
 * Link layers (tcpdump.org/linktypes.html):
 *
 *   Ethernet (1)       6 target, 6 source, 2 EtherType
 *   Linux SLL (113)    14 bytes of which the last 6 don't matter, 2 EtherType
 *   Linux SLL2 (276)   2 EtherType, 18 more bytes
 *   NULL (0), LOOP (108)  4 bytes of address family, in the capturing host's or in network byte order
 *   raw IP (101, 12, 14, 228, 229)
 */
import { decodeEtherType } from './ethernet.ts';
import { decodeIp } from './ip.ts';
import { CUT, type DecodeResult, type Packet, UNKNOWN_LINK, u16 } from './packet.ts';

const LINK_NULL = 0;
const LINK_ETHERNET = 1;
const LINK_RAW_BSD = 12;
const LINK_RAW_OPENBSD = 14;
const LINK_RAW = 101;
const LINK_LOOP = 108;
const LINK_SLL = 113;
const LINK_IPV4 = 228;
const LINK_IPV6 = 229;
const LINK_SLL2 = 276;

/** Decodes the packet `bytes[start … start + captured)`, `wire` bytes long on the wire, into `packet`. */
export function decodePacket(
  packet: Packet,
  bytes: Buffer,
  start: number,
  captured: number,
  wire: number,
  linkType: number,
): DecodeResult {
  packet.bytes = bytes;
  packet.lane = 0;
  packet.depth = 0;
  const end = start + captured;
  const missing = wire - captured;
  switch (linkType) {
    case LINK_ETHERNET:
      return afterEtherType(packet, start + 12, start + 14, end, missing);
    case LINK_SLL:
      return afterEtherType(packet, start + 14, start + 16, end, missing);
    case LINK_SLL2:
      return afterEtherType(packet, start, start + 20, end, missing);
    case LINK_NULL:
    case LINK_LOOP:
      return decodeIp(packet, start + 4, end, missing);
    case LINK_RAW:
    case LINK_RAW_BSD:
    case LINK_RAW_OPENBSD:
    case LINK_IPV4:
    case LINK_IPV6:
      return decodeIp(packet, start, end, missing);
    default:
      return UNKNOWN_LINK;
  }
}

function afterEtherType(packet: Packet, typeAt: number, bodyAt: number, end: number, missing: number): DecodeResult {
  return bodyAt > end ? CUT : decodeEtherType(packet, u16(packet.bytes, typeAt), bodyAt, end, missing);
}
