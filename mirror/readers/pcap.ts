/**
 * Classic pcap (draft-ietf-opsawg-pcap), µs and ns, both byte orders.
 *
 *   file header, 24 bytes                      record header, 16 bytes
 *    0 magic a1b2c3d4 (µs) or a1b23c4d (ns)     0 seconds
 *    4 major, minor (16 bit each)               4 fraction, µs or ns
 *    8 reserved (8 bytes)                       8 captured length
 *   16 snap length                             12 length on the wire
 *   20 link type (low 16 bits)                 16 packet bytes
 */
import { type PacketSink, READER_LIMITS, type RecordReader } from './packet-sink.ts';

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

export const PCAP_MAGIC_MICROS = 0xa1b2c3d4;
export const PCAP_MAGIC_NANOS = 0xa1b23c4d;

export class PcapReader implements RecordReader {
  need = FILE_HEADER_BYTES;
  stopped = false;
  readonly #sink: PacketSink;
  readonly #bigEndian: boolean;
  readonly #nanoseconds: boolean;
  #linkType = -1;

  constructor(sink: PacketSink, bigEndian: boolean, nanoseconds: boolean) {
    this.#sink = sink;
    this.#bigEndian = bigEndian;
    this.#nanoseconds = nanoseconds;
  }

  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    if (this.#linkType < 0) {
      if (end - at < FILE_HEADER_BYTES) return at;
      this.#linkType = this.#u32(bytes, at + 20) & 0xffff;
      at += FILE_HEADER_BYTES;
    }
    return this.#bigEndian ? this.#readBig(bytes, at, end) : this.#readLittle(bytes, at, end);
  }

  #readLittle(bytes: Buffer, start: number, end: number): number {
    const sink = this.#sink;
    const linkType = this.#linkType;
    const divisor = this.#nanoseconds ? 1000 : 1;
    let at = start;
    while (at + RECORD_HEADER_BYTES <= end) {
      const captured = u32le(bytes, at + 8);
      if (captured > READER_LIMITS.packetBytesMax) return this.#stop(at, captured);
      const data = at + RECORD_HEADER_BYTES;
      if (data + captured > end) {
        this.need = RECORD_HEADER_BYTES + captured;
        return at;
      }
      const wire = u32le(bytes, at + 12);
      const time = u32le(bytes, at) * 1_000_000 + Math.floor(u32le(bytes, at + 4) / divisor);
      sink.packet(bytes, data, captured, Math.max(wire, captured), time, linkType);
      at = data + captured;
    }
    this.need = RECORD_HEADER_BYTES;
    return at;
  }

  #readBig(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at + RECORD_HEADER_BYTES <= end) {
      const captured = bytes.readUInt32BE(at + 8);
      if (captured > READER_LIMITS.packetBytesMax) return this.#stop(at, captured);
      const data = at + RECORD_HEADER_BYTES;
      if (data + captured > end) {
        this.need = RECORD_HEADER_BYTES + captured;
        return at;
      }
      const wire = Math.max(captured, bytes.readUInt32BE(at + 12));
      const fraction = bytes.readUInt32BE(at + 4);
      const time = bytes.readUInt32BE(at) * 1_000_000 + (this.#nanoseconds ? Math.floor(fraction / 1000) : fraction);
      this.#sink.packet(bytes, data, captured, wire, time, this.#linkType);
      at = data + captured;
    }
    this.need = RECORD_HEADER_BYTES;
    return at;
  }

  /** There is no mark to find the next record by, so everything after a damaged header is guesswork. */
  #stop(at: number, claimed: number): number {
    this.stopped = true;
    this.#sink.note(
      `A damaged packet record claims ${claimed} bytes; the rest of this capture can't be read. Everything before it counts.`,
    );
    return at;
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
  }
}

function u32le(bytes: Buffer, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
