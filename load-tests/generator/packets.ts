/**
 * TCP for one connection: the writes of a time line as packets, as a mirror between two real stacks would see them: handshake,
 * segmentation, delayed ACKs, keep-alive probes, retransmits that nobody needed, the end.
 */
import type { Address } from '../wire/packets.ts';
import type { Random } from './random.ts';
import type { Side, Timeline, Write } from './timeline.ts';

export interface Packet {
  readonly connection: number;
  readonly side: Side;
  /** µs since the epoch. */
  time: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: string;
  readonly payload: Buffer;
  /** Stream offset of the payload; -1 = the payload isn't part of the stream. */
  readonly offset: number;
}

/** `mss`: 1448 bytes. `tiny`: 1–9 bytes. `random`: 1–1448. `super`: up to 64,000, as with segmentation offload. */
export type Segmentation = 'mss' | 'tiny' | 'random' | 'super';

export interface ConnectionOptions {
  readonly connection: number;
  readonly client: Address;
  readonly server: Address;
  readonly isn: Readonly<Record<Side, number>>;
  readonly segmentation: Segmentation;
  readonly handshake: 'plain' | 'syn_twice';
  /** How it ends when no exchange says so. */
  readonly quietEnd: 'fin' | 'rst' | 'open';
}

const MSS = 1448;
const DELAYED_ACK_US = 40_000;
const ROUND_TRIP_US = 90;
const KEEP_ALIVE_AFTER_US = 1_500_000;
const EMPTY = Buffer.alloc(0);
const other = (side: Side): Side => (side === 'client' ? 'server' : 'client');

interface Segment {
  readonly side: Side;
  readonly time: number;
  readonly bytes: Buffer;
  readonly offset: number;
}

function segmentLength(kind: Segmentation, random: Random): number {
  switch (kind) {
    case 'mss':
      return MSS;
    case 'tiny':
      return random.int(1, 9);
    case 'random':
      return random.int(1, MSS);
    case 'super':
      return 64_000;
  }
}

/** Moves a cut that falls into a range that must stay whole to the range's end. */
function cutAt(wanted: number, keep: readonly (readonly [number, number])[]): number {
  const range = keep.find(([from, to]) => wanted > from && wanted < to);
  return range === undefined ? wanted : range[1];
}

/** Writes of a side that follow each other at once may share a segment. */
function joinWrites(writes: readonly Write[]): Write[] {
  const joined: Write[] = [];
  for (const write of writes) {
    const last = joined.at(-1);
    if (last !== undefined && last.side === write.side && write.time - last.time < 20) {
      joined[joined.length - 1] = { ...last, bytes: Buffer.concat([last.bytes, write.bytes]) };
    } else joined.push(write);
  }
  return joined;
}

function segments(timeline: Timeline, kind: Segmentation, random: Random): Segment[] {
  const list: Segment[] = [];
  const offsets: Record<Side, number> = { client: 0, server: 0 };
  let clock = 0;
  let previous: Side = 'client';
  const ordered = timeline.writes.toSorted((left, right) => left.time - right.time);
  for (const write of joinWrites(ordered)) {
    const base = offsets[write.side];
    // An answer never overtakes the packets of what it answers.
    let time = Math.max(write.time, clock + (write.side === previous ? 1 : ROUND_TRIP_US));
    for (let at = 0; at < write.bytes.length; ) {
      const wanted = Math.min(write.bytes.length, at + segmentLength(kind, random));
      const to = Math.min(write.bytes.length, cutAt(base + wanted, timeline.keep[write.side]) - base);
      list.push({ side: write.side, time, bytes: write.bytes.subarray(at, to), offset: base + at });
      clock = time;
      time += random.int(2, 25);
      at = to;
    }
    offsets[write.side] += write.bytes.length;
    previous = write.side;
  }
  return list;
}

class Emitter {
  readonly packets: Packet[] = [];
  readonly #options: ConnectionOptions;
  readonly #random: Random;
  /** Bytes sent so far, by sender. */
  readonly #sent: Record<Side, number> = { client: 0, server: 0 };
  /** Stream bytes that each side has acknowledged. */
  readonly #acked: Record<Side, number> = { client: 0, server: 0 };
  /** Data packets that each side has received and not acknowledged. */
  readonly #owed: Record<Side, number> = { client: 0, server: 0 };
  readonly #oldest: Record<Side, number> = { client: 0, server: 0 };
  readonly #finished: Record<Side, boolean> = { client: false, server: false };
  #clock = 0;

