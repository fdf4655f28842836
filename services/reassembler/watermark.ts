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
}

const START: ResumePoint = { client: 0, server: 0, state: 'synced' };

export class Watermark {
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
      tracked = { resume: before, frames: [], clientEnd: -1, serverEnd: -1, touchedMs: nowMs, closed: false };
      this.#connections.set(frame.connection, tracked);
    }
    const { client, server, state, http2 } = tracked.resume;
    const between = state === 'synced' && http2 === undefined;
    const boundary = between && client === frame.clientStart && server === frame.serverStart;
    const { offset, clientEnd, serverEnd } = frame;
    tracked.frames.push({ offset, clientEnd, serverEnd, atMs: nowMs, boundary });
    tracked.touchedMs = nowMs;
    tracked.clientEnd = clientEnd;
    tracked.serverEnd = serverEnd;
    tracked.closed = resume === null;
    tracked.resume = resume ?? { client: clientEnd, server: serverEnd, state: 'ignored' };
  }

  /** What a checkpoint said of a connection, before its first frame comes again. */
  restore(connection: ConnectionId, resume: ResumePoint): void {
    const nowhere = { clientEnd: -1, serverEnd: -1, touchedMs: 0, closed: false };
    this.#connections.set(connection, { resume, frames: [], ...nowhere });
  }

  /** The connection goes on from another point without a frame: what was open on it has ended. */
  moved(connection: ConnectionId, resume: ResumePoint): void {
    const tracked = this.#connections.get(connection);
    if (tracked !== undefined) tracked.resume = resume;
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
    for (const [connection, { frames, resume }] of this.#connections) {
      const first = frames.find((frame) => !isDone(frame, resume));
      if (first !== undefined && first.atMs < sinceMs) found.push(connection);
    }
    return found;
  }

  /** The connection was closed without a frame (idle, evicted): nothing of it is unfinished. */
  closed(connection: ConnectionId): void {
    const tracked = this.#connections.get(connection);
    if (tracked === undefined) return;
    const last = tracked.frames.at(-1);
    tracked.closed = true;
    if (last !== undefined) tracked.resume = { client: last.clientEnd, server: last.serverEnd, state: 'ignored' };
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
    for (const { resume, frames } of this.#connections.values()) {
      for (const frame of frames) {
        if (frame.offset >= (first?.offset ?? before)) break;
        if (isDone(frame, resume)) continue;
        first = frame;
        break;
      }
    }
    return first;
  }

  /** What a successor at `low` must be told. Forgets what lies before `low`. */
  checkpoint(low: number): ReadonlyMap<ConnectionId, ResumePoint> {
    const told = new Map<ConnectionId, ResumePoint>();
    for (const [connection, tracked] of this.#connections) {
      const { frames } = tracked;
      let before = 0;
      while (before < frames.length && frames[before]!.offset < low) before++;
      frames.splice(0, before);
      const [first] = frames;
      if (first !== undefined) {
        if (!first.boundary) told.set(connection, tracked.resume);
      } else if (tracked.closed || standsAtItsEnd(tracked)) this.#connections.delete(connection);
      else told.set(connection, tracked.resume);
    }
    return told;
  }
}

function isDone(frame: KeptFrame, resume: ResumePoint): boolean {
  return frame.clientEnd <= resume.client && frame.serverEnd <= resume.server;
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
