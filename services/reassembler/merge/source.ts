/** What one probe has published of a connection and what isn't passed on yet, in the probe's order. */
import type { CloseReason, Frame, Side } from '../../../schemas/frame.ts';

/** `gap`: bytes that this probe missed. `close`: its last frame. */
export type ItemKind = 'data' | 'gap' | 'fin' | 'rst' | 'close';

export interface Item {
  readonly kind: ItemKind;
  readonly side: Side;
  /** Stream offsets: of the first byte, and behind the last one. */
  readonly from: number;
  readonly to: number;
  /** By the probe's clock, µs. */
  readonly time: number;
  readonly frame: Frame;
  /** Where its bytes begin in the frame's payload. */
  readonly at: number;
  /** Offset of the frame's record in the partition. */
  readonly order: number;
  /** When the frame came, by the partition's clock, ms. */
  readonly atMs: number;
}

export interface Position {
  client: number;
  server: number;
}

/** What an item weighs besides its bytes: for the limits on what is held. */
const ITEM_OVERHEAD_BYTES = 128;
/** Above so many taken items the queue is made shorter. */
const TAKEN_MAX = 1024;

export class Source {
  /** Stream offsets up to which this probe has told what it knows. */
  readonly reach: Position;
  /** Its last frame, when that one's turn has come. */
  last: Frame | null = null;
  /** When that came, by the partition's clock, ms. */
  endedMs = 0;
  heldBytes = 0;
  #queue: Item[] = [];
  #taken = 0;
  #nextSequence = 0;

  /** `known`: where the connection stands. What a probe published before its first frame seen here is done with. */
  constructor(frame: Frame, known: Position) {
    this.reach = {
      client: Math.min(known.client, frame.clientOffset),
      server: Math.min(known.server, frame.serverOffset),
    };
  }

  get head(): Item | undefined {
    return this.#queue[this.#taken];
  }

  /** Why it has ended; null while it hasn't. */
  get ended(): CloseReason | null {
    return this.last?.close ?? null;
  }

  /** It brings no more bytes: it has ended, or saw the connection torn down. */
  get atEnd(): boolean {
    return this.last !== null || this.head?.kind === 'rst';
  }

  get length(): number {
    return this.#queue.length - this.#taken;
  }

  take(): void {
    const item = this.head;
    if (item === undefined) return;
    this.heldBytes -= weightOf(item);
    this.#taken++;
    if (this.#taken === this.#queue.length) this.#queue = [];
    else if (this.#taken > TAKEN_MAX) this.#queue.splice(0, this.#taken);
    else return;
    this.#taken = 0;
  }

  /** The first item that holds the byte at `offset`, or the end that stands there. */
  find(side: Side, offset: number): Item | null {
    for (let n = this.#taken; n < this.#queue.length; n++) {
      const item = this.#queue[n]!;
      if (item.side !== side) continue;
      if (item.kind === 'data' && item.from <= offset && offset < item.to) return item;
      if (item.kind === 'fin' && item.from === offset) return item;
      if (item.from > offset) return null;
    }
    return null;
  }

  /** Where its first bytes at or behind `offset` begin; `most` when there are none before that. */
  firstBehind(side: Side, offset: number, most: number): number {
    for (let n = this.#taken; n < this.#queue.length; n++) {
      const item = this.#queue[n]!;
      if (item.side !== side) continue;
      if (item.from >= most) return most;
      if (item.kind === 'data' && item.to > offset) return Math.max(item.from, offset);
    }
    return most;
  }

  /** The frame was passed on as it is. `ends`: stream offsets behind it. */
  passed(frame: Frame, ends: Position): void {
    this.#nextSequence = frame.sequence + 1;
    this.reach.client = ends.client;
    this.reach.server = ends.server;
  }

  /** False when the frame was here before. */
  add(frame: Frame, order: number, atMs: number): boolean {
    if (frame.sequence < this.#nextSequence) return false;
    this.#nextSequence = frame.sequence + 1;
    const time = frame.segments[0]?.time ?? 0;
    const push = (kind: ItemKind, side: Side, length: number, when: number, at: number): void => {
      const from = this.reach[side];
      this.reach[side] += length;
      const item: Item = { kind, side, from, to: from + length, time: when, frame, at, order, atMs };
      this.heldBytes += weightOf(item);
      this.#queue.push(item);
    };
    // A frame of its that never came.
    if (frame.clientOffset > this.reach.client) push('gap', 'client', frame.clientOffset - this.reach.client, time, 0);
    if (frame.serverOffset > this.reach.server) push('gap', 'server', frame.serverOffset - this.reach.server, time, 0);
    let at = 0;
    for (const { side, kind, time: when, gap, length } of frame.segments) {
      if (gap > 0) push('gap', side, gap, when, at);
      if (length > 0) push('data', side, length, when, at);
      if (kind !== 'data') push(kind, side, 0, when, at);
      at += length;
    }
    if (frame.close !== null) push('close', 'client', 0, 0, at);
    return true;
  }
}

function weightOf({ kind, from, to }: Item): number {
  return ITEM_OVERHEAD_BYTES + (kind === 'data' ? to - from : 0);
}
