/** Keeps the bytes of one body for a reader that needs them together, within a limit. */
import type { BodyConsumer } from './exchange.ts';

export interface BodyLimits {
  /** Most bytes kept; what comes beyond is counted and dropped. */
  readonly bodyBytesMax: number;
  /** Most bytes allocated at once on the word of a Content-Length, before any of them came. */
  readonly hintBytesMax: number;
}

export const BODY_DEFAULTS: BodyLimits = {
  bodyBytesMax: 32 * 1024 * 1024,
  hintBytesMax: 4 * 1024 * 1024,
};

const FIRST_BYTES = 4096;
/** Places of gaps that are kept; later gaps only count. */
const GAPS_MAX = 64;
const EMPTY = Buffer.alloc(0);

export interface BodyGap {
  /** Position in the kept bytes where the bytes are missing. */
  readonly at: number;
  /** 0: unknown number. */
  readonly missing: number;
}

export class BodyCollector implements BodyConsumer {
  readonly #bytesMax: number;
  #buffer = EMPTY;
  #length = 0;
  #hint: number;
  #gaps: BodyGap[] = [];
  gapCount = 0;
  /** Sum of the gaps whose size is known. */
  missingBytes = 0;
  /** Bytes beyond the limit. */
  droppedBytes = 0;

  /** `lengthHint`: the body's length when Content-Length tells it and no content coding is undone; else 0. One exact allocation then. */
  constructor(limits: BodyLimits, lengthHint: number) {
    this.#bytesMax = limits.bodyBytesMax;
    this.#hint = Math.min(lengthHint, limits.hintBytesMax, limits.bodyBytesMax);
  }

  get length(): number {
    return this.#length;
  }

  /** Memory held, in bytes. */
  get heldBytes(): number {
    return this.#buffer.length;
  }

  get gaps(): readonly BodyGap[] {
    return this.#gaps;
  }

  /** Nothing missed and nothing dropped, as far as it came. */
  get intact(): boolean {
    return this.gapCount === 0 && this.droppedBytes === 0;
  }

  /** The bytes so far, without a copy: valid until more come. */
  get bytes(): Buffer {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, this.#length);
  }

  data(bytes: Buffer): void {
    const length = Math.min(bytes.length, this.#bytesMax - this.#length);
    this.droppedBytes += bytes.length - length;
    const needed = this.#length + length;
    if (needed > this.#buffer.length) this.#grow(needed);
    bytes.copy(this.#buffer, this.#length, 0, length);
    this.#length = needed;
  }

  gap(missing: number): void {
    this.gapCount++;
    this.missingBytes += missing;
    if (this.#gaps.length < GAPS_MAX) this.#gaps.push({ at: this.#length, missing });
  }

  #grow(needed: number): void {
    const doubled = Math.max(FIRST_BYTES, 2 * this.#buffer.length, needed);
    const size = needed <= this.#hint ? this.#hint : Math.min(this.#bytesMax, doubled);
    const grown = Buffer.allocUnsafeSlow(size);
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
