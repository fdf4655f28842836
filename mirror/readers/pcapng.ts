/**
 * pcapng (draft-ietf-opsawg-pcapng). Every block:
 *
 *   0 block type   4 total length (multiple of 4)   8 body …   total length again (last 4 bytes)
 *
 *   section header 0a0d0d0a  body: 0 byte-order magic 1a2b3c4d, 4 version, 8 section length, 16 options
 *   interface      1         body: 0 link type (16 bit), 4 snap length, 8 options
 *   packet         2         body: 0 interface (16 bit), 2 drops (16 bit), 4 time high, 8 low, 12 captured, 16 wire, 20 bytes
 *   simple packet  3         body: 0 wire length, 4 bytes (no time: the last seen time is used)
 *   statistics     5         body: 0 interface, 4 time, 12 options (isb_ifdrop = 5, isb_osdrop = 7)
 *   enhanced       6         body: 0 interface, 4 time high, 8 low, 12 captured, 16 wire, 20 bytes, options
 */
import { type PacketSink, READER_LIMITS, type RecordReader } from './packet-sink.ts';
import { TimeScale } from './pcapng-time.ts';

export const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const STATISTICS = 5;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BYTE_ORDER_MAGIC_SWAPPED = 0x4d3c2b1a;

const OPTION_TSRESOL = 9;
const OPTION_TSOFFSET = 14;
const OPTION_IFDROP = 5;
const OPTION_OSDROP = 7;
const DEFAULT_RESOLUTION = 6;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  readonly time: TimeScale;
  /** Drops told so far by statistics blocks, which give running totals. */
  drops: number;
}

