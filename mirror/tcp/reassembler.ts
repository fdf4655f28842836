/**
 * Puts the bytes of a connection in order: each side by its sequence numbers (RFC 9293 section 3.4), and the sides among each other
 * causally: a segment is delivered when the other side was delivered up to the segment's acknowledgement number. So a
 * response never comes before its request, however the capture shuffled the packets.
 *
 * What can't be delivered yet is parked. Nothing waits forever: see `expire`, `relieve` and `finish`.
 */
import { ACK, FIN, type Packet, RST, SYN } from '../decode/packet.ts';
import { LOSS_GAP, LOSS_OUT_OF_WINDOW, LOSS_SNAP } from '../losses.ts';
import type { CaptureOptions } from '../options.ts';
import type { Connection } from './connection.ts';
import { NO_ACK, PARKED_OVERHEAD_BYTES, type Parked, type Stream } from './stream.ts';

/** Where ordered segments go. `bytes` is valid only during the call. `gap` bytes are missing before the segment. */
export interface SegmentSink {
  data(
    connection: Connection,
    from: Stream,
    bytes: Buffer,
    start: number,
    length: number,
    time: number,
    gap: number,
  ): void;
  end(connection: Connection, from: Stream, kind: 'fin' | 'rst', time: number, gap: number): void;
  loss(connection: Connection, reason: number, packets: number, bytes: number): void;
}

/** So many segments in a row that are too far ahead are believed: the capture had an outage. */
const STRAYS_BELIEVED = 3;
/** How much longer a hole is waited for while the peer's acknowledgements say that it waits, too. */
const CONTRARY_FACTOR = 10;
const NO_BYTES = Buffer.alloc(0);

export class Reassembler {
  /** Bytes parked in all connections, with their overhead. */
  parkedBytes = 0;
  /** Bytes that came again. */
  retransmittedBytes = 0;
  readonly #sink: SegmentSink;
  readonly #windowBytesMax: number;
  readonly #connectionBytesMax: number;
  readonly #unackedGrace: number;

  constructor(options: CaptureOptions, sink: SegmentSink) {
    this.#sink = sink;
    this.#windowBytesMax = options.windowBytesMax;
    this.#connectionBytesMax = options.connectionBufferBytesMax;
    this.#unackedGrace = options.unackedGraceMs * 1000;
  }

  /**
   * Takes one packet that `s` sent and `o` receives. Returns true when it was just the next one and nothing else is
   * to be looked at, which is nearly always so.
   */
  receive(connection: Connection, s: Stream, o: Stream, packet: Packet, now: number): boolean {
    if (
      packet.seq === s.nextSeq &&
      (packet.flags & (SYN | FIN | RST | ACK)) === ACK &&
      ((packet.ack - o.nextSeq) | 0) <= 0 &&
      s.known &&
      o.known &&
      s.head === null &&
      o.head === null &&
      s.pendingGap === 0 &&
      packet.payloadCaptured === packet.payloadWire &&
      !s.finSeen &&
      !o.finPending
    ) {
      const length = packet.payloadCaptured;
      if (length === 0) return true;
      s.advance(length);
      s.emitted += length;
      s.strayPackets === 0 || this.#countStrays(connection, s);
      this.#sink.data(connection, s, packet.bytes, packet.payloadStart, length, packet.time, 0);
      return true;
    }
    this.#receiveUnusual(connection, s, o, packet, now);
    return false;
  }

  #receiveUnusual(connection: Connection, s: Stream, o: Stream, packet: Packet, now: number): void {
    const seq = (packet.flags & SYN) !== 0 ? (packet.seq + 1) | 0 : packet.seq;
    if (!s.started) s.start(seq);
    const offset = s.unwrap(seq);
    if (!this.#plausible(connection, s, offset, packet.payloadWire)) return;
    const ack = (packet.flags & (ACK | RST)) === ACK ? acknowledge(o, packet.ack, now) : NO_ACK;
    if (packet.payloadWire > 0) this.#data(connection, s, o, packet, offset, ack, now);
    if ((packet.flags & FIN) !== 0) noteFin(s, offset + packet.payloadWire, packet.time, ack);
    if ((packet.flags & RST) !== 0 && !s.rstSeen) {
      s.rstSeen = true;
      s.rstTime = packet.time;
      connection.closing ??= 'rst';
    }
    this.drain(connection);
  }

