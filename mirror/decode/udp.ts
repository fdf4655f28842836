/**
 * Tunnels over UDP (RFC 768: 0 source port, 2 target port, 4 length, 6 checksum), told by the target port.
 *
 *   VXLAN (RFC 7348 section 5): 0 flags, 08 = has a VNI; 4 VNI (24 bits), reserved; 8 Ethernet
 *   Geneve (RFC 8926 section 3.4): 0 version (2 bits)|options' length in 4 bytes, 1 O (80: control)|C, 2 EtherType,
 *     4 VNI (24 bits), reserved; 8 options
 */
import { decodeEthernet, decodeEtherType } from './ethernet.ts';
import {
  CUT,
  type DecodeResult,
  enter,
  enterLane,
  LANE_GENEVE,
  LANE_VXLAN,
  MALFORMED,
  type Packet,
  UNSUPPORTED,
  u16,
} from './packet.ts';

const UDP_BYTES = 8;
const VXLAN_BYTES = 8;
const GENEVE_BYTES = 8;
const VXLAN_HAS_VNI = 0x08;
const GENEVE_CONTROL = 0x80;

export function decodeUdp(packet: Packet, at: number, end: number, missing: number): DecodeResult {
  const bytes = packet.bytes;
  if (at + UDP_BYTES > end) return missing > 0 ? CUT : MALFORMED;
  const port = u16(bytes, at + 2);
  const isVxlan = packet.options.vxlanPorts.includes(port);
  if (!isVxlan && !packet.options.genevePorts.includes(port)) return UNSUPPORTED;
  const body = at + UDP_BYTES;
  // Both headers have 8 bytes.
  if (body + VXLAN_BYTES > end) return missing > 0 ? CUT : MALFORMED;
  if (!enter(packet)) return UNSUPPORTED;
  return isVxlan ? decodeVxlan(packet, body, end, missing) : decodeGeneve(packet, body, end, missing);
}

function decodeVxlan(packet: Packet, at: number, end: number, missing: number): DecodeResult {
  if ((packet.bytes[at]! & VXLAN_HAS_VNI) === 0) return UNSUPPORTED;
  enterLane(packet, LANE_VXLAN, vni(packet.bytes, at));
  return decodeEthernet(packet, at + VXLAN_BYTES, end, missing);
}

function decodeGeneve(packet: Packet, at: number, end: number, missing: number): DecodeResult {
  const bytes = packet.bytes;
  const first = bytes[at]!;
  if (first >> 6 !== 0 || (bytes[at + 1]! & GENEVE_CONTROL) !== 0) return UNSUPPORTED;
  enterLane(packet, LANE_GENEVE, vni(bytes, at));
  const body = at + GENEVE_BYTES + (first & 63) * 4;
  return decodeEtherType(packet, u16(bytes, at + 2), body, end, missing);
}

function vni(bytes: Buffer, at: number): number {
  return (u16(bytes, at + 4) << 8) | bytes[at + 6]!;
}
