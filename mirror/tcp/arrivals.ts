/**
 * Connections that haven't begun to speak: of a handshake its packets' numbers are kept, in flat arrays. They become a connection with
 * the first packet that is anything else, as if all had come then. A flood of SYNs makes no connections.
 *
 *   no connection ─ SYN or SYN+ACK ─► handshake kept ─ SYN+ACK, ACK ─► handshake kept ─ data, FIN, RST, another SYN ─► connection
 *        └──────── data, when too many connections are joined ──► packet kept ─ another packet ─► joined connection
 */
import { ACK, FIN, Packet, RST, SYN } from '../decode/packet.ts';
import { LOSS_FLOOD, type LossCounter } from '../losses.ts';
import { DOUBLES, INTS, KEY_WORDS, Newcomers } from '../newcomers.ts';
import type { CaptureOptions } from '../options.ts';
import { type Allowance, allowanceOf } from './allowance.ts';

/** Handshakes of which nothing followed so far (a power of two). */
const HANDSHAKES_MAX = 65_536;
/** Connections of which one packet was seen, and bytes of these. */
const JOINED_MAX = 16_384;
const JOINED_BYTES_MAX = 8 * 1024 * 1024;
/** Of all new connections a second, those that may be joined with their first packet, without waiting for another. */
const JOINS_PART = 1 / 250;
/** A joined connection's first packet waits so long for another one, or longer, before it is joined by itself. */
const JOIN_WAIT_MICROS = 1_000_000;
const NO_BYTES = Buffer.alloc(0);
const MEANING = SYN | FIN | RST | ACK;

/** An entry's whole numbers: of the first packet and of the SYN+ACK that answers it. `BITS`: flags of the first one, and those below. */
const LANE = 0;
const BITS = 1;
const SEQ = 2;
const ACK_NUMBER = 3;
const ANSWER_SEQ = 4;
/** Length of a joined connection's payload on the wire. */
const WIRE = 5;
const FROM_LOW = 0x100;
const ANSWERED = 0x200;
const IS_V6 = 0x400;
/** Its times, µs: when the packets were captured, and the capture's clock at the last one. */
const TIME = 0;
const ANSWER_TIME = 1;
const LAST_ACTIVE = 2;

export class Arrivals {
  readonly #losses: LossCounter;
  readonly #idleTimeout: number;
  readonly #handshakes: Newcomers;
  readonly #joined: Newcomers;
  readonly #joins: Allowance;
  readonly #scratch: Packet;
  /** The source of the packet that is looked at is the lower one of its two ends. */
  #fromLow = false;

