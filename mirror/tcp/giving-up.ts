/**
 * Giving up: what never comes must not hold up what has come. A hole becomes a gap when it was acknowledged and waited for
 * (`expire`), when memory is short (`relieve`) and when the connection ends (`finish`).
 */
import { LOSS_OUT_OF_WINDOW } from '../losses.ts';
import type { CaptureOptions } from '../options.ts';
import type { Connection } from './connection.ts';
import { caughtUp, type Delivery, finMayBeLost } from './delivery.ts';
import { PARKED_OVERHEAD_BYTES, type Parked, type Stream } from './stream.ts';

/** How much longer a hole is waited for while the peer's acknowledgements say that it waits, too. */
const CONTRARY_FACTOR = 10;

export class GivingUp {
  readonly #delivery: Delivery;
  readonly #unackedGrace: number;

  constructor(options: CaptureOptions, delivery: Delivery) {
    this.#delivery = delivery;
    this.#unackedGrace = options.unackedGraceMs * 1000;
  }

  /** Called one grace period after something began to wait, and again as long as it waits. */
  expire(connection: Connection, now: number): void {
    const { a, b } = connection;
    if (a.started && !a.known) a.settle(connection.handshake);
    if (b.started && !b.known) b.settle(connection.handshake);
    this.#delivery.drain(connection);
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
      this.#passInTurn(connection, s, s.head === null ? s.ackMark : Math.min(s.ackMark, s.head.offset), now);
      if (s.next === next) break;
    }
  }

  /** Gives up on the bytes up to `to`, in as many gaps as the other side's segments, which wait, have their places between. */
  #passInTurn(connection: Connection, s: Stream, to: number, now: number): void {
    const o = connection.other(s);
    let answered = this.#answered(s, o);
    while (answered < to) {
      this.#pass(connection, s, answered, now);
      const next = this.#answered(s, o);
      if (next <= answered) break;
      answered = next;
    }
    if (to > s.next) this.#pass(connection, s, to, now);
  }

  /** Up to where the peer had this side's bytes when it sent what waits: that comes before the rest of the gap. */
  #answered(s: Stream, o: Stream): number {
    const { head } = o;
    if (head === null)
      return o.finPending && o.next >= o.finAt && o.finAck > s.next ? o.finAck : Number.POSITIVE_INFINITY;
    return head.offset <= o.next && head.ack > s.next ? head.ack : Number.POSITIVE_INFINITY;
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
    this.#delivery.drainStream(connection, s, connection.other(s));
    if (!finMayBeLost(s)) this.#delivery.emitGap(connection, s, now);
    this.#delivery.drain(connection);
  }

  /** Makes the first parked segment deliverable and delivers it, whatever it waits for. */
  #release(connection: Connection, s: Stream, now: number): void {
    const head = s.head!;
    const o = connection.other(s);
    if (!s.known) s.settle(connection.handshake);
    if (o.started && !o.known) o.settle(connection.handshake);
    if (head.offset > s.next) this.#passInTurn(connection, s, head.offset, now);
    if (s.head === head && head.offset <= s.next) this.#catchUp(connection, s, head, now);
    this.#delivery.drain(connection);
    if (s.head !== head) return;
    // Two sides that wait for each other, or bytes behind a FIN: only damaged numbers make that.
    if (head.offset <= s.next) this.#delivery.deliverHead(connection, s);
    else this.#dropHead(connection, s);
  }

  /** Gives up on the other side's holes, as far as the segment acknowledges: it must not come before what it answers. */
  #catchUp(connection: Connection, s: Stream, head: Parked, now: number): void {
    const o = connection.other(s);
    while (s.head === head && o.known && o.next < head.ack) {
      const waitsForUs = o.head !== null && o.head.offset <= o.next;
      const next = o.next;
      if (!waitsForUs) this.#pass(connection, o, o.head === null ? head.ack : Math.min(head.ack, o.head.offset), now);
      if (o.next === next) return;
      this.#delivery.drain(connection);
    }
  }

  #dropHead(connection: Connection, s: Stream): void {
    const { bytes } = s.removeHead();
    this.#delivery.parkedBytes -= bytes.length + PARKED_OVERHEAD_BYTES;
    this.#delivery.sink.loss(connection, LOSS_OUT_OF_WINDOW, 1, bytes.length);
  }

  /** Releases one segment: behind a hole if there is one (the nearest), else the earliest that waits for the other side. */
  relieveOnce(connection: Connection, now: number): void {
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
    while (connection.a.head !== null || connection.b.head !== null) this.relieveOnce(connection, now);
  }

  /** The connection ends: delivers all there is, and what is known to be missing as gaps. */
  finish(connection: Connection, now: number): void {
    const { a, b } = connection;
    if (a.started && !a.known) a.settle(connection.handshake);
    if (b.started && !b.known) b.settle(connection.handshake);
    this.#delivery.drain(connection);
    this.relieve(connection, now);
    // A side's end comes behind what the other one is known to have sent before.
    const bFirst = (a.finPending && !caughtUp(b, a.finAck)) || (a.rstSeen && !b.rstSeen);
    this.#finishStream(connection, bFirst ? b : a, now);
    this.#finishStream(connection, bFirst ? a : b, now);
  }

  #finishStream(connection: Connection, s: Stream, now: number): void {
    if (!s.known) return;
    if (s.strayPackets > 0) this.#delivery.countStrays(connection, s);
    const end = s.finPending ? s.finAt : Math.max(s.ackedTo, s.sentTo);
    this.#passInTurn(connection, s, end, now);
    this.#pass(connection, s, end, now);
    if (s.finPending) this.#delivery.deliverFin(connection, s);
    if (finMayBeLost(s) && !s.finDelivered) this.#delivery.deliverLostFin(connection, s, now);
    else this.#delivery.emitGap(connection, s, now);
    if (s.rstSeen && !s.rstDelivered) {
      s.rstDelivered = true;
      this.#delivery.sink.end(connection, s, 'rst', s.rstTime, 0);
    }
  }
}