  /** False for a segment so far ahead that it is another connection's or damaged, unless several of them come in a row. */
  #plausible(connection: Connection, s: Stream, offset: number, length: number): boolean {
    const ahead = offset - Math.max(s.next, s.ackedTo, s.tail === null ? s.next : s.tail.end);
    const behind = s.next - offset;
    if (ahead <= this.#windowBytesMax && behind <= this.#windowBytesMax) {
      if (length > 0 && s.strayPackets > 0) this.#countStrays(connection, s);
      return true;
    }
    if (length === 0) return false;
    if (ahead > 0 && s.strayPackets + 1 >= STRAYS_BELIEVED) {
      // Their bytes are part of the gap that is now before this segment.
      s.strayPackets = 0;
      s.strayBytes = 0;
      return true;
    }
    s.strayPackets++;
    s.strayBytes += length;
    if (ahead <= 0) this.#countStrays(connection, s);
    return false;
  }

  #countStrays(connection: Connection, s: Stream): void {
    this.#sink.loss(connection, LOSS_OUT_OF_WINDOW, s.strayPackets, s.strayBytes);
    s.strayPackets = 0;
    s.strayBytes = 0;
  }

  #data(connection: Connection, s: Stream, o: Stream, packet: Packet, offset: number, ack: number, now: number): void {
    const end = offset + packet.payloadWire;
    if (s.finSeen && offset >= s.finAt) {
      // A duplicate of what was before the FIN lies below; nothing may follow it.
      this.#sink.loss(connection, LOSS_OUT_OF_WINDOW, 1, packet.payloadCaptured);
      return;
    }
    if (!s.known) {
      // One byte alone may be a keep-alive probe, which repeats the byte before the stream's next.
      if ((connection.handshake || packet.payloadWire > 1) && offset < s.lowestData) s.lowestData = offset;
      this.#park(connection, s, packet, offset, offset, end, ack, now);
      return;
    }
    if (end <= s.next) {
      this.retransmittedBytes += packet.payloadCaptured;
      return;
    }
    const from = Math.max(offset, s.next);
    if (from === s.next && (s.head === null || s.head.offset >= end) && caughtUp(o, ack)) {
      const skip = from - offset;
      this.retransmittedBytes += Math.min(skip, packet.payloadCaptured);
      const captured = Math.max(0, packet.payloadCaptured - skip);
      this.#deliver(connection, s, packet.bytes, packet.payloadStart + skip, captured, end - from, packet.time);
    } else this.#park(connection, s, packet, offset, from, end, ack, now);
  }

  /** Parks those parts of the segment that aren't there yet: the first copy of a byte wins. */
  #park(
    connection: Connection,
    s: Stream,
    packet: Packet,
    offset: number,
    from: number,
    end: number,
    ack: number,
    now: number,
  ): void {
    let following: Parked | null = null;
    let preceding = s.tail;
    while (preceding !== null && preceding.end > from) {
      following = preceding;
      preceding = preceding.before;
    }
    let at = from;
    let parkedBytes = 0;
    while (at < end) {
      const pieceEnd = following === null ? end : Math.min(end, following.offset);
      if (pieceEnd > at) parkedBytes += this.#parkPiece(s, packet, offset, at, pieceEnd, following, ack, now);
      if (following === null) break;
      at = Math.max(at, following.end);
      following = following.after;
    }
    this.retransmittedBytes += packet.payloadCaptured - parkedBytes;
    while (connection.a.parkedBytes + connection.b.parkedBytes > this.#connectionBytesMax)
      this.#relieveOnce(connection, now);
  }

  #parkPiece(
    s: Stream,
    packet: Packet,
    offset: number,
    from: number,
    end: number,
    before: Parked | null,
    ack: number,
    now: number,
  ): number {
    const start = packet.payloadStart + (from - offset);
    const capturedEnd = Math.min(packet.payloadStart + packet.payloadCaptured, packet.payloadStart + (end - offset));
    const length = Math.max(0, capturedEnd - start);
    const bytes = length === 0 ? NO_BYTES : Buffer.allocUnsafe(length);
    packet.bytes.copy(bytes, 0, start, start + length);
    s.insert({ offset: from, end, bytes, time: packet.time, ack, arrived: now, before: null, after: null }, before);
    this.parkedBytes += length + PARKED_OVERHEAD_BYTES;
    return length;
  }

  /** Delivers whatever has become deliverable. */
  drain(connection: Connection): void {
    const { a, b } = connection;
    while (this.#drainStream(connection, a, b) || this.#drainStream(connection, b, a)) {
      // Each side's progress may be what the other one waited for.
    }
  }

  #drainStream(connection: Connection, s: Stream, o: Stream): boolean {
    if (!s.known) return false;
    let progress = false;
    while (s.head !== null && s.head.offset <= s.next && caughtUp(o, s.head.ack)) {
      this.#deliverHead(connection, s);
      progress = true;
    }
    if (s.finPending && s.next >= s.finAt && caughtUp(o, s.finAck)) {
      this.#deliverFin(connection, s);
      progress = true;
    }
    return progress;
  }

  #deliverHead(connection: Connection, s: Stream): void {
    const parked = s.removeHead();
    this.parkedBytes -= parked.bytes.length + PARKED_OVERHEAD_BYTES;
    if (parked.end <= s.next) {
      this.retransmittedBytes += parked.bytes.length;
      return;
    }
    const skip = s.next - parked.offset;
    const captured = Math.max(0, parked.bytes.length - skip);
    this.#deliver(connection, s, parked.bytes, skip, captured, parked.end - s.next, parked.time);
  }

  /** `length` is that on the wire; what the snap length cut off it is a gap behind the bytes. */
  #deliver(
    c: Connection,
    s: Stream,
    bytes: Buffer,
    start: number,
    captured: number,
    length: number,
    time: number,
  ): void {
    s.advance(length);
    if (captured > 0) {
      const gap = this.#takeGap(c, s);
      s.emitted += captured;
      this.#sink.data(c, s, bytes, start, captured, time, gap);
    }
    if (captured === length) return;
    s.pendingGap += length - captured;
    s.pendingSnap += length - captured;
    this.#emitGap(c, s, time);
  }

  #deliverFin(connection: Connection, s: Stream): void {
    s.finDelivered = true;
    if (s.next === s.finAt) s.advance(1);
    this.#sink.end(connection, s, 'fin', s.finTime, this.#takeGap(connection, s));
  }

  #takeGap(connection: Connection, s: Stream): number {
    const gap = s.pendingGap;
    if (gap === 0) return 0;
    if (s.pendingSnap > 0) this.#sink.loss(connection, LOSS_SNAP, 0, s.pendingSnap);
    if (gap > s.pendingSnap) this.#sink.loss(connection, LOSS_GAP, 0, gap - s.pendingSnap);
    s.pendingGap = 0;
    s.pendingSnap = 0;
    s.emitted += gap;
    return gap;
  }

  /** Called one grace period after something began to wait, and again as long as it waits. */
  expire(connection: Connection, now: number): void {
    const { a, b } = connection;
    if (a.started && !a.known) a.settle(connection.handshake);
    if (b.started && !b.known) b.settle(connection.handshake);
    this.drain(connection);
    this.#expireAcked(connection, a, now);
    this.#expireAcked(connection, b, now);
    this.#expireWaiting(connection, a, now);
    this.#expireWaiting(connection, b, now);
    this.mark(connection);
  }

  /** What is acknowledged by now and not here one grace period later is lost. */
  mark(connection: Connection): void {
    connection.a.ackMark = connection.a.ackedTo;
    connection.b.ackMark = connection.b.ackedTo;
  }

  #expireAcked(connection: Connection, s: Stream, now: number): void {
    while (s.known && s.next < s.ackMark) {
      if (s.head !== null && s.head.offset <= s.next) break; // No hole: it waits for the other side.
      const next = s.next;
      this.#pass(connection, s, s.head === null ? s.ackMark : Math.min(s.ackMark, s.head.offset), now);
      if (s.next === next) break;
    }
  }

  #expireWaiting(connection: Connection, s: Stream, now: number): void {
    for (let head = s.head; head !== null; head = s.head) {
      const peerWaitsToo = s.ackedTo <= s.next && s.ackedAt > head.arrived;
      if (now - head.arrived < this.#unackedGrace * (peerWaitsToo ? CONTRARY_FACTOR : 1)) return;
      this.#release(connection, s, now);
    }
    if (s.finPending && s.known && now - s.finTime >= this.#unackedGrace) this.#pass(connection, s, s.finAt, now);
  }

  /** Gives up on the bytes up to `to`: they become a gap, which is delivered at once unless the next segment carries it. */
  #pass(connection: Connection, s: Stream, to: number, now: number): void {
    const end = s.finPending ? Math.min(to, s.finAt) : to;
    if (end > s.next) {
      s.pendingGap += end - s.next;
      s.advance(end - s.next);
    }
    // The gap comes before whatever the other side sent after it, so this side's turn is first.
    this.#drainStream(connection, s, connection.other(s));
    if (!finMayBeLost(s)) this.#emitGap(connection, s, now);
    this.drain(connection);
  }

  #emitGap(connection: Connection, s: Stream, now: number): void {
    const gap = this.#takeGap(connection, s);
    if (gap > 0) this.#sink.data(connection, s, NO_BYTES, 0, 0, now, gap);
  }

  /** Makes the first parked segment deliverable and delivers it, whatever it waits for. */
  #release(connection: Connection, s: Stream, now: number): void {
    const head = s.head!;
    const o = connection.other(s);
    if (!s.known) s.settle(connection.handshake);
    if (o.started && !o.known) o.settle(connection.handshake);
    if (head.offset > s.next) this.#pass(connection, s, head.offset, now);
    else if (o.head === null && o.known) this.#pass(connection, o, head.ack, now);
    this.drain(connection);
    if (s.head !== head) return;
    // Two sides that wait for each other, or bytes behind a FIN: only damaged numbers make that.
    if (head.offset <= s.next) this.#deliverHead(connection, s);
    else this.#dropHead(connection, s);
  }

  #dropHead(connection: Connection, s: Stream): void {
    const { bytes } = s.removeHead();
    this.parkedBytes -= bytes.length + PARKED_OVERHEAD_BYTES;
    this.#sink.loss(connection, LOSS_OUT_OF_WINDOW, 1, bytes.length);
  }

  /** Releases one segment: behind a hole if there is one (the nearest), else the earliest that waits for the other side. */
  #relieveOnce(connection: Connection, now: number): void {
    const { a, b } = connection;
    if (a.head === null || b.head === null) {
      this.#release(connection, a.head === null ? b : a, now);
      return;
    }
    const holeA = a.head.offset > a.next;
    const holeB = b.head.offset > b.next;
    const first = holeA === holeB ? (a.head.time <= b.head.time ? a : b) : holeA ? a : b;
    this.#release(connection, first, now);
  }

  /** Delivers everything parked, with gaps. */
  relieve(connection: Connection, now: number): void {
    while (connection.a.head !== null || connection.b.head !== null) this.#relieveOnce(connection, now);
  }

  /** The connection ends: delivers all there is, and what is known to be missing as gaps. */
  finish(connection: Connection, now: number): void {
    const { a, b } = connection;
    if (a.started && !a.known) a.settle(connection.handshake);
    if (b.started && !b.known) b.settle(connection.handshake);
    this.drain(connection);
    this.relieve(connection, now);
    const bFirst = a.finPending && !caughtUp(b, a.finAck);
    this.#finishStream(connection, bFirst ? b : a, now);
    this.#finishStream(connection, bFirst ? a : b, now);
  }

  #finishStream(connection: Connection, s: Stream, now: number): void {
    if (!s.known) return;
    if (s.strayPackets > 0) this.#countStrays(connection, s);
    this.#pass(connection, s, s.finPending ? s.finAt : s.ackedTo, now);
    if (s.finPending) this.#deliverFin(connection, s);
    if (finMayBeLost(s)) {
      s.pendingGap = 0;
      s.finDelivered = true;
      this.#sink.end(connection, s, 'fin', now, 0);
    } else this.#emitGap(connection, s, now);
    if (s.rstSeen && !s.rstDelivered) {
      s.rstDelivered = true;
      this.#sink.end(connection, s, 'rst', s.rstTime, 0);
    }
  }

  /** Forgets what is parked, returning the bytes. */
  discard(connection: Connection): number {
    const { a, b } = connection;
    this.parkedBytes -= a.parkedBytes + b.parkedBytes;
    return a.drop() + b.drop();
  }
}