  constructor(options: CaptureOptions, losses: LossCounter) {
    this.#losses = losses;
    this.#idleTimeout = options.idleTimeoutMs * 1000;
    this.#scratch = new Packet(options);
    this.#joins = allowanceOf(options.connectionsPerSecondMax * JOINS_PART);
    const most = 2 ** Math.floor(Math.log2(options.connectionsMax));
    this.#handshakes = new Newcomers(Math.min(HANDSHAKES_MAX, most), 0, (entry) => this.#lost(this.#handshakes, entry));
    this.#joined = new Newcomers(Math.min(JOINED_MAX, most), JOINED_BYTES_MAX, (entry) =>
      this.#lost(this.#joined, entry),
    );
  }

  get size(): number {
    return this.#handshakes.size + this.#joined.size;
  }

  /** True when something of the packet's addresses and ports is kept. */
  knows(packet: Packet): boolean {
    if (this.size === 0) return false;
    this.#look(packet);
    return this.#handshakes.find() >= 0 || this.#joined.find() >= 0;
  }

  /** True when the packet adds nothing to a handshake that is kept but what is kept with it. Call `knows` before. */
  goesOn(packet: Packet, now: number): boolean {
    const kept = this.#handshakes;
    const entry = kept.find();
    if (entry < 0 || packet.payloadWire !== 0 || kept.find(entry) >= 0) return false;
    const { ints, doubles } = kept;
    const at = entry * INTS;
    if (ints[at + LANE] !== packet.lane || !this.#isOf(ints, at, packet)) return false;
    doubles[entry * DOUBLES + LAST_ACTIVE] = now;
    if ((packet.flags & MEANING) === (SYN | ACK) && (ints[at + BITS]! & (ACK | ANSWERED)) === 0) {
      ints[at + BITS]! |= ANSWERED;
      ints[at + ANSWER_SEQ] = packet.seq;
      doubles[entry * DOUBLES + ANSWER_TIME] = packet.time;
    }
    return true;
  }

  /** Keeps a packet that begins a handshake and nothing else. False: it isn't one. */
  begins(packet: Packet, now: number): boolean {
    if ((packet.flags & (SYN | FIN | RST)) !== SYN || packet.payloadWire !== 0) return false;
    this.#look(packet);
    this.#keep(this.#handshakes, this.#handshakes.add(NO_BYTES, 0, 0), packet, now);
    return true;
  }

  /** Keeps the packet that would join a connection, when too many are joined. */
  floods(packet: Packet, now: number): boolean {
    if (this.#joins.take(now)) return false;
    const { bytes, payloadStart, payloadCaptured } = packet;
    const length = Math.min(payloadCaptured, bytes.length - payloadStart);
    this.#look(packet);
    this.#keep(this.#joined, this.#joined.add(bytes, payloadStart, length), packet, now);
    return true;
  }

  /** Hands out what is kept of the packet's addresses and ports, as the packets that it came with, and forgets it. Call `knows` before. */
  release(now: number, each: (packet: Packet) => void): void {
    for (const kept of [this.#handshakes, this.#joined]) {
      for (let entry = kept.find(); entry >= 0; entry = kept.find()) {
        const isIdle = now - kept.doubles[entry * DOUBLES + LAST_ACTIVE]! >= this.#idleTimeout;
        if (!isIdle) this.#handOut(kept, entry, each);
        kept.remove(entry);
      }
    }
  }

  /** Hands out packets that waited for another one, as many as may be joined by now. */
  settle(now: number, each: (packet: Packet) => void): void {
    const kept = this.#joined;
    while (kept.oldest >= 0 && kept.doubles[kept.oldest * DOUBLES + LAST_ACTIVE]! <= now - JOIN_WAIT_MICROS) {
      if (!this.#joins.take(now)) return;
      this.#handOutOldest(each);
    }
  }

  /** The capture ends, or begins anew: all packets are handed out, and handshakes that nothing followed have nothing to tell. */
  end(each: (packet: Packet) => void): void {
    while (this.#handshakes.oldest >= 0) this.#handshakes.remove(this.#handshakes.oldest);
    while (this.#joined.oldest >= 0) this.#handOutOldest(each);
  }

  #handOutOldest(each: (packet: Packet) => void): void {
    const entry = this.#joined.oldest;
    this.#handOut(this.#joined, entry, each);
    this.#joined.remove(entry);
  }

  /** The same SYN or SYN+ACK again, the SYN+ACK of the SYN, or the acknowledgement of both. */
  #isOf(ints: Int32Array, at: number, packet: Packet): boolean {
    const bits = ints[at + BITS]!;
    const isFirsts = this.#fromLow === ((bits & FROM_LOW) !== 0);
    const seq = ints[at + SEQ]!;
    const answered = (bits & ANSWERED) !== 0;
    switch (packet.flags & MEANING) {
      case SYN:
        return isFirsts && (bits & ACK) === 0 && packet.seq === seq;
      case SYN | ACK:
        if (isFirsts) return (bits & ACK) !== 0 && packet.seq === seq && packet.ack === ints[at + ACK_NUMBER];
        if ((bits & ACK) !== 0 || packet.ack !== ((seq + 1) | 0)) return false;
        return !answered || packet.seq === ints[at + ANSWER_SEQ];
      case ACK:
        return (
          isFirsts && answered && packet.seq === ((seq + 1) | 0) && packet.ack === ((ints[at + ANSWER_SEQ]! + 1) | 0)
        );
      default:
        return false;
    }
  }

  #keep(kept: Newcomers, entry: number, packet: Packet, now: number): void {
    const { ints, doubles } = kept;
    const at = entry * INTS;
    ints[at + LANE] = packet.lane;
    ints[at + BITS] = packet.flags | (this.#fromLow ? FROM_LOW : 0) | (packet.version === 6 ? IS_V6 : 0);
    ints[at + SEQ] = packet.seq;
    ints[at + ACK_NUMBER] = packet.ack;
    ints[at + WIRE] = packet.payloadWire;
    doubles[entry * DOUBLES + TIME] = packet.time;
    doubles[entry * DOUBLES + LAST_ACTIVE] = now;
  }

  #handOut(kept: Newcomers, entry: number, each: (packet: Packet) => void): void {
    const packet = this.#scratch;
    const { ints, doubles } = kept;
    const at = entry * INTS;
    const bits = ints[at + BITS]!;
    const fromLow = (bits & FROM_LOW) !== 0;
    const lane = ints[at + LANE]!;
    packet.version = (bits & IS_V6) === 0 ? 4 : 6;
    packet.lane = lane;
    packet.flags = bits & 0xff;
    packet.seq = ints[at + SEQ]!;
    packet.ack = ints[at + ACK_NUMBER]!;
    packet.payloadWire = ints[at + WIRE]!;
    packet.payloadCaptured = kept.lengthOf(entry);
    packet.payloadStart = kept.offsetOf(entry);
    packet.bytes = kept.bytes;
    packet.time = doubles[entry * DOUBLES + TIME]!;
    address(packet, kept.keys, entry * KEY_WORDS, fromLow);
    const answerTime = doubles[entry * DOUBLES + ANSWER_TIME]!;
    const answerSeq = ints[at + ANSWER_SEQ]!;
    each(packet);
    if ((bits & ANSWERED) === 0) return;
    address(packet, kept.keys, entry * KEY_WORDS, !fromLow);
    packet.ack = (packet.seq + 1) | 0;
    packet.seq = answerSeq;
    packet.flags = SYN | ACK;
    packet.time = answerTime;
    each(packet);
  }

  #lost(kept: Newcomers, entry: number): void {
    const packets = (kept.ints[entry * INTS + BITS]! & ANSWERED) === 0 ? 1 : 2;
    this.#losses.add(LOSS_FLOOD, packets, kept.lengthOf(entry));
  }

  /** Fills in the keys: the same for both directions. */
  #look(packet: Packet): void {
    const fromLow = isLow(packet);
    this.#fromLow = fromLow;
    const { key } = this.#handshakes;
    const [low, high] = fromLow ? [0, 4] : [4, 0];
    key[low] = packet.source0;
    key[low + 1] = packet.source1;
    key[low + 2] = packet.source2;
    key[low + 3] = packet.source3;
    key[high] = packet.target0;
    key[high + 1] = packet.target1;
    key[high + 2] = packet.target2;
    key[high + 3] = packet.target3;
    key[8] = fromLow ? packet.sourcePort : packet.targetPort;
    key[9] = fromLow ? packet.targetPort : packet.sourcePort;
    key[10] = packet.version;
    this.#joined.key.set(key);
  }
}

function isLow(packet: Packet): boolean {
  if (packet.source3 !== packet.target3) return packet.source3 < packet.target3;
  if (packet.sourcePort !== packet.targetPort) return packet.sourcePort < packet.targetPort;
  if (packet.source2 !== packet.target2) return packet.source2 < packet.target2;
  if (packet.source1 !== packet.target1) return packet.source1 < packet.target1;
  return packet.source0 <= packet.target0;
}

function address(packet: Packet, keys: Int32Array, at: number, fromLow: boolean): void {
  const source = at + (fromLow ? 0 : 4);
  const target = at + (fromLow ? 4 : 0);
  packet.source0 = keys[source]!;
  packet.source1 = keys[source + 1]!;
  packet.source2 = keys[source + 2]!;
  packet.source3 = keys[source + 3]!;
  packet.target0 = keys[target]!;
  packet.target1 = keys[target + 1]!;
  packet.target2 = keys[target + 2]!;
  packet.target3 = keys[target + 3]!;
  packet.sourcePort = keys[at + (fromLow ? 8 : 9)]!;
  packet.targetPort = keys[at + (fromLow ? 9 : 8)]!;
}
