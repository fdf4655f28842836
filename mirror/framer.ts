/**
 * Collects a connection's ordered segments into frames. Bytes are copied once, on arrival, into a buffer that the frame then
 * owns; a connection without pending bytes holds no buffer.
 */
import type { CloseReason, Frame, Segment, SegmentKind, Side } from '../schemas/frame.ts';
import { type Identity, identify } from './identity.ts';
import { LossCounter } from './losses.ts';
import { type CaptureOptions, FRAME_SEGMENTS_MAX } from './options.ts';
import { CLIENT_A, CLIENT_B, CLIENT_UNKNOWN, type Connection } from './tcp/connection.ts';
import { DeadlineQueue } from './tcp/deadlines.ts';
import type { Stream } from './tcp/stream.ts';

/** A larger segment (an offloaded one) is divided. */
const SEGMENT_BYTES_MAX = 512 * 1024;
/** Below half of Node's pool for small buffers, so that it comes from there. */
const BUFFER_BYTES_FIRST = 4000;
/** How much more than in its last frame is expected of a side. */
const GROWTH_FACTOR = 1.125;
/** What a pending frame and a segment of it weigh besides the payload, for the limit on memory. */
const PENDING_OVERHEAD_BYTES = 256;
const SEGMENT_OVERHEAD_BYTES = 64;
const NO_BYTES = Buffer.alloc(0);
const NO_SEGMENTS: PendingSegment[] = [];

/** A segment of a frame that isn't passed on yet: it may grow, and its sides may turn out to be the other way round. */
export interface PendingSegment extends Segment {
  side: Side;
  length: number;
}

export interface PendingFrame {
  readonly connection: Connection;
  readonly offsetA: number;
  readonly offsetB: number;
  /** Side A is taken for the client in the segments. */
  readonly aIsClient: boolean;
  segments: PendingSegment[];
  buffer: Buffer;
  length: number;
  /** Of these, bytes of side A. */
  lengthA: number;
  losses: LossCounter | null;
  /** Sits in the queue of deadlines; a frame that has been passed on is skipped there. */
  done: boolean;
}

export class Framer {
  /** Memory of all pending frames. */
  pendingBytes = 0;
  frames = 0;
  payloadBytes = 0;
  readonly deadlines: DeadlineQueue<PendingFrame>;
  readonly #options: CaptureOptions;
  readonly #emit: (frame: Frame) => void;

  /** Size of the last frame that was a connection's first, by the side that began it. */
  #clientFirstBytes = 0;
  #serverFirstBytes = 0;

  constructor(options: CaptureOptions, emit: (frame: Frame) => void) {
    this.#options = options;
    this.#emit = emit;
    this.deadlines = new DeadlineQueue(options.frameDelayMs);
  }

