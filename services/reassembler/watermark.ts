/**
 * Which frames of a partition are still needed, and what a successor must be told that starts at the first of them.
 *
 * A successor reads from the low watermark W: the first frame with a byte of anything unfinished. What began before W and is
 * finished must not come out again as something new. A connection that stood between two messages at W needs no word:
 * its first frame from W on begins with a message. For one that was in the middle, the checkpoint says up to where its
 * streams are done with; the successor skips that far, and is in sync from there. One that speaks HTTP/2 is told as long as it
 * lasts, since what its headers mean depends on those before.
 *
 *          W
 *     ─────┼──[frame]──[frame]──────►  offsets of the partition
 *   ══exchange════╡done               ◄ a connection in the middle of an exchange at W: resume behind `done`
 */
import type { ConnectionId } from '../common/types.ts';
import type { ResumePoint } from '../http/connection.ts';

/** What the stage knows of a frame that it has fed. */
export interface FramePlace {
  readonly connection: ConnectionId;
  /** Offset of its record in the partition. */
  readonly offset: number;
  readonly clientStart: number;
  readonly serverStart: number;
  readonly clientEnd: number;
  readonly serverEnd: number;
  /** Offset of the connection's first record of which something waits for another probe's bytes. */
  readonly heldFrom?: number;
}

interface KeptFrame {
  readonly offset: number;
  readonly clientEnd: number;
  readonly serverEnd: number;
  /** When it came, by the partition's clock, ms. */
  readonly atMs: number;
  /** A successor that starts with this frame needs no word about the connection. */
  readonly boundary: boolean;
}

interface Tracked {
  resume: ResumePoint;
  /** Frames from the last checkpoint's watermark on, oldest first. */
  readonly frames: KeptFrame[];
  /** Where the next frame begins; -1 while none has come. */
  clientEnd: number;
  serverEnd: number;
  /** When its last frame came, by the partition's clock, ms. */
  touchedMs: number;
  closed: boolean;
  /** From this offset on frames wait for another probe's bytes; Infinity when none does. */
  heldFrom: number;
}

/** Most connections that are told of only because another probe's frames may be late. */
const LATE_MAX = 16_384;
const NOWHERE = { clientEnd: -1, serverEnd: -1, touchedMs: 0, closed: false, heldFrom: Number.POSITIVE_INFINITY };
const START: ResumePoint = { client: 0, server: 0, state: 'synced' };

export class Watermark {
  /**
   * How long after its last frame a connection is told of, ms, whatever its state: another probe's frames of it may be late.
   * 0 with a single probe.
   */
  lateMsMax = 0;
  #nowMs = 0;
  readonly #connections = new Map<ConnectionId, Tracked>();

  /** Connections of which frames or a position are kept. */
  get size(): number {
    return this.#connections.size;
  }

  /**
   * A frame was fed. `beginning`: what is assumed of a connection that isn't known yet: this is its first frame ever, it stands
   * between two messages, or nothing. `resume`: where it stands now; null: it has ended, and all of it is done with.
   */
  fed(frame: FramePlace, beginning: 'first' | 'synced' | 'unsynced', resume: ResumePoint | null, nowMs: number): void {
    let tracked = this.#connections.get(frame.connection);
    if (tracked === undefined) {
      const before =
        beginning === 'first' ? START : { client: frame.clientStart, server: frame.serverStart, state: beginning };
      tracked = { resume: before, frames: [], ...NOWHERE, touchedMs: nowMs };
      this.#connections.set(frame.connection, tracked);
    }
    const { client, server, state, http2 } = tracked.resume;
    const between = state === 'synced' && http2 === undefined;
    const starts = between && client === frame.clientStart && server === frame.serverStart;
    const { offset, clientEnd, serverEnd } = frame;
    tracked.frames.push({ offset, clientEnd, serverEnd, atMs: nowMs, boundary: starts && this.lateMsMax === 0 });
    this.#nowMs = nowMs;
    tracked.touchedMs = nowMs;
    tracked.clientEnd = Math.max(tracked.clientEnd, clientEnd);
    tracked.serverEnd = Math.max(tracked.serverEnd, serverEnd);
    tracked.heldFrom = frame.heldFrom ?? Number.POSITIVE_INFINITY;
    tracked.closed = resume === null;
    tracked.resume = resume ?? { client: tracked.clientEnd, server: tracked.serverEnd, state: 'ignored' };
  }

