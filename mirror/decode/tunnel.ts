/**
 * What IP carries besides TCP, as far as a packet is in it: by protocol number
 *
 *   4 IPv4, 41 IPv6 (RFC 2003, 4213, 2473)   17 UDP: VXLAN, Geneve   47 GRE   137 MPLS (RFC 4023)   143 Ethernet (RFC 8986)
 *
 * `end`: of the captured bytes; `wireEnd`: where the packet around ended on the wire.
 */
import { decodeEthernet, decodeMpls } from './ethernet.ts';
import { decodeGre } from './gre.ts';
import { decodeIp } from './ip.ts';
import { type DecodeResult, enter, type Packet, UNSUPPORTED } from './packet.ts';
import { decodeUdp } from './udp.ts';

const PROTOCOL_IPV4 = 4;
const PROTOCOL_UDP = 17;
const PROTOCOL_IPV6 = 41;
const PROTOCOL_GRE = 47;
const PROTOCOL_MPLS = 137;
const PROTOCOL_ETHERNET = 143;

export function decodeTunnel(packet: Packet, protocol: number, at: number, end: number, wireEnd: number): DecodeResult {
  const innerEnd = Math.min(end, wireEnd);
  const missing = wireEnd - innerEnd;
  switch (protocol) {
    case PROTOCOL_UDP:
      return decodeUdp(packet, at, innerEnd, missing);
    case PROTOCOL_IPV4:
    case PROTOCOL_IPV6:
      return enter(packet) ? decodeIp(packet, at, innerEnd, missing) : UNSUPPORTED;
    case PROTOCOL_GRE:
      return decodeGre(packet, at, innerEnd, missing);
    case PROTOCOL_MPLS:
      return enter(packet) ? decodeMpls(packet, at, innerEnd, missing) : UNSUPPORTED;
    case PROTOCOL_ETHERNET:
      return enter(packet) ? decodeEthernet(packet, at, innerEnd, missing) : UNSUPPORTED;
    default:
      return UNSUPPORTED;
  }
}
