/** Tells the capture format by the first four bytes. */
import type { PacketSink, RecordReader } from './packet-sink.ts';
import { PCAP_MAGIC_MICROS, PCAP_MAGIC_NANOS, PcapReader } from './pcap.ts';
import { PcapngReader, SECTION_HEADER } from './pcapng.ts';

export const MAGIC_BYTES = 4;

/** Null when the bytes begin no capture format that Bittern knows. `bytes` must hold MAGIC_BYTES from `at`. */
export function readerFor(bytes: Buffer, at: number, sink: PacketSink): RecordReader | null {
  const little = bytes.readUInt32LE(at);
  if (little === PCAP_MAGIC_MICROS) return new PcapReader(sink, false, false);
  if (little === PCAP_MAGIC_NANOS) return new PcapReader(sink, false, true);
  if (little === SECTION_HEADER) return new PcapngReader(sink); // the same in both byte orders
  const big = bytes.readUInt32BE(at);
  if (big === PCAP_MAGIC_MICROS) return new PcapReader(sink, true, false);
  if (big === PCAP_MAGIC_NANOS) return new PcapReader(sink, true, true);
  return null;
}

const NO_SINK: PacketSink = { packet() {}, note() {}, damaged() {}, kernelDrops() {} };

/** True when the bytes begin a pcap or pcapng capture. */
export function isCapture(bytes: Buffer): boolean {
  return bytes.length >= MAGIC_BYTES && readerFor(bytes, 0, NO_SINK) !== null;
}