/** True when both sides have said that they send no more, where one of the two FINs may be missing. */
export function isFinished(connection: Connection): boolean {
  const { a, b } = connection;
  if (a.head !== null || b.head !== null) return false;
  if (a.finDelivered) return b.finDelivered || finMayBeLost(b);
  return b.finDelivered && finMayBeLost(a);
}

/** One missing byte at the very end is most likely a FIN that the capture missed: it takes a sequence number, too. */
function finMayBeLost(s: Stream): boolean {
  return s.pendingGap === 1 && s.pendingSnap === 0 && s.head === null && !s.finSeen;
}

function caughtUp(o: Stream, ack: number): boolean {
  return ack === NO_ACK || (o.known && o.next >= ack);
}

/** Notes how far `o` is acknowledged. Returns the offset. */
function acknowledge(o: Stream, ack: number, now: number): number {
  if (!o.started) o.start(ack);
  const offset = o.unwrap(ack);
  if (!o.known && offset < o.lowestAck) o.lowestAck = offset;
  if (offset > o.ackedTo) o.ackedTo = offset;
  if (o.head !== null) o.ackedAt = now;
  return offset;
}

function noteFin(s: Stream, at: number, time: number, ack: number): void {
  if (s.finSeen) return;
  if (at === s.next - 1 && finMayBeLost(s)) {
    // It was the FIN indeed.
    s.pendingGap = 0;
    s.advance(-1);
  }
  if (s.known && at < s.next) return;
  s.finSeen = true;
  s.finAt = at;
  s.finTime = time;
  s.finAck = ack;
}
