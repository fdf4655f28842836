/**
 * Which connection is a packet's, and when does a connection begin and end?
 *
 *   no connection ─ SYN or SYN+ACK ─► from its start ─┐
 *        └──────── data ────────────► joined ─────────┼─ both FINs ─────────────► closed 'fin' ─┐ linger: late packets
 *                                        │            ├─ RST, grace over ───────► closed 'rst' ─┤ are still told apart
 *                                SYN that comes late  ├─ new SYN, grace over ───► 'replaced' ───┘
 *                                                     └─ idle, evicted, end ────► closed, forgotten
 */
import type { CloseReason } from '../../schemas/frame.ts';
import { mayOpenMessage } from '../content.ts';
import { FIN, type Packet, RST, SYN } from '../decode/packet.ts';
import type { HttpFilter } from '../filter.ts';
import type { Framer } from '../framer.ts';
import { LOSS_FLOOD, LOSS_NOT_HTTP, LOSS_OUT_OF_WINDOW, type LossCounter } from '../losses.ts';
import type { CaptureOptions } from '../options.ts';
import { ActivityList } from './activity.ts';
import { type Allowance, allowanceOf } from './allowance.ts';
import { Arrivals } from './arrivals.ts';
import { Connection, SNIFF_DROPPED } from './connection.ts';
import { DeadlineQueue } from './deadlines.ts';
import { isFinished } from './delivery.ts';
import {
  adoptHandshake,
  beginsAnother,
  distance,
  firstOffset,
  fits,
  isLateHandshake,
  sameHandshake,
} from './handshake.ts';
import { Reassembler } from './reassembler.ts';
import type { Stream } from './stream.ts';
import { ConnectionTable, hashOf } from './table.ts';

/** Virtual networks in which the same addresses and ports are told apart at once. */
const LANES_MAX = 64;
/** Idle connections are looked for this often, in µs of the capture's clock. */
const IDLE_CHECK_INTERVAL = 1_000_000;

export class Tracker {
  /** Connections that began or were joined. */
  connections = 0;
  readonly reassembler: Reassembler;
  readonly #options: CaptureOptions;
  readonly #framer: Framer;
  readonly #filter: HttpFilter;
  readonly #losses: LossCounter;
  readonly #table = new ConnectionTable();
  readonly #active = new ActivityList();
  /** Connections that have sent nothing yet. */
  readonly #silent = new ActivityList();
  /** Handshakes that nothing followed so far. */
  readonly #arrivals: Arrivals;
  readonly #allowance: Allowance;
  /** Connections in which something waits. */
  readonly #checks: DeadlineQueue<Connection>;
  /** Closed connections whose late packets may come. */
  readonly #lingering: DeadlineQueue<Connection>;
  #now = 0;
  #packets = 0;
  #idleCheckAt = 0;

  constructor(options: CaptureOptions, filter: HttpFilter, framer: Framer, losses: LossCounter) {
    this.#options = options;
    this.#filter = filter;
    this.#framer = framer;
    this.#losses = losses;
    this.reassembler = new Reassembler(options, filter);
    this.#arrivals = new Arrivals(options, losses);
    this.#allowance = allowanceOf(options.connectionsPerSecondMax);
    this.#checks = new DeadlineQueue(options.gapGraceMs);
    this.#lingering = new DeadlineQueue(options.closedLingerMs);
  }

  /** Open connections, and those that linger. */
  get tracked(): number {
    return this.#table.size;
  }

  /** Connections of which only a handshake is kept, or one packet. */
  get arriving(): number {
    return this.#arrivals.size;
  }

  packet(packet: Packet): void {
    this.#packets++;
    const connection = this.#table.find(packet);
    if (connection !== null) this.#take(connection, packet);
    else if (!this.#arrivals.knows(packet)) this.#unknown(packet);
    else this.#arrived(packet);
  }

  /** The packet has the addresses and ports of `found`. */
  #take(found: Connection, packet: Packet): void {
    const connection = found.lane === packet.lane ? found : this.#acrossLanes(packet);
    if (connection === undefined) this.#losses.add(LOSS_OUT_OF_WINDOW, 1, packet.payloadCaptured);
    else if (connection === null) this.#anotherLanes(packet);
    else if ((packet.flags & SYN) !== 0) this.#syn(connection, packet);
    else if (connection.previous !== null) this.#deliver(this.#nearer(connection, connection.previous, packet), packet);
    else this.#deliver(connection, packet);
  }