  /** Adds `length` bytes, which follow a gap of `gap` bytes. */
  data(
    c: Connection,
    from: Stream,
    bytes: Buffer,
    start: number,
    length: number,
    time: number,
    gap: number,
    now: number,
  ): void {
    if (length > SEGMENT_BYTES_MAX) {
      this.#divide(c, from, bytes, start, length, time, gap, now);
      return;
    }
    let pending = c.pending;
    if (pending !== null && pending.length + length > this.#options.frameBytesMax && pending.length > 0) {
      this.flush(pending, null);
      pending = null;
    }
    pending ??= this.#begin(c, from, length + gap, now, length);
    const fromA = from === c.a;
    if (pending.length + length > pending.buffer.length) this.#grow(pending, from, length);
    bytes.copy(pending.buffer, pending.length, start, start + length);
    pending.length += length;
    if (fromA) pending.lengthA += length;
    this.#segment(pending, fromA, 'data', time, gap, length);
    if (pending.length >= this.#options.frameBytesMax) this.flush(pending, null);
  }

  end(c: Connection, from: Stream, kind: 'fin' | 'rst', time: number, gap: number, now: number): void {
    // The end of a connection that never carried anything (a port scan, a health check) makes no frame.
    if (c.pending === null && c.frameSequence === 0 && gap === 0) return;
    const pending = c.pending ?? this.#begin(c, from, gap, now, 0);
    this.#segment(pending, from === c.a, kind, time, gap, 0);
  }

  /** Called before what follows the loss. */
  loss(c: Connection, reason: number, packets: number, bytes: number, now: number): void {
    const pending = c.pending ?? this.#begin(c, c.a, 0, now, 0);
    pending.losses ??= new LossCounter();
    pending.losses.add(reason, packets, bytes);
  }

  /** The connection's last frame. A connection that made none so far and has nothing to tell makes none. */
  close(c: Connection, reason: CloseReason, now: number): void {
    if (c.pending === null && c.frameSequence === 0) return;
    const pending = c.pending ?? this.#begin(c, c.a, 0, now, 0);
    this.flush(pending, reason);
  }

  /** The connection isn't HTTP: drops what is pending, and says so in a last frame. Returns the bytes dropped. */
  abandon(c: Connection, reason: number, now: number): number {
    const pending = c.pending ?? this.#begin(c, c.a, 0, now, 0);
    const { length: bytes, segments } = pending;
    pending.losses ??= new LossCounter();
    pending.losses.add(reason, segments.length, bytes);
    this.pendingBytes -= pending.buffer.length + segments.length * SEGMENT_OVERHEAD_BYTES;
    pending.segments = [];
    pending.buffer = NO_BYTES;
    pending.length = 0;
    pending.lengthA = 0;
    this.flush(pending, 'not_http');
    return bytes;
  }

  /** Passes on the frame that has waited longest. False when there is none. */
  flushOldest(): boolean {
    for (let oldest = this.deadlines.takeOldest(); oldest !== undefined; oldest = this.deadlines.takeOldest()) {
      if (oldest.done) continue;
      this.flush(oldest, null);
      return true;
    }
    return false;
  }

  /** Passes on the frames whose delay is over. */
  expire(now: number): void {
    for (let due = this.deadlines.takeDue(now); due !== undefined; due = this.deadlines.takeDue(now)) {
      if (!due.done) this.flush(due, null);
    }
  }

  flush(pending: PendingFrame, close: CloseReason | null): void {
    const c = pending.connection;
    if (c.client === CLIENT_UNKNOWN) guessRoles(c);
    const { id, client, server } = this.#identityOf(c);
    const aIsClient = c.client === CLIENT_A;
    if (aIsClient !== pending.aIsClient) swapSides(pending.segments);
    const frame: Frame = {
      connection: id,
      sequence: c.frameSequence,
      network: this.#options.network,
      client,
      server,
      rolesSource: c.rolesSource,
      fromStart: c.handshake,
      origin: 'packets',
      probe: this.#options.probe,
      process: null,
      labels: this.#options.labels,
      clientOffset: aIsClient ? pending.offsetA : pending.offsetB,
      serverOffset: aIsClient ? pending.offsetB : pending.offsetA,
      segments: pending.segments,
      payload: pending.length === 0 ? NO_BYTES : owned(pending),
      close,
      losses: pending.losses === null ? [] : pending.losses.take(),
    };
    this.#retire(pending);
    this.#emit(frame);
  }

  #retire(pending: PendingFrame): void {
    const c = pending.connection;
    this.frames++;
    this.payloadBytes += pending.length;
    this.pendingBytes -=
      pending.buffer.length + pending.segments.length * SEGMENT_OVERHEAD_BYTES + PENDING_OVERHEAD_BYTES;
    c.pending = null;
    c.frameSequence++;
    this.#remember(c, c.a, pending.lengthA);
    this.#remember(c, c.b, pending.length - pending.lengthA);
    pending.done = true;
    // It stays in the queue of deadlines for a while.
    pending.buffer = NO_BYTES;
    pending.segments = NO_SEGMENTS;
  }

  /** `counted`: how far `from` was already counted past the frame's first segment. */
  #begin(c: Connection, from: Stream, counted: number, now: number, length: number): PendingFrame {
    const pending: PendingFrame = {
      connection: c,
      offsetA: c.a.emitted - (from === c.a ? counted : 0),
      offsetB: c.b.emitted - (from === c.b ? counted : 0),
      aIsClient: c.client !== CLIENT_B,
      segments: [],
      buffer: length === 0 ? NO_BYTES : Buffer.allocUnsafe(this.#expected(c, from, length)),
      length: 0,
      lengthA: 0,
      losses: null,
      done: false,
    };
    this.pendingBytes += pending.buffer.length + PENDING_OVERHEAD_BYTES;
    c.pending = pending;
    this.deadlines.add(pending, now);
    return pending;
  }

