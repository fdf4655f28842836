/**
 * Delivery: passes on what is in order, each side by its sequence numbers and the sides among each other causally, and the
 * gaps before it.
 */
import { LOSS_GAP, LOSS_OUT_OF_WINDOW, LOSS_SNAP } from '../losses.ts';
import type { Connection } from './connection.ts';
import { NO_ACK, PARKED_OVERHEAD_BYTES, type Stream } from './stream.ts';

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

const NO_BYTES = Buffer.alloc(0);

export class Delivery {
  /** Bytes parked in all connections, with their overhead. */
  parkedBytes = 0;
  /** Bytes that came again. */
  retransmittedBytes = 0;
  readonly sink: SegmentSink;

  constructor(sink: SegmentSink) {
    this.sink = sink;
  }

  /** Delivers whatever has become deliverable. */
  drain(connection: Connection): void {
    const { a, b } = connection;
    while (this.drainStream(connection, a, b) || this.drainStream(connection, b, a)) {
      // Each side's progress may be what the other one waited for.
    }
  }

  /** True when there was progress. */
  drainStream(connection: Connection, s: Stream, o: Stream): boolean {
    if (!s.known) return false;
    let progress = false;
    while (s.head !== null && s.head.offset <= s.next && caughtUp(o, s.head.ack)) {
      this.deliverHead(connection, s);
      progress = true;
    }
    if (s.finPending && s.next >= s.finAt && caughtUp(o, s.finAck)) {
      this.deliverFin(connection, s);
      progress = true;
    }
    return progress;
  }

  deliverHead(connection: Connection, s: Stream): void {
    const parked = s.removeHead();
    this.parkedBytes -= parked.bytes.length + PARKED_OVERHEAD_BYTES;
    if (parked.end <= s.next) {
      this.retransmittedBytes += parked.bytes.length;
      return;
    }
    const skip = s.next - parked.offset;
    const captured = Math.max(0, parked.bytes.length - skip);
    this.deliver(connection, s, parked.bytes, skip, captured, parked.end - s.next, parked.time);
  }

  /** `length` is that on the wire; what the snap length cut off it is a gap behind the bytes. */
  deliver(
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
      const gap = this.takeGap(c, s);
      s.emitted += captured;
      this.sink.data(c, s, bytes, start, captured, time, gap);
    }
    if (captured === length) return;
    s.pendingGap += length - captured;
    s.pendingSnap += length - captured;
    this.emitGap(c, s, time);
  }

  deliverFin(connection: Connection, s: Stream): void {
    const o = connection.other(s);
    if (s.finAck >= o.next && !o.finDelivered && finMayBeLost(o)) this.deliverLostFin(connection, o, s.finTime);
    s.finDelivered = true;
    if (s.next === s.finAt) s.advance(1);
    this.sink.end(connection, s, 'fin', s.finTime, this.takeGap(connection, s));
  }

  /** What looks like a FIN that the capture missed (see finMayBeLost) is taken for one. */
  deliverLostFin(connection: Connection, s: Stream, time: number): void {
    s.pendingGap = 0;
    s.finDelivered = true;
    this.sink.end(connection, s, 'fin', time, 0);
  }

  takeGap(connection: Connection, s: Stream): number {
    const gap = s.pendingGap;
    if (gap === 0) return 0;
    if (s.pendingSnap > 0) this.sink.loss(connection, LOSS_SNAP, 0, s.pendingSnap);
    if (gap > s.pendingSnap) this.sink.loss(connection, LOSS_GAP, 0, gap - s.pendingSnap);
    s.pendingGap = 0;
    s.pendingSnap = 0;
    s.emitted += gap;
    return gap;
  }

  emitGap(connection: Connection, s: Stream, now: number): void {
    const gap = this.takeGap(connection, s);
    if (gap > 0) this.sink.data(connection, s, NO_BYTES, 0, 0, now, gap);
  }

  countStrays(connection: Connection, s: Stream): void {
    this.sink.loss(connection, LOSS_OUT_OF_WINDOW, s.strayPackets, s.strayBytes);
    s.strayPackets = 0;
    s.strayBytes = 0;
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
export function finMayBeLost(s: Stream): boolean {
  return s.pendingGap === 1 && s.pendingSnap === 0 && s.head === null && !s.finSeen;
}

/** Whether `o` was delivered up to `ack`, what a segment of the other side's acknowledges. */
export function caughtUp(o: Stream, ack: number): boolean {
  return ack === NO_ACK || (o.known && o.next >= ack);
}
