/**
 * TCP header (RFC 9293 section 3.1):
 *
 *   0 source port   2 target port   4 sequence number   8 acknowledgement number
 *   12 data offset (high nibble, in 4 bytes)   13 flags   14 window   16 checksum   18 urgent   20 options
 *
 * Checksums aren't looked at: offloading leaves them empty on the sending host.
 */
import { CUT, DECODED, type DecodeResult, i32, MALFORMED, type Packet, u16 } from './packet.ts';

/** Up to the flags: with these a cut packet still tells how far its stream has come. */
const NEEDED_BYTES = 14;

/** `end`: of the captured bytes; `wireEnd`: where the IP packet ended on the wire (Ethernet padding is behind it). */
export function decodeTcp(packet: Packet, start: number, end: number, wireEnd: number): DecodeResult {
  const bytes = packet.bytes;
  if (start + NEEDED_BYTES > end) return start + NEEDED_BYTES <= wireEnd ? CUT : MALFORMED;
  const headerBytes = (bytes[start + 12]! >> 4) * 4;
  const payloadStart = start + headerBytes;
  if (headerBytes < 20 || payloadStart > wireEnd) return MALFORMED;
  packet.sourcePort = u16(bytes, start);
  packet.targetPort = u16(bytes, start + 2);
  packet.seq = i32(bytes, start + 4);
  packet.ack = i32(bytes, start + 8);
  packet.flags = bytes[start + 13]!;
  packet.payloadStart = payloadStart;
  packet.payloadWire = wireEnd - payloadStart;
  const capturedEnd = Math.min(end, wireEnd);
  packet.payloadCaptured = capturedEnd > payloadStart ? capturedEnd - payloadStart : 0;
  return DECODED;
}
