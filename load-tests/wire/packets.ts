/**
 * Writes packets and capture files, for tests and the traffic generator. It shares no code with the readers that it tests.
 */

export interface Address {
  readonly ip: string;
  readonly port: number;
}

export interface TcpPacket {
  readonly from: Address;
  readonly to: Address;
  readonly seq: number;
  readonly ack: number;
  /** Any of `S`, `A`, `F`, `R`, `P`. */
  readonly flags: string;
  readonly payload?: Uint8Array;
}

const FLAG_BITS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16 };

export function ipv4Bytes(ip: string): Buffer {
  return Buffer.from(ip.split('.').map(Number));
}

export function ipv6Bytes(ip: string): Buffer {
  const [head = '', tail] = ip.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  const bytes = Buffer.alloc(16);
  all.forEach((group, index) => {
    bytes.writeUInt16BE(group, index * 2);
  });
  return bytes;
}

/** TCP segment (RFC 9293 section 3.1), header without options, checksum left 0. */
export function tcpSegment(packet: TcpPacket): Buffer {
  const payload = packet.payload ?? Buffer.alloc(0);
  const segment = Buffer.alloc(20 + payload.length);
  segment.writeUInt16BE(packet.from.port, 0);
  segment.writeUInt16BE(packet.to.port, 2);
  segment.writeUInt32BE(packet.seq >>> 0, 4);
  segment.writeUInt32BE(packet.ack >>> 0, 8);
  segment[12] = 5 << 4;
  segment[13] = [...packet.flags].reduce((bits, flag) => bits | (FLAG_BITS[flag] ?? 0), 0);
  segment.writeUInt16BE(65535, 14);
  segment.set(payload, 20);
  return segment;
}

/** IP packet, version by the look of the addresses. */
export function ipPacket(packet: TcpPacket): Buffer {
  const segment = tcpSegment(packet);
  if (packet.from.ip.includes(':')) {
    const header = Buffer.alloc(40);
    header[0] = 6 << 4;
    header.writeUInt16BE(segment.length, 4);
    header[6] = 6;
    header[7] = 64;
    header.set(ipv6Bytes(packet.from.ip), 8);
    header.set(ipv6Bytes(packet.to.ip), 24);
    return Buffer.concat([header, segment]);
  }
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + segment.length, 2);
  header[8] = 64;
  header[9] = 6;
  header.set(ipv4Bytes(packet.from.ip), 12);
  header.set(ipv4Bytes(packet.to.ip), 16);
  return Buffer.concat([header, segment]);
}

/** Ethernet II frame, optionally with VLAN tags (outermost first). */
export function ethernetFrame(packet: TcpPacket, vlans: readonly number[] = []): Buffer {
  const header = Buffer.alloc(14 + 4 * vlans.length);
  header.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], 0);
  let at = 12;
  for (const vlan of vlans) {
    header.writeUInt16BE(0x8100, at);
    header.writeUInt16BE(vlan, at + 2);
    at += 4;
  }
  header.writeUInt16BE(packet.from.ip.includes(':') ? 0x86dd : 0x0800, at);
  return Buffer.concat([header, ipPacket(packet)]);
}

export interface PcapOptions {
  readonly linkType?: number;
  readonly snapLength?: number;
  readonly nanoseconds?: boolean;
  readonly bigEndian?: boolean;
}

/** Writes classic pcap (draft-ietf-opsawg-pcap): a file header, then one record a packet. */
export class PcapWriter {
  readonly #chunks: Buffer[] = [];
  readonly #options: Required<PcapOptions>;

  constructor(options: PcapOptions = {}) {
    this.#options = { linkType: 1, snapLength: 262_144, nanoseconds: false, bigEndian: false, ...options };
    const header = Buffer.alloc(24);
    this.#u32(header, 0, this.#options.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
    this.#u16(header, 4, 2);
    this.#u16(header, 6, 4);
    this.#u32(header, 16, this.#options.snapLength);
    this.#u32(header, 20, this.#options.linkType);
    this.#chunks.push(header);
  }

  /** `time` in µs since the epoch. Packets longer than the snap length are cut. */
  packet(time: number, bytes: Uint8Array): void {
    const captured = Math.min(bytes.length, this.#options.snapLength);
    const header = Buffer.alloc(16);
    this.#u32(header, 0, Math.floor(time / 1_000_000));
    this.#u32(header, 4, (time % 1_000_000) * (this.#options.nanoseconds ? 1000 : 1));
    this.#u32(header, 8, captured);
    this.#u32(header, 12, bytes.length);
    this.#chunks.push(header, Buffer.from(bytes.subarray(0, captured)));
  }

  /** The file so far. */
  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** The bytes added since the last call: for files too large to hold. */
  drain(): Buffer {
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks.length = 0;
    return bytes;
  }

  #u16(buffer: Buffer, offset: number, value: number): void {
    if (this.#options.bigEndian) buffer.writeUInt16BE(value, offset);
    else buffer.writeUInt16LE(value, offset);
  }

  #u32(buffer: Buffer, offset: number, value: number): void {
    if (this.#options.bigEndian) buffer.writeUInt32BE(value, offset);
    else buffer.writeUInt32LE(value, offset);
  }
}
