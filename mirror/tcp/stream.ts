/**
 * One direction of a connection: where it stands, and what came too early.
 *
 * Sequence numbers (32 bits, wrapping) are unwrapped to offsets that grow without end. Offset 0 is the first thing that
 * was seen of the stream, so offsets before it are negative until the stream's origin is settled. A FIN takes one offset, as it
 * takes one sequence number; `emitted` counts bytes only and starts at 0 at the origin.
 */

import { WALK_MAX, Waypoints } from './waypoints.ts';

/** Bytes (or a cut segment's length) that can't be delivered yet: a hole lies before them, or the other side is behind. */
export interface Parked {
  readonly offset: number;
  readonly end: number;
  /** The captured bytes, from `offset`; shorter than `end - offset` when the snap length cut them. */
  readonly bytes: Buffer;
  readonly time: number;
  /** The other side's offset that the sender had received when it sent this. */
  readonly ack: number;
  /** Capture clock when it came. */
  readonly arrived: number;
  before: Parked | null;
  after: Parked | null;
}

/** `ack` of a segment that acknowledges nothing. */
export const NO_ACK = -(2 ** 52);
/** What a parked segment costs besides its bytes, for the limits. */
export const PARKED_OVERHEAD_BYTES = 192;

export class Stream {
  /** Offsets have a meaning: something was seen. */
  started = false;
  /** The origin (first byte ever, or the join) is settled: delivery may begin. */
  known = false;
  /** Sequence number (int32) and offset of the next byte to deliver. */
  nextSeq = 0;
  next = 0;
  /** Bytes delivered, gaps included. */
  emitted = 0;
  /** This side's bytes in the last frame that had any. */
  lastFrameBytes = 0;
  /** Part of `next` that was passed over, and not yet put into a segment; of these, the bytes cut by the snap length. */
  pendingGap = 0;
  pendingSnap = 0;
  /** Highest offset that the other side has acknowledged, and the value of it one grace period ago. */
  ackedTo = 0;
  ackMark = NO_ACK;
  /** Capture clock of the other side's last acknowledgement while something was parked here. */
  ackedAt = 0;
  /** Candidates for the origin while it isn't known. */
  lowestData = Number.POSITIVE_INFINITY;
  lowestAck = Number.POSITIVE_INFINITY;
  head: Parked | null = null;
  /** Only of long lists. */
  #waypoints: Waypoints | null = null;
  tail: Parked | null = null;
  parkedBytes = 0;
  finSeen = false;
  finDelivered = false;
  finAt = 0;
  finTime = 0;
  finAck = NO_ACK;
  rstSeen = false;
  rstDelivered = false;
  rstTime = 0;
  /** A reset, of either side, tells that it was sent up to here. */
  sentTo = 0;
  /** Segments too far ahead to be believed, in a row. */
  strayPackets = 0;
  strayBytes = 0;
  /** Offset behind the last of them. */
  strayEnd = 0;

  /** The offset of a sequence number near the stream's present position. */
  unwrap(seq: number): number {
    return this.next + ((seq - this.nextSeq) | 0);
  }

  start(seq: number): void {
    this.started = true;
    this.nextSeq = seq;
    this.next = 0;
  }

  /** The stream begins at `seq`, as a handshake or an acknowledgement says. */
  setOrigin(seq: number): void {
    if (!this.started) this.start(seq);
    this.advance((seq - this.nextSeq) | 0);
    this.known = true;
    if (this.ackedTo < this.next) this.ackedTo = this.next;
  }

  advance(length: number): void {
    this.next += length;
    this.nextSeq = (this.nextSeq + length) | 0;
  }

  /** No handshake was seen: begin at the first data, or where the other side's acknowledgements begin. */
  settle(afterHandshake: boolean): void {
    const data = this.lowestData;
    const ack = this.lowestAck;
    // After a handshake the first acknowledgement is the origin; in the middle it may speak of bytes from before the capture.
    const origin = afterHandshake ? Math.min(data, ack) : data < Number.POSITIVE_INFINITY ? data : ack;
    if (origin < Number.POSITIVE_INFINITY) this.advance(origin - this.next);
    this.known = true;
    if (this.ackedTo < this.next) this.ackedTo = this.next;
  }

  /** True while bytes are known to be missing, held back, or of unknown position. */
  get waiting(): boolean {
    return this.head !== null || this.ackedTo > this.next || (this.started && !this.known) || this.finPending;
  }

  get finPending(): boolean {
    return this.finSeen && !this.finDelivered;
  }

  /** The first parked segment that ends after `offset`. */
  firstEndingAfter(offset: number): Parked | null {
    const waypoint = this.#waypoints === null ? null : this.#waypoints.endingAfter(offset);
    let following = waypoint;
    let steps = 0;
    for (let at = waypoint ?? this.tail; at !== null && at.end > offset; at = at.before) {
      following = at;
      steps++;
    }
    if (steps > WALK_MAX) this.#waypoints = new Waypoints(this.head);
    return following;
  }

  insert(parked: Parked, before: Parked | null): void {
    const previous = before === null ? this.tail : before.before;
    parked.before = previous;
    parked.after = before;
    if (previous === null) this.head = parked;
    else previous.after = parked;
    if (before === null) this.tail = parked;
    else before.before = parked;
    this.parkedBytes += parked.bytes.length + PARKED_OVERHEAD_BYTES;
  }

  removeHead(): Parked {
    const parked = this.head!;
    this.head = parked.after;
    if (this.#waypoints !== null) this.#waypoints.removed(parked);
    if (this.head === null) {
      this.tail = null;
      this.#waypoints = null;
    } else this.head.before = null;
    this.parkedBytes -= parked.bytes.length + PARKED_OVERHEAD_BYTES;
    return parked;
  }

  /** Forgets what is parked. Returns the bytes dropped. */
  drop(): number {
    let bytes = 0;
    for (let parked = this.head; parked !== null; parked = parked.after) bytes += parked.bytes.length;
    this.head = null;
    this.tail = null;
    this.#waypoints = null;
    this.parkedBytes = 0;
    return bytes;
  }
}
