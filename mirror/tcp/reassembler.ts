/**
 * Puts the bytes of a connection in order: each side by its sequence numbers (RFC 9293 section 3.4), and the sides among each other
 * causally: a segment is delivered when the other side was delivered up to the segment's acknowledgement number. So a
 * response never comes before its request, however the capture shuffled the packets.
 *
 * What can't be delivered yet is parked. Nothing waits forever: see giving-up.ts.
 */

import { openMessage } from '../content.ts';
import { ACK, FIN, type Packet, RST, SYN } from '../decode/packet.ts';
import { LOSS_OUT_OF_WINDOW } from '../losses.ts';
import type { CaptureOptions } from '../options.ts';
import type { Connection } from './connection.ts';
import { caughtUp, Delivery, finMayBeLost, type SegmentSink } from './delivery.ts';
import { GivingUp } from './giving-up.ts';
import { NO_ACK, PARKED_OVERHEAD_BYTES, type Parked, type Stream } from './stream.ts';

/** So many segments in a row that are too far ahead, but near each other, are believed: the capture had an outage. */
const STRAYS_BELIEVED = 3;
/** How near: numbers made up at random are hardly ever, and an outage ends with segments that follow each other. */
const STRAY_DISTANCE_MAX = 1024 * 1024;
const NO_BYTES = Buffer.alloc(0);

export class Reassembler {
  readonly delivery: Delivery;
  readonly givingUp: GivingUp;
  readonly #sink: SegmentSink;
  readonly #windowBytesMax: number;
  readonly #connectionBytesMax: number;