  /**
   * What a side puts into a frame is much like what it put into its last one (a request that grows with its conversation, a part
   * of an answer): a buffer of that size is neither grown, which copies, nor mostly empty, which is copied as well.
   */
  #expected(c: Connection, from: Stream, length: number): number {
    const last = from.lastFrameBytes || (isClient(c, from) ? this.#clientFirstBytes : this.#serverFirstBytes);
    const likely = Math.max(Math.ceil(last * GROWTH_FACTOR), BUFFER_BYTES_FIRST);
    return Math.max(length, Math.min(likely, this.#options.frameBytesMax));
  }

  #remember(c: Connection, s: Stream, bytes: number): void {
    if (bytes === 0) return;
    if (s.lastFrameBytes === 0) {
      if (isClient(c, s)) this.#clientFirstBytes = bytes;
      else this.#serverFirstBytes = bytes;
    }
    s.lastFrameBytes = bytes;
  }

  #grow(pending: PendingFrame, from: Stream, length: number): void {
    const c = pending.connection;
    const lengthOfSide = from === c.a ? pending.lengthA : pending.length - pending.lengthA;
    const more = Math.max(length, this.#expected(c, from, length) - lengthOfSide, pending.length);
    const most = Math.max(pending.length + length, this.#options.frameBytesMax);
    const larger = Buffer.allocUnsafe(Math.min(most, pending.length + more));
    pending.buffer.copy(larger, 0, 0, pending.length);
    this.pendingBytes += larger.length - pending.buffer.length;
    pending.buffer = larger;
  }

  #segment(pending: PendingFrame, fromA: boolean, kind: SegmentKind, time: number, gap: number, length: number): void {
    const { segments } = pending;
    const side = fromA === pending.aIsClient ? 'client' : 'server';
    if (kind === 'data' && gap === 0 && segments.length > 0) {
      const last = segments[segments.length - 1]!;
      if (last.time === time && last.side === side && last.kind === 'data') {
        last.length += length;
        return;
      }
    }
    segments.push({ side, kind, time, gap, length });
    this.pendingBytes += SEGMENT_OVERHEAD_BYTES;
    if (segments.length >= FRAME_SEGMENTS_MAX) this.flush(pending, null);
  }

  #divide(
    c: Connection,
    from: Stream,
    bytes: Buffer,
    start: number,
    length: number,
    time: number,
    gap: number,
    now: number,
  ): void {
    // The stream has counted the whole segment already: take it back, and count each part when its turn comes.
    from.emitted -= length;
    for (let done = 0; done < length; done += SEGMENT_BYTES_MAX) {
      const part = Math.min(SEGMENT_BYTES_MAX, length - done);
      from.emitted += part;
      this.data(c, from, bytes, start + done, part, time, done === 0 ? gap : 0, now);
    }
  }

  #identityOf(c: Connection): Identity {
    c.identity ??= identify(c, this.#options.network);
    return c.identity;
  }
}

/** A frame may live long: it doesn't keep a buffer that is mostly empty. */
function owned(pending: PendingFrame): Buffer {
  const payload = pending.buffer.subarray(0, pending.length);
  return pending.length * 2 >= pending.buffer.length ? payload : Buffer.from(payload);
}

/** Who is the client was told otherwise only after the segments had come. */
function swapSides(segments: readonly PendingSegment[]): void {
  for (const segment of segments) segment.side = segment.side === 'client' ? 'server' : 'client';
}

function isClient(c: Connection, s: Stream): boolean {
  return (s === c.a) === (c.client === CLIENT_A);
}

/** Servers have the lower port, as a rule. */
function guessRoles(c: Connection): void {
  c.client = c.aPort < c.bPort ? CLIENT_B : CLIENT_A;
  c.rolesSource = 'guess';
}
