/**
 * Finds a place where frames begin, in one direction of a connection that was joined in the middle or has lost bytes.
 *
 * A place is believed where two heads in a row are plausible, the second right behind the first one's payload, or where the
 * connection preface stands. Since that is judged by the bytes alone, and the earliest such place is taken, the packets that
 * bring them don't matter. Bytes that can't belong to such a place are dropped at once.
 */
import { frameEnd, IMPOSSIBLE, judgeHead, PLAUSIBLE, PREFACE, UNDECIDED } from './frame.ts';

const BYTES_FIRST = 256;
const FOUND_PREFACE = 3;

/** A stretch of held bytes that came together. */
interface Arrival {
  /** Index in the held bytes at which it ends. */
  end: number;
  readonly time: number;
}

export interface Found {
  /** From where frames begin; the preface is not among them. */
  readonly bytes: Buffer;
  readonly arrivals: readonly Arrival[];
  readonly preface: boolean;
}

export class FrameSearch {
  #held = Buffer.alloc(0);
  #length = 0;
  #arrivals: Arrival[] = [];

  get heldBytes(): number {
    return this.#held.length;
  }

  /** Bytes that may yet turn out to be frames. */
  get length(): number {
    return this.#length;
  }

  /** Forgets what is held; returns its length. */
  clear(): number {
    const dropped = this.#length;
    this.#held = Buffer.alloc(0);
    this.#length = 0;
    this.#arrivals = [];
    return dropped;
  }

  /** The next bytes. `streamMax`: the highest stream that is believed. Null while nothing is found. */
  add(buffer: Buffer, start: number, end: number, time: number, streamMax: number): Found | null {
    this.#append(buffer, start, end, time);
    const { at, verdict } = this.#look(streamMax);
    this.#drop(at);
    return verdict > UNDECIDED ? this.#found(verdict === FOUND_PREFACE ? PREFACE.length : 0) : null;
  }

  /** The first place that isn't impossible; the end when all are. */
  #look(streamMax: number): { readonly at: number; readonly verdict: number } {
    for (let at = 0; at < this.#length; at++) {
      const verdict = this.#judge(at, streamMax);
      if (verdict !== IMPOSSIBLE) return { at, verdict };
    }
    return { at: this.#length, verdict: IMPOSSIBLE };
  }

  /** As `add`, but what is found stays held, and what comes before it doesn't. */
  sees(buffer: Buffer, start: number, end: number, time: number, streamMax: number): boolean {
    this.#append(buffer, start, end, time);
    const { at, verdict } = this.#look(streamMax);
    this.#drop(at);
    return verdict > UNDECIDED;
  }

  /** What is held, as it came; nothing is any more. */
  take(): { readonly bytes: Buffer; readonly time: number }[] {
    let start = 0;
    const pieces = this.#arrivals.map(({ end, time }) => {
      const piece = { bytes: this.#held.subarray(start, end), time };
      start = end;
      return piece;
    });
    this.clear();
    return pieces;
  }

  /** The direction has ended: one whole frame, the last, is enough now. */
  finish(streamMax: number): Found | null {
    for (let at = 0; at < this.#length; at++) {
      if (judgeHead(this.#held, at, this.#length, streamMax) !== PLAUSIBLE) continue;
      if (frameEnd(this.#held, at) !== this.#length) continue;
      this.#drop(at);
      return this.#found(0);
    }
    this.clear();
    return null;
  }

  #judge(at: number, streamMax: number): number {
    if (this.#held[at] === PREFACE[0]) return this.#judgePreface(at);
    const first = judgeHead(this.#held, at, this.#length, streamMax);
    if (first !== PLAUSIBLE) return first;
    const next = frameEnd(this.#held, at);
    return next >= this.#length ? UNDECIDED : judgeHead(this.#held, next, this.#length, streamMax);
  }

  #judgePreface(at: number): number {
    const length = Math.min(PREFACE.length, this.#length - at);
    if (this.#held.compare(PREFACE, 0, length, at, at + length) !== 0) return IMPOSSIBLE;
    return length === PREFACE.length ? FOUND_PREFACE : UNDECIDED;
  }

  #append(buffer: Buffer, start: number, end: number, time: number): void {
    const length = this.#length + end - start;
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.max(BYTES_FIRST, length, Math.min(2 * this.#held.length, length + 65_536)),
      );
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    buffer.copy(this.#held, this.#length, start, end);
    this.#length = length;
    const last = this.#arrivals.at(-1);
    if (last !== undefined && last.time === time) last.end = length;
    else this.#arrivals.push({ end: length, time });
  }

  #drop(bytes: number): void {
    if (bytes === 0) return;
    if (bytes === this.#length) {
      this.clear();
      return;
    }
    this.#held.copyWithin(0, bytes, this.#length);
    this.#length -= bytes;
    this.#arrivals = this.#arrivals.map(({ end, time }) => ({ end: end - bytes, time })).filter(({ end }) => end > 0);
  }

  #found(skip: number): Found {
    this.#drop(skip);
    const found = { bytes: this.#held.subarray(0, this.#length), arrivals: this.#arrivals, preface: skip > 0 };
    this.clear();
    return found;
  }
}