  /**
   * The same addresses and ports were seen in another virtual network. It may be the same connection: many networks tag each
   * direction in its own way, and a packet may be mirrored at several places. Then its numbers fit; otherwise it is another
   * network's connection. Returns undefined when there are too many of those.
   */
  #acrossLanes(packet: Packet): Connection | null | undefined {
    let fitting: Connection | null = null;
    let lanes = 0;
    for (let each = this.#table.next(packet, null); each !== null; each = this.#table.next(packet, each)) {
      if (each.lane === packet.lane) return each;
      if (fitting === null && fits(each, packet)) fitting = each;
      lanes++;
    }
    return fitting ?? (lanes < LANES_MAX ? null : undefined);
  }

  /** Time has passed: everything that is due by `now` (µs, never less than before) is done. */
  advance(now: number): void {
    this.#now = now;
    this.#filter.now = now;
    if (this.#framer.deadlines.next <= now) this.#framer.expire(now);
    if (this.#checks.next <= now) this.#runChecks(now);
    if (this.#lingering.next <= now) this.#forgetLingering(now);
    if (this.#idleCheckAt <= now) this.#closeIdle(now);
  }

  /** Closes every connection. */
  end(reason: CloseReason): void {
    this.#arrivals.end(this.#again);
    for (const list of [this.#active, this.#silent]) {
      for (let oldest = list.oldest; oldest !== null; oldest = list.oldest) {
        this.#close(oldest, oldest.closing ?? reason);
      }
    }
    for (let gone = this.#lingering.takeOldest(); gone !== undefined; gone = this.#lingering.takeOldest()) {
      this.#table.remove(gone);
    }
    this.#checks.clear();
    this.#framer.deadlines.clear();
    this.#idleCheckAt = 0;
  }

  #unknown(packet: Packet): void {
    if (!this.#isBeginning(packet)) return;
    if (this.#arrivals.begins(packet, this.#now)) this.connections++;
    else if (this.#mayOpen(packet)) {
      this.connections++;
      const joined = (packet.flags & SYN) === 0;
      if (!joined || !this.#arrivals.floods(packet, this.#now)) this.#begin(packet);
    }
  }

  /** Something of the packet's addresses and ports was kept, and is a connection unless the packet belongs to what is kept. */
  #arrived(packet: Packet): void {
    if (this.#arrivals.goesOn(packet, this.#now) || !this.#mayOpen(packet)) return;
    this.#arrivals.release(this.#now, this.#again);
    const connection = this.#table.find(packet);
    if (connection === null) this.#unknown(packet);
    else this.#take(connection, packet);
  }

  readonly #again = (packet: Packet): void => {
    const connection = this.#table.find(packet);
    if (connection === null) this.#begin(packet);
    else this.#take(connection, packet);
  };

  /** The addresses and ports are in use in other virtual networks, and the packet is none of theirs. */
  #anotherLanes(packet: Packet): void {
    if (!this.#isBeginning(packet) || !this.#mayOpen(packet)) return;
    this.connections++;
    this.#begin(packet);
  }

  /** Whether a connection begins, or is joined, with the packet. */
  #isBeginning(packet: Packet): boolean {
    const { flags } = packet;
    // A lone byte may be a keep-alive probe, unless a message may begin with it; and without data there is nothing to follow.
    if ((flags & SYN) === 0 && packet.payloadWire <= 1 && !isOpening(packet)) {
      if (packet.payloadCaptured > 0) this.#losses.add(LOSS_OUT_OF_WINDOW, 1, packet.payloadCaptured);
      return false;
    }
    return (flags & (SYN | RST)) !== (SYN | RST);
  }

  /** False when there were too many new connections of late: then the packet is counted as lost. */
  #mayOpen(packet: Packet): boolean {
    if (this.#allowance.take(this.#now)) return true;
    this.#losses.add(LOSS_FLOOD, 1, packet.payloadCaptured);
    return false;
  }

  #begin(packet: Packet): void {
    const connection = this.#open(packet);
    if ((packet.flags & SYN) !== 0) adoptHandshake(connection, packet);
    this.#deliver(connection, packet);
  }

  #open(packet: Packet): Connection {
    if (this.#table.size >= this.#options.connectionsMax) this.#makeRoom();
    const connection = new Connection(packet, hashOf(packet), this.#options.sniff, this.#now);
    this.#table.add(connection);
    this.#silent.add(connection);
    return connection;
  }

  #syn(connection: Connection, packet: Packet): void {
    const previous = connection.previous;
    if (sameHandshake(connection, packet)) {
      adoptHandshake(connection, packet);
      this.#deliver(connection, packet);
    } else if (previous !== null && sameHandshake(previous, packet)) this.#deliver(previous, packet);
    else if (beginsAnother(connection, packet)) this.#replace(connection, packet);
    else if (!isLateHandshake(connection)) {
      adoptHandshake(connection, packet);
      this.#deliver(connection, packet);
    }
  }

  /** The same addresses and ports begin a new connection. The old one stays a while: its last packets may be late. */
  #replace(old: Connection, packet: Packet): void {
    if (!this.#mayOpen(packet)) return;
    this.connections++;
    if (old.previous !== null && old.previous.closed === null) this.#close(old.previous, 'replaced');
    old.previous = null;
    this.#table.remove(old);
    if (old.closed === null) {
      old.closing ??= 'replaced';
      this.#queueCheck(old);
    }
    const connection = this.#open(packet);
    connection.previous = old;
    if ((packet.flags & SYN) !== 0) adoptHandshake(connection, packet);
    this.#deliver(connection, packet);
  }

  /** Which of two connections with the same addresses and ports is nearer to the packet's sequence numbers? */
  #nearer(connection: Connection, previous: Connection, packet: Packet): Connection {
    if (this.#now - previous.lastActive > this.#options.closedLingerMs * 1000) {
      connection.previous = null;
      return connection;
    }
    return distance(connection, packet) <= distance(previous, packet) ? connection : previous;
  }

  #deliver(connection: Connection, packet: Packet): void {
    if (connection.closed !== null) {
      this.#late(connection, packet);
      return;
    }
    if (connection.spoken) this.#active.touch(connection, this.#now);
    else this.#touchSilent(connection, packet);
    const fromA = connection.directionOf(packet) === 1;
    const s = fromA ? connection.a : connection.b;
    const o = fromA ? connection.b : connection.a;
    if (connection.sniff === SNIFF_DROPPED) {
      this.#ignore(connection, s, o, packet);
      return;
    }
    const routine = this.reassembler.receive(connection, s, o, packet, this.#now);
    if (!routine) this.#afterUnusual(connection);
    else if (connection.sniff === SNIFF_DROPPED) this.#discardParked(connection);
    if (this.reassembler.delivery.parkedBytes + this.#framer.pendingBytes > this.#options.totalBufferBytesMax)
      this.#relieve();
  }

  #touchSilent(connection: Connection, packet: Packet): void {
    if (packet.payloadWire === 0) {
      this.#silent.touch(connection, this.#now);
      return;
    }
    connection.spoken = true;
    connection.lastActive = this.#now;
    this.#silent.remove(connection);
    this.#active.add(connection);
  }

  #afterUnusual(connection: Connection): void {
    if (connection.sniff === SNIFF_DROPPED) this.#discardParked(connection);
    if (isFinished(connection))
      this.#close(connection, connection.closing === 'replaced' ? 'fin' : (connection.closing ?? 'fin'));
    else if (connection.closing !== null || connection.a.waiting || connection.b.waiting) this.#queueCheck(connection);
  }

  #discardParked(connection: Connection): void {
    const bytes = this.reassembler.delivery.discard(connection);
    if (bytes > 0) this.#losses.add(LOSS_NOT_HTTP, 0, bytes);
  }

  /** A connection that isn't HTTP: counted, and followed to its end only. */
  #ignore(connection: Connection, s: Stream, o: Stream, packet: Packet): void {
    if (packet.payloadWire > 0) this.#losses.add(LOSS_NOT_HTTP, 1, packet.payloadWire);
    if ((packet.flags & FIN) !== 0) s.finDelivered = true;
    if ((packet.flags & RST) !== 0 || (s.finDelivered && o.finDelivered)) this.#close(connection, 'not_http');
  }

  /** A packet of a connection that has ended: a repeated one, or too late. */
  #late(connection: Connection, packet: Packet): void {
    const bytes = packet.payloadCaptured;
    if (packet.payloadWire === 0) return;
    const s = connection.directionOf(packet) === 1 ? connection.a : connection.b;
    const offset = s.unwrap(packet.seq);
    const repeated = offset >= firstOffset(s) && offset + packet.payloadWire <= s.next;
    if (connection.closed === 'not_http') this.#losses.add(LOSS_NOT_HTTP, 1, bytes);
    else if (repeated) this.reassembler.delivery.retransmittedBytes += bytes;
    else if ((s.finDelivered || offset < firstOffset(s)) && this.#table.find(packet) === connection) {
      // Nothing follows a FIN, and nothing precedes the beginning: it is a new connection's, whose SYN is late or lost.
      this.#replace(connection, packet);
    } else this.#losses.add(LOSS_OUT_OF_WINDOW, 1, bytes);
  }

  #queueCheck(connection: Connection): void {
    if (connection.checkQueued) return;
    connection.checkQueued = true;
    connection.checkSince = this.#now;
    connection.checkPackets = this.#packets;
    connection.closingMarked = connection.closing !== null;
    this.reassembler.givingUp.mark(connection);
    this.#checks.add(connection, this.#now);
    // Closed connections stay in the queue until they are due: when they are many, one goes for each that comes.
    if (this.#checks.length > 2 * this.#options.connectionsMax) this.#recheck(this.#checks.takeOldest()!);
  }

  #recheck(oldest: Connection): void {
    if (oldest.closed === null) this.#checks.add(oldest, this.#now);
  }

  #runChecks(now: number): void {
    for (let due = this.#checks.takeDue(now); due !== undefined; due = this.#checks.takeDue(now)) {
      if (due.closed === null) this.#check(due, now);
    }
  }

  #check(connection: Connection, now: number): void {
    const few = this.#packets - connection.checkPackets < this.#options.reorderPackets;
    if (few && now - connection.checkSince < this.#options.quietGraceMs * 1000) {
      this.#checks.add(connection, now);
      return;
    }
    connection.checkQueued = false;
    if (connection.closing !== null && connection.closingMarked) {
      this.#close(connection, connection.closing);
      return;
    }
    this.reassembler.givingUp.expire(connection, now);
    this.#afterUnusual(connection);
  }

  #close(connection: Connection, reason: CloseReason): void {
    const unwanted = connection.sniff === SNIFF_DROPPED;
    if (!unwanted) this.reassembler.givingUp.finish(connection, this.#now);
    // The last bytes may have shown that it isn't HTTP.
    if (connection.sniff === SNIFF_DROPPED) this.#discardParked(connection);
    else this.#framer.close(connection, isFinished(connection) && reason !== 'rst' ? 'fin' : reason, this.#now);
    connection.closed = connection.sniff === SNIFF_DROPPED ? 'not_http' : reason;
    connection.identity = null;
    (connection.spoken ? this.#active : this.#silent).remove(connection);
    if (reason === 'idle' || reason === 'evicted' || reason === 'stopped') this.#table.remove(connection);
    else this.#linger(connection);
  }

  #linger(connection: Connection): void {
    this.#lingering.add(connection, this.#now);
    // Also those count that another connection has replaced in the table.
    if (this.#lingering.length > this.#options.connectionsMax) this.#table.remove(this.#lingering.takeOldest()!);
  }

  #forgetLingering(now: number): void {
    for (let due = this.#lingering.takeDue(now); due !== undefined; due = this.#lingering.takeDue(now)) {
      this.#table.remove(due);
    }
  }

  #closeIdle(now: number): void {
    this.#idleCheckAt = now + IDLE_CHECK_INTERVAL;
    this.#arrivals.settle(now, this.#again);
    const limit = now - this.#options.idleTimeoutMs * 1000;
    for (const list of [this.#active, this.#silent]) {
      for (let oldest = list.oldest; oldest !== null && oldest.lastActive <= limit; oldest = list.oldest) {
        this.#close(oldest, oldest.closing ?? 'idle');
      }
    }
  }

  /** A place for one more connection: a closed one's, one's that has sent nothing, else that of the one without packets for longest. */
  #makeRoom(): void {
    while (this.#table.size >= this.#options.connectionsMax) {
      const closed = this.#lingering.takeOldest();
      if (closed !== undefined) this.#table.remove(closed);
      else {
        const oldest = this.#silent.oldest ?? this.#active.oldest;
        if (oldest === null) return;
        this.#close(oldest, 'evicted');
      }
    }
  }

  /** Over the limit of memory: frames go early, then holes are given up, the oldest first. */
  #relieve(): void {
    const limit = this.#options.totalBufferBytesMax;
    while (this.reassembler.delivery.parkedBytes + this.#framer.pendingBytes > limit) {
      if (this.#framer.flushOldest()) continue;
      const waiting = this.#checks.takeOldest();
      if (waiting === undefined) return;
      waiting.checkQueued = false;
      if (waiting.closed !== null) continue;
      this.reassembler.givingUp.relieve(waiting, this.#now);
      this.#afterUnusual(waiting);
    }
  }
}

function isOpening({ bytes, payloadStart, payloadCaptured }: Packet): boolean {
  return payloadCaptured === 1 && mayOpenMessage(bytes[payloadStart]!);
}