export class PcapngReader implements RecordReader {
  need = 12;
  stopped = false;
  readonly #sink: PacketSink;
  #little = true;
  #interfaces: Interface[] = [];
  #lastTime = 0;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  read(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at + 12 <= end) {
      const type = this.#u32(bytes, at);
      // A section header says which byte order its own length has.
      if (type === SECTION_HEADER && !this.#beginSection(bytes, at)) return at;
      const total = this.#u32(bytes, at + 4);
      if (total < 12 || total % 4 !== 0 || total > READER_LIMITS.blockBytesMax) return this.#stop(at, total);
      if (at + total > end) {
        this.need = total;
        return at;
      }
      this.#block(type, bytes, at + 8, at + total - 4);
      if (this.stopped) return at;
      at += total;
    }
    this.need = 12;
    return at;
  }

  #beginSection(bytes: Buffer, at: number): boolean {
    const magic = bytes.readUInt32LE(at + 8);
    if (magic !== BYTE_ORDER_MAGIC && magic !== BYTE_ORDER_MAGIC_SWAPPED) {
      this.#stop(at, 0);
      return false;
    }
    this.#little = magic === BYTE_ORDER_MAGIC;
    return true;
  }

  #block(type: number, bytes: Buffer, body: number, end: number): void {
    switch (type) {
      case ENHANCED_PACKET:
        this.#packet(bytes, body, end, this.#u32(bytes, body));
        return;
      case SECTION_HEADER:
        this.#interfaces = [];
        return;
      case INTERFACE:
        this.#interface(bytes, body, end);
        return;
      case SIMPLE_PACKET:
        this.#simplePacket(bytes, body, end);
        return;
      case OBSOLETE_PACKET:
        this.#obsoletePacket(bytes, body, end);
        return;
      case STATISTICS:
        this.#statistics(bytes, body, end);
        return;
      default: // Name resolution, custom and unknown blocks hold no packets.
    }
  }

  #packet(bytes: Buffer, body: number, end: number, index: number): void {
    const source = this.#interfaces[index];
    if (source === undefined || body + 20 > end) {
      this.#damagedBlock(end - body);
      return;
    }
    const captured = this.#u32(bytes, body + 12);
    if (body + 20 + captured > end) {
      this.#damagedBlock(end - body);
      return;
    }
    const wire = Math.max(captured, this.#u32(bytes, body + 16));
    const time = source.time.micros(this.#u32(bytes, body + 4), this.#u32(bytes, body + 8));
    this.#lastTime = time;
    this.#sink.packet(bytes, body + 20, captured, wire, time, source.linkType);
  }

  #obsoletePacket(bytes: Buffer, body: number, end: number): void {
    if (body + 20 > end) {
      this.#damagedBlock(end - body);
      return;
    }
    const drops = this.#u16(bytes, body + 2);
    if (drops > 0 && drops !== 0xffff) this.#sink.kernelDrops(drops);
    this.#packet(bytes, body, end, this.#u16(bytes, body));
  }

  #simplePacket(bytes: Buffer, body: number, end: number): void {
    const source = this.#interfaces[0];
    if (source === undefined || body + 4 > end) {
      this.#damagedBlock(end - body);
      return;
    }
    const wire = this.#u32(bytes, body);
    const limit = source.snapLength === 0 ? wire : source.snapLength;
    const captured = Math.min(wire, limit, end - body - 4);
    this.#sink.packet(bytes, body + 4, captured, wire, this.#lastTime, source.linkType);
  }

  #interface(bytes: Buffer, body: number, end: number): void {
    if (body + 8 > end || this.#interfaces.length >= READER_LIMITS.interfacesMax) {
      this.#stop(body, end - body);
      return;
    }
    let resolution = DEFAULT_RESOLUTION;
    let offsetSeconds = 0;
    this.#options(bytes, body + 8, end, (code, at, length) => {
      if (code === OPTION_TSRESOL && length >= 1) resolution = bytes[at]!;
      if (code === OPTION_TSOFFSET && length >= 8) {
        offsetSeconds = Number(this.#little ? bytes.readBigInt64LE(at) : bytes.readBigInt64BE(at));
      }
    });
    this.#interfaces.push({
      linkType: this.#u16(bytes, body),
      snapLength: this.#u32(bytes, body + 4),
      time: new TimeScale(resolution, offsetSeconds),
      drops: 0,
    });
  }

  #statistics(bytes: Buffer, body: number, end: number): void {
    if (body + 12 > end) {
      this.#damagedBlock(end - body);
      return;
    }
    const source = this.#interfaces[this.#u32(bytes, body)];
    if (source === undefined) {
      this.#damagedBlock(end - body);
      return;
    }
    // The interface's and the system's drops may count the same packets: the larger one is sure.
    let drops = 0;
    this.#options(bytes, body + 12, end, (code, at, length) => {
      if ((code !== OPTION_IFDROP && code !== OPTION_OSDROP) || length < 8) return;
      drops = Math.max(drops, Number(this.#little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)));
    });
    if (drops > source.drops) {
      this.#sink.kernelDrops(drops - source.drops);
      source.drops = drops;
    }
  }

  /** Options: code (16 bit), length (16 bit), value padded to 32 bits; code 0 ends the list. */
  #options(bytes: Buffer, start: number, end: number, each: (code: number, at: number, length: number) => void): void {
    let at = start;
    while (at + 4 <= end) {
      const code = this.#u16(bytes, at);
      const length = this.#u16(bytes, at + 2);
      if (code === 0 || at + 4 + length > end) return;
      each(code, at + 4, length);
      at += 4 + length + ((4 - (length & 3)) & 3);
    }
  }

  /** The block's border is sound though its body isn't: only this block is lost. */
  #damagedBlock(bytes: number): void {
    this.#sink.damaged(1, bytes);
  }

  #stop(at: number, claimed: number): number {
    this.stopped = true;
    this.#sink.note(
      `A damaged pcapng block claims ${claimed} bytes; the rest of this capture can't be read. Everything before it counts.`,
    );
    return at;
  }

  #u32(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  }

  #u16(bytes: Buffer, at: number): number {
    return this.#little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
  }
}
