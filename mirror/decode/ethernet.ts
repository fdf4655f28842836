/**
 * Ethernet (6 target, 6 source, 2 EtherType) and what its EtherType says that follows:
 *
 *   8100, 88a8, 9100  802.1Q and 802.1ad tags: 2 bytes priority|VLAN (12 bits), 2 EtherType; nested (QinQ)
 *   0800, 86dd        IP
 *   6558              Ethernet again (transparent bridging, in GRE and Geneve)
 *   8864              PPPoE session (RFC 2516 section 4): 11, code 00, 2 session, 2 length; PPP protocol (RFC 1661 section 2: 1 byte
 *                     if that is odd, else 2): 0021 IPv4, 0057 IPv6, 0281 MPLS
 *   8847, 8848        MPLS (RFC 3032 section 2.1): entries of 20 bits label, 3 class, 1 bottom of stack, 8 time to live; below IP, or a
 *                     pseudowire of Ethernet (RFC 4448), with a control word (RFC 4385: 4 bytes, first nibble 0) or without
 */
import { decodeIp } from './ip.ts';
import {
  CUT,
  type DecodeResult,
  enter,
  enterLane,
  LANE_MPLS,
  LANE_PPPOE,
  LANE_VLAN,
  MALFORMED,
  type Packet,
  UNSUPPORTED,
  u16,
} from './packet.ts';

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERTYPE_ETHERNET = 0x6558;
const ETHERTYPE_MPLS = 0x8847;
const ETHERTYPE_MPLS_UPSTREAM = 0x8848;
const ETHERTYPE_PPPOE = 0x8864;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
const PPP_MPLS = 0x0281;

const ETHERNET_BYTES = 14;
const PPPOE_BYTES = 6;
const CONTROL_WORD_BYTES = 4;
const VLAN_TAGS_MAX = 8;
const MPLS_LABELS_MAX = 16;

export function decodeEthernet(packet: Packet, at: number, end: number, missing: number): DecodeResult {
  const body = at + ETHERNET_BYTES;
  if (body > end) return missing > 0 ? CUT : MALFORMED;
  return decodeEtherType(packet, u16(packet.bytes, body - 2), body, end, missing);
}

/** `at`: behind the EtherType. */
export function decodeEtherType(packet: Packet, type: number, at: number, end: number, missing: number): DecodeResult {
  if (type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6) return decodeIp(packet, at, end, missing);
  let last = type;
  let body = at;
  for (let tags = 0; isVlanTag(last) && tags < VLAN_TAGS_MAX; tags++) {
    if (body + 4 > end) return missing > 0 ? CUT : MALFORMED;
    const vlan = u16(packet.bytes, body) & 0xfff;
    // 0 is a priority without a VLAN.
    if (vlan !== 0) enterLane(packet, LANE_VLAN, vlan);
    last = u16(packet.bytes, body + 2);
    body += 4;
  }
  switch (last) {
    case ETHERTYPE_IPV4:
    case ETHERTYPE_IPV6:
      return decodeIp(packet, body, end, missing);
    case ETHERTYPE_MPLS:
    case ETHERTYPE_MPLS_UPSTREAM:
      return decodeMpls(packet, body, end, missing);
    case ETHERTYPE_PPPOE:
      return decodePppoe(packet, body, end, missing);
    case ETHERTYPE_ETHERNET:
      return enter(packet) ? decodeEthernet(packet, body, end, missing) : UNSUPPORTED;
    default:
      return UNSUPPORTED;
  }
}

function isVlanTag(type: number): boolean {
  return type === 0x8100 || type === 0x88a8 || type === 0x9100;
}

function decodePppoe(packet: Packet, at: number, end: number, missing: number): DecodeResult {
  const bytes = packet.bytes;
  if (at + PPPOE_BYTES + 2 > end) return missing > 0 ? CUT : MALFORMED;
  if (u16(bytes, at) !== 0x1100) return MALFORMED;
  enterLane(packet, LANE_PPPOE, u16(bytes, at + 2));
  let body = at + PPPOE_BYTES;
  const compressed = (bytes[body]! & 1) === 1;
  const protocol = compressed ? bytes[body]! : u16(bytes, body);
  body += compressed ? 1 : 2;
  if (protocol === PPP_IPV4 || protocol === PPP_IPV6) return decodeIp(packet, body, end, missing);
  return protocol === PPP_MPLS ? decodeMpls(packet, body, end, missing) : UNSUPPORTED;
}

/** What an MPLS stack carries isn't written in it: it is told by how it looks. */
export function decodeMpls(packet: Packet, start: number, end: number, missing: number): DecodeResult {
  const bytes = packet.bytes;
  let at = start;
  for (let labels = 0; ; labels++) {
    if (labels === MPLS_LABELS_MAX) return UNSUPPORTED;
    if (at + 4 >= end) return missing > 0 ? CUT : MALFORMED;
    at += 4;
    if ((bytes[at - 2]! & 1) === 1) break;
  }
  // The label at the bottom tells whose packet it is; those above it lead there.
  enterLane(packet, LANE_MPLS, (u16(bytes, at - 4) << 4) | (bytes[at - 2]! >> 4));
  if (looksLikeIp(bytes, at, end, missing)) return decodeIp(packet, at, end, missing);
  const controlled = (bytes[at]! & 0xf0) === 0 && looksLikeEthernet(bytes, at + CONTROL_WORD_BYTES, end);
  const body = controlled ? at + CONTROL_WORD_BYTES : at;
  if (!looksLikeEthernet(bytes, body, end) || !enter(packet)) return UNSUPPORTED;
  return decodeEthernet(packet, body, end, missing);
}

/** A MAC address may begin with the nibble 4 or 6, too (RFC 8469): then IP's length decides, or that it doesn't look like Ethernet. */
function looksLikeIp(bytes: Buffer, at: number, end: number, missing: number): boolean {
  if (at + 20 > end) return false;
  const version = bytes[at]! >> 4;
  if (version !== 4 && version !== 6) return false;
  const length = version === 4 ? u16(bytes, at + 2) : u16(bytes, at + 4) + 40;
  return length === end + missing - at || !looksLikeEthernet(bytes, at, end);
}

/** An EtherType that is looked into, and IP's version behind it where it is IP. */
function looksLikeEthernet(bytes: Buffer, at: number, end: number): boolean {
  if (at + ETHERNET_BYTES >= end) return false;
  const type = u16(bytes, at + 12);
  if (type === ETHERTYPE_IPV4) return bytes[at + 14]! >> 4 === 4 && (bytes[at + 14]! & 15) >= 5;
  if (type === ETHERTYPE_IPV6) return bytes[at + 14]! >> 4 === 6;
  return isVlanTag(type) || type === ETHERTYPE_MPLS || type === ETHERTYPE_PPPOE;
}