  constructor(options: CaptureOptions, sink: SegmentSink) {
    this.#sink = sink;
    this.delivery = new Delivery(sink);
    this.givingUp = new GivingUp(options, this.delivery);
    this.#windowBytesMax = options.windowBytesMax;
    this.#connectionBytesMax = options.connectionBufferBytesMax;
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
      // First the losses: they may begin a frame, whose offsets are those before this segment.
      if (s.strayPackets > 0) this.delivery.countStrays(connection, s);
      s.advance(length);
      s.emitted += length;
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
    const ack = (packet.flags & (ACK | RST)) === ACK ? acknowledge(o, packet.ack, now, this.#windowBytesMax) : NO_ACK;
    if (packet.payloadWire > 0) this.#data(connection, s, o, packet, offset, ack, now);
    if ((packet.flags & FIN) !== 0) noteFin(s, offset + packet.payloadWire, packet.time, ack);
    if ((packet.flags & RST) !== 0 && !s.rstSeen) {
      s.rstSeen = true;
      s.rstTime = packet.time;
      s.sentTo = Math.max(s.sentTo, offset);
      if ((packet.flags & ACK) !== 0 && o.started) this.#noteSent(o, o.unwrap(packet.ack));
      connection.closing ??= 'rst';
    }
    this.delivery.drain(connection);
  }

  /** A reset acknowledges what its sender had, but doesn't wait for the rest: that counts when the connection ends. */
  #noteSent(o: Stream, to: number): void {
    if (to > o.sentTo && to - Math.max(o.next, o.ackedTo) <= this.#windowBytesMax) o.sentTo = to;
  }

  /** False for a segment so far ahead that it is another connection's or damaged, unless several of them come in a row. */
  #plausible(connection: Connection, s: Stream, offset: number, length: number): boolean {
    const ahead = offset - Math.max(s.next, s.ackedTo);
    // After an outage the last parked segment lies beyond the window: what goes on there does so near it, else made-up numbers could
    // move the window along.
    const goesOn = s.tail !== null && Math.abs(offset - s.tail.end) <= STRAY_DISTANCE_MAX;
    const behind = s.next - offset;
    if (goesOn || (ahead <= this.#windowBytesMax && behind <= this.#windowBytesMax)) {
      if (length > 0 && s.strayPackets > 0) this.delivery.countStrays(connection, s);
      return true;
    }
    if (length === 0) return false;
    if (s.strayPackets > 0 && Math.abs(offset - s.strayEnd) > STRAY_DISTANCE_MAX)
      this.delivery.countStrays(connection, s);
    s.strayEnd = offset + length;
    if (ahead > 0 && s.strayPackets + 1 >= STRAYS_BELIEVED) {
      // Their bytes are part of the gap that is now before this segment.
      s.strayPackets = 0;
      s.strayBytes = 0;
      return true;
    }
    s.strayPackets++;
    s.strayBytes += length;
    if (ahead <= 0) this.delivery.countStrays(connection, s);
    return false;
  }

  #data(connection: Connection, s: Stream, o: Stream, packet: Packet, offset: number, ack: number, now: number): void {
    const end = offset + packet.payloadWire;
    if (s.finSeen && offset >= s.finAt) {
      // A duplicate of what was before the FIN lies below; nothing may follow it.
      this.#sink.loss(connection, LOSS_OUT_OF_WINDOW, 1, packet.payloadCaptured);
      return;
    }
    if (!s.known) {
      // One byte alone may be a keep-alive probe, which repeats a byte that the peer has acknowledged already.
      const isData = connection.handshake || packet.payloadWire > 1 || offset >= s.lowestAck;
      const from = opensBefore(s, packet, offset) ? offset - 1 : offset;
      if ((isData || from < offset) && from < s.lowestData) s.lowestData = from;
      this.#park(connection, s, packet, offset, offset, end, ack, now);
      return;
    }
    if (end <= s.next) {
      this.delivery.retransmittedBytes += packet.payloadCaptured;
      return;
    }
    const from = Math.max(offset, s.next);
    if (from === s.next && (s.head === null || s.head.offset >= end) && caughtUp(o, ack)) {
      const skip = from - offset;
      this.delivery.retransmittedBytes += Math.min(skip, packet.payloadCaptured);
      const captured = Math.max(0, packet.payloadCaptured - skip);
      this.delivery.deliver(connection, s, packet.bytes, packet.payloadStart + skip, captured, end - from, packet.time);
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
    let following = s.firstEndingAfter(from);
    let at = from;
    let parkedBytes = 0;
    while (at < end) {
      const pieceEnd = following === null ? end : Math.min(end, following.offset);
      if (pieceEnd > at) parkedBytes += this.#parkPiece(s, packet, offset, at, pieceEnd, following, ack, now);
      if (following === null) break;
      at = Math.max(at, following.end);
      following = following.after;
    }
    this.delivery.retransmittedBytes += packet.payloadCaptured - parkedBytes;
    while (connection.a.parkedBytes + connection.b.parkedBytes > this.#connectionBytesMax)
      this.givingUp.relieveOnce(connection, now);
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
    // When the snap length cut the TCP header's options, the payload's place is beyond the captured bytes.
    if (length > 0) packet.bytes.copy(bytes, 0, start, start + length);
    s.insert({ offset: from, end, bytes, time: packet.time, ack, arrived: now, before: null, after: null }, before);
    this.delivery.parkedBytes += length + PARKED_OVERHEAD_BYTES;
    return length;
  }
}

/** Notes how far `o` is acknowledged. Returns the offset; NO_ACK when it is too far ahead to be believed. */
function acknowledge(o: Stream, ack: number, now: number, windowBytesMax: number): number {
  if (!o.started) o.start(ack);
  const offset = o.unwrap(ack);
  if (offset - Math.max(o.next, o.ackedTo) > windowBytesMax) return NO_ACK;
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

/** The byte alone that came before this segment was no keep-alive probe: together they are how a message begins. */
function opensBefore(s: Stream, packet: Packet, offset: number): boolean {
  const { head } = s;
  if (head === null || head.end !== offset || head.bytes.length !== 1) return false;
  return openMessage(head.bytes[0]!, packet.bytes, packet.payloadStart, packet.payloadCaptured);
}