  constructor(options: ConnectionOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  #seq(side: Side, offset: number): number {
    return (this.#options.isn[side] + 1 + offset) >>> 0;
  }

  #push(side: Side, time: number, flags: string, payload: Buffer, offset: number, seqOffset: number): void {
    this.#clock = Math.max(this.#clock + 1, time);
    const peer = other(side);
    const fin = this.#finished[peer] ? 1 : 0;
    const ack = flags.includes('A') ? this.#seq(peer, this.#sent[peer] + fin) : 0;
    const seq = this.#seq(side, seqOffset);
    const { connection } = this.#options;
    this.packets.push({ connection, side, time: this.#clock, seq, ack, flags, payload, offset });
    if (!flags.includes('A')) return;
    this.#acked[side] = this.#sent[peer];
    this.#owed[side] = 0;
  }

  handshake(time: number): void {
    const times = this.#options.handshake === 'syn_twice' ? [time - 1_000_000, time] : [time];
    for (const at of times) this.#push('client', at, 'S', EMPTY, -1, -1);
    this.#clock++;
    const { connection, isn } = this.#options;
    const packet = { connection, side: 'server' as const, time: this.#clock + 40, seq: isn.server, flags: 'SA' };
    this.packets.push({ ...packet, ack: this.#seq('client', 0), payload: EMPTY, offset: -1 });
    this.#clock += 40;
    this.#push('client', this.#clock + ROUND_TRIP_US, 'A', EMPTY, -1, 0);
  }

  #ackNow(side: Side, time: number): void {
    const fin = this.#finished[side] ? 1 : 0;
    this.#push(side, time, 'A', EMPTY, -1, this.#sent[side] + fin);
  }

  /** Delayed ACKs whose time has come before `time`. */
  #settle(time: number): void {
    for (const side of ['client', 'server'] as const) {
      const due = this.#oldest[side] + DELAYED_ACK_US;
      if (this.#owed[side] > 0 && due < time) this.#ackNow(side, due);
    }
  }

  data(segment: Segment): void {
    this.#settle(segment.time);
    if (this.#clock > 0 && segment.time - this.#clock > KEEP_ALIVE_AFTER_US) this.#keepAlive(segment.time - 700_000);
    const { side, bytes, offset } = segment;
    this.#push(side, segment.time, 'PA', bytes, offset, offset);
    this.#sent[side] += bytes.length;
    if (this.#random.chance(0.002)) this.#push(side, this.#clock + 30, 'PA', bytes, offset, offset);
    const peer = other(side);
    if (this.#owed[peer] === 0) this.#oldest[peer] = this.#clock;
    this.#owed[peer]++;
    if (this.#owed[peer] >= 2 || bytes.length > MSS)
      this.#ackNow(peer, this.#clock + this.#random.int(3, ROUND_TRIP_US));
  }

  /** A probe repeats the last sequence number, with a garbage byte or without (RFC 9293 section 3.8.4). */
  #keepAlive(time: number): void {
    if (this.#sent.client === 0) return;
    const garbage = this.#options.segmentation !== 'tiny' && this.#random.chance(0.3) ? Buffer.from([0]) : EMPTY;
    this.#push('client', time, 'A', garbage, -1, this.#sent.client - 1);
    this.#ackNow('server', this.#clock + 50);
  }

  close(side: Side, reset: boolean, time: number): void {
    const at = Math.max(time, this.#clock + this.#random.int(30, 400));
    if (reset) {
      this.#push(side, at, this.#random.chance(0.5) ? 'R' : 'RA', EMPTY, -1, this.#sent[side]);
      return;
    }
    this.#settle(at);
    const peer = other(side);
    this.#push(side, at, 'FA', EMPTY, -1, this.#sent[side]);
    this.#finished[side] = true;
    if (this.#random.chance(0.5)) this.#ackNow(peer, this.#clock + ROUND_TRIP_US);
    this.#push(peer, this.#clock + ROUND_TRIP_US, 'FA', EMPTY, -1, this.#sent[peer]);
    this.#finished[peer] = true;
    this.#ackNow(side, this.#clock + ROUND_TRIP_US);
  }
}

export function packetsOf(timeline: Timeline, options: ConnectionOptions, random: Random): Packet[] {
  const emitter = new Emitter(options, random);
  const list = segments(timeline, options.segmentation, random);
  emitter.handshake((list[0]?.time ?? timeline.end) - 5_000);
  for (const segment of list) emitter.data(segment);
  switch (timeline.ending) {
    case 'client_fin':
    case 'client_rst':
      emitter.close('client', timeline.ending === 'client_rst', timeline.end);
      break;
    case 'server_fin':
    case 'server_rst':
      emitter.close('server', timeline.ending === 'server_rst', 0);
      break;
    case 'silent':
      break;
    case 'keep':
      if (options.quietEnd !== 'open')
        emitter.close(random.pick(['client', 'server']), options.quietEnd === 'rst', timeline.end);
  }
  return emitter.packets;
}