  /** What a checkpoint said of a connection, before its first frame comes again. */
  restore(connection: ConnectionId, resume: ResumePoint): void {
    this.#connections.set(connection, { resume, frames: [], ...NOWHERE });
  }

  /** The connection goes on from another point without a frame. `heldFrom`: as in FramePlace. */
  moved(connection: ConnectionId, resume: ResumePoint, heldFrom = Number.POSITIVE_INFINITY): void {
    const tracked = this.#connections.get(connection);
    if (tracked === undefined) return;
    tracked.resume = resume;
    tracked.heldFrom = heldFrom;
  }

  /** Connections without a frame since `sinceMs`. */
  idle(sinceMs: number): ConnectionId[] {
    const found: ConnectionId[] = [];
    for (const [connection, tracked] of this.#connections) {
      if (tracked.touchedMs < sinceMs && !tracked.closed) found.push(connection);
    }
    return found;
  }

  /** Connections whose first unfinished frame came before `sinceMs`. */
  holding(sinceMs: number): ConnectionId[] {
    const found: ConnectionId[] = [];
    for (const [connection, tracked] of this.#connections) {
      const first = tracked.frames.find((frame) => !isDone(frame, tracked));
      if (first !== undefined && first.atMs < sinceMs) found.push(connection);
    }
    return found;
  }

  /** The connection was closed without a frame (idle, evicted): nothing of it is unfinished. */
  closed(connection: ConnectionId): void {
    const tracked = this.#connections.get(connection);
    if (tracked === undefined) return;
    const { client, server } = tracked.resume;
    const ends = { client: Math.max(client, tracked.clientEnd), server: Math.max(server, tracked.serverEnd) };
    tracked.closed = true;
    tracked.heldFrom = Number.POSITIVE_INFINITY;
    if (tracked.frames.length > 0) tracked.resume = { ...ends, state: 'ignored' };
  }

  /** The first offset that is still needed; `next` when nothing is. */
  low(next: number): number {
    return this.#first(next)?.offset ?? next;
  }

  /** When the first frame came that is still needed, by the partition's clock, ms; null when nothing is. */
  get heldSinceMs(): number | null {
    return this.#first(Number.POSITIVE_INFINITY)?.atMs ?? null;
  }

  #first(before: number): KeptFrame | null {
    let first: KeptFrame | null = null;
    for (const tracked of this.#connections.values()) {
      for (const frame of tracked.frames) {
        if (frame.offset >= (first?.offset ?? before)) break;
        if (isDone(frame, tracked)) continue;
        first = frame;
        break;
      }
    }
    return first;
  }

  /** What a successor at `low` must be told. Forgets what lies before `low`. */
  checkpoint(low: number): ReadonlyMap<ConnectionId, ResumePoint> {
    const told = new Map<ConnectionId, ResumePoint>();
    let late = 0;
    for (const [connection, tracked] of this.#connections) {
      const { frames } = tracked;
      let before = 0;
      while (before < frames.length && frames[before]!.offset < low) before++;
      frames.splice(0, before);
      const [first] = frames;
      if (first !== undefined) {
        if (!first.boundary) told.set(connection, tracked.resume);
      } else if ((tracked.closed || standsAtItsEnd(tracked)) && (!this.#mayBeLate(tracked) || ++late > LATE_MAX)) {
        this.#connections.delete(connection);
      } else told.set(connection, tracked.resume);
    }
    return told;
  }

  #mayBeLate({ touchedMs }: Tracked): boolean {
    return this.lateMsMax > 0 && this.#nowMs - touchedMs <= this.lateMsMax;
  }
}

function isDone(frame: KeptFrame, { resume, heldFrom }: Tracked): boolean {
  return frame.offset < heldFrom && frame.clientEnd <= resume.client && frame.serverEnd <= resume.server;
}

/** All that came is done with, and a message of HTTP/1 begins with the next frame: what anyone assumes who is told nothing. */
function standsAtItsEnd({ resume, clientEnd, serverEnd }: Tracked): boolean {
  return (
    resume.state === 'synced' &&
    resume.http2 === undefined &&
    resume.client === clientEnd &&
    resume.server === serverEnd
  );
}
