/**
 * A header block over its frames (RFC 9113 sections 4.3, 6.2, 6.6 and 6.10): HEADERS or PUSH_PROMISE, then CONTINUATION until
 * END_HEADERS, with nothing between them.
 *
 *     HEADERS:       [ pad length (8) ] | [ priority (40) ] | fragment | padding
 *     PUSH_PROMISE:  [ pad length (8) ] | promised stream (32) | fragment | padding
 */
import { CONTINUATION, FLAG_END_HEADERS, FLAG_END_STREAM, FLAG_PADDED, FLAG_PRIORITY, PUSH_PROMISE } from './frame.ts';
import type { FrameHead } from './frame-reader.ts';

const PRIORITY_BYTES = 5;
const PROMISED_BYTES = 4;
const NOTHING: Buffer = Buffer.alloc(0);

export class HeaderBlock {
  readonly #bytesMax: number;
  /** Between a frame that began a block and the one that ends it. */
  open = false;
  /** Of the frame that began it. */
  stream = 0;
  offset = 0;
  startTime = 0;
  endStream = false;
  isPush = false;
  /** A part of it is missing or it is over the limit. */
  unreadable = false;
  /** The block, once it is complete and readable. */
  bytes = NOTHING;
  start = 0;
  end = 0;
  #length = 0;

  /** `bytesMax`: longest block that is read. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#length > 0 ? this.bytes.length : 0;
  }

  drop(): void {
    this.open = false;
    this.bytes = NOTHING;
    this.#length = 0;
  }

  /** A frame of header fields. `buffer`: null when its payload can't be had. True when it completes the block. */
  frame(head: FrameHead, buffer: Buffer | null, start: number, end: number): boolean {
    if (head.type === CONTINUATION) {
      // Its beginning wasn't seen.
      if (!this.open || head.stream !== this.stream) this.#begin(head, true);
    } else this.#begin(head, false);
    const from = head.type === CONTINUATION ? start : fragmentStart(head, buffer, start);
    const to = head.type === CONTINUATION ? end : fragmentEnd(head, buffer, start, end);
    if (buffer === null || from > to) this.unreadable = true;
    const last = (head.flags & FLAG_END_HEADERS) !== 0;
    this.open = !last;
    if (!this.unreadable && buffer !== null) this.#take(buffer, from, to, last);
    return last;
  }

  #begin(head: FrameHead, unreadable: boolean): void {
    this.stream = head.stream;
    this.offset = head.offset;
    this.startTime = head.startTime;
    this.isPush = head.type === PUSH_PROMISE;
    this.endStream = !this.isPush && head.type !== CONTINUATION && (head.flags & FLAG_END_STREAM) !== 0;
    this.unreadable = unreadable;
    this.bytes = NOTHING;
    this.#length = 0;
  }

  /** A block in one frame isn't copied. */
  #take(buffer: Buffer, from: number, to: number, last: boolean): void {
    if (last && this.#length === 0) {
      this.bytes = buffer;
      this.start = from;
      this.end = to;
      return;
    }
    const length = this.#length + to - from;
    if (length > this.#bytesMax) {
      this.unreadable = true;
      this.bytes = NOTHING;
      this.#length = 0;
      return;
    }
    if (length > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#bytesMax, Math.max(2 * this.bytes.length, length)));
      this.bytes.copy(grown, 0, 0, this.#length);
      this.bytes = grown;
    }
    buffer.copy(this.bytes, this.#length, from, to);
    this.#length = length;
    this.start = 0;
    this.end = length;
  }
}

function fragmentStart(head: FrameHead, buffer: Buffer | null, start: number): number {
  if (buffer === null) return start;
  const padded = (head.flags & FLAG_PADDED) !== 0 ? 1 : 0;
  if (head.type === PUSH_PROMISE) return start + padded + PROMISED_BYTES;
  return start + padded + ((head.flags & FLAG_PRIORITY) !== 0 ? PRIORITY_BYTES : 0);
}

function fragmentEnd(head: FrameHead, buffer: Buffer | null, start: number, end: number): number {
  if (buffer === null || (head.flags & FLAG_PADDED) === 0) return end;
  return end > start ? end - buffer[start]! : start - 1;
}
