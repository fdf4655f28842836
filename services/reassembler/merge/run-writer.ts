/** Puts frames together from the pieces that were chosen; a frame's bytes are all of one probe. */
import type { CloseReason, Frame, Segment, SegmentKind, Side } from '../../../schemas/frame.ts';
import type { Item, Position } from './source.ts';

export class RunWriter {
  readonly #position: Position;
  #frames: Frame[] = [];
  #of: Frame | null = null;
  #start: Position = { client: 0, server: 0 };
  #segments: Segment[] = [];
  #pieces: Buffer[] = [];
  /** Bytes that nobody has, right before the position; they go with the next segment. */
  #gap = 0;
  #gapSide: Side = 'client';
  #sequence: number;

  /** `position`: where the connection stands; the writer moves it on. */
  constructor(position: Position, sequence: number) {
    this.#position = position;
    this.#sequence = sequence;
  }

  /** Bytes of the item from the position to `to`. */
  data(item: Item, to: number): void {
    const from = this.#position[item.side];
    this.#segment(item, 'data', to - from);
    const at = item.at + from - item.from;
    this.#pieces.push(item.frame.payload.subarray(at, at + to - from));
    this.#position[item.side] = to;
  }

  gap(item: Item, to: number): void {
    if (this.#gap > 0 && this.#gapSide !== item.side) this.#segment(item, 'data', 0);
    if (this.#of === null) this.#begin(item.frame);
    this.#gapSide = item.side;
    this.#gap += to - this.#position[item.side];
    this.#position[item.side] = to;
  }

  end(item: Item, kind: 'fin' | 'rst'): void {
    this.#segment(item, kind, 0);
  }

  close(frame: Frame, reason: CloseReason): void {
    if (this.#of === null) this.#begin(frame);
    this.#finish(reason);
  }

  /** The whole frame, unchanged but for its number. */
  whole(frame: Frame, ends: Position): void {
    this.#position.client = ends.client;
    this.#position.server = ends.server;
    const sequence = this.#sequence++;
    this.#frames.push(frame.sequence === sequence ? frame : { ...frame, sequence });
  }

  takeFrames(): Frame[] {
    if (this.#of !== null) this.#finish(null);
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }

  #segment(item: Item, kind: SegmentKind, length: number): void {
    const { side, time } = item;
    if (this.#of !== null && length > 0 && this.#of.probe !== item.frame.probe) this.#finish(null);
    if (this.#of === null) this.#begin(item.frame);
    let gap = 0;
    if (this.#gap > 0) {
      if (this.#gapSide === side && kind === 'data' && length > 0) gap = this.#gap;
      else this.#segments.push({ side: this.#gapSide, kind: 'data', time, gap: this.#gap, length: 0 });
      this.#gap = 0;
    }
    if (length > 0 || kind !== 'data') this.#segments.push({ side, kind, time, gap, length });
  }

  #begin(frame: Frame): void {
    this.#of = frame;
    this.#start = { ...this.#position };
  }

  #finish(close: CloseReason | null): void {
    const frame = this.#of;
    if (frame === null) return;
    if (this.#gap > 0) {
      const time = this.#segments.at(-1)?.time ?? frame.segments[0]?.time ?? 0;
      this.#segments.push({ side: this.#gapSide, kind: 'data', time, gap: this.#gap, length: 0 });
      this.#gap = 0;
    }
    const pieces = this.#pieces;
    this.#frames.push({
      ...frame,
      sequence: this.#sequence++,
      clientOffset: this.#start.client,
      serverOffset: this.#start.server,
      segments: this.#segments,
      payload: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces),
      close,
      losses: [],
    });
    this.#of = null;
    this.#segments = [];
    this.#pieces = [];
  }
}
