/**
 * The bytes of one request's body. One that came in a single frame stays there. Any other is put together in memory that is used
 * again: bodies are large and short-lived, and fresh memory for each costs more than all that is read from them.
 */
import type { BodyPieces } from '../http/body-pieces.ts';

const SIZE_BYTES_MIN = 4096;
/** Larger buffers aren't kept. */
const SIZE_BYTES_MAX = 1024 * 1024;
/** Buffers of one size that are kept: as many bodies as usually arrive at the same time. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/** Buffers by size, a power of two. */
export class BodyBuffers {
  readonly #free = new Map<number, Buffer[]>();

  take(bytesMin: number): Buffer {
    const size = sizeFor(bytesMin);
    return this.#free.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
  }

  /** Nobody may look at the buffer any more. */
  give(buffer: Buffer): void {
    const size = buffer.length;
    if (size < SIZE_BYTES_MIN || size > SIZE_BYTES_MAX) return;
    let some = this.#free.get(size);
    if (some === undefined) this.#free.set(size, (some = []));
    if (some.length * size < KEPT_BYTES_MAX) some.push(buffer);
  }
}

function sizeFor(bytes: number): number {
  return bytes <= SIZE_BYTES_MIN ? SIZE_BYTES_MIN : 2 ** (32 - Math.clz32(bytes - 1));
}

/** A request's body on its way in, as far as a call is read from it. */
export interface RequestBytes {
  /** Bytes beyond the limit. */
  readonly droppedBytes: number;
  readonly heldBytes: number;
  /** What came before the first hole: valid until more comes, or `release`. */
  readonly bytes: Buffer;
  /** The bytes describe the body instead of being it, and have none of its contents. */
  readonly isDescription: boolean;
  data(bytes: Buffer): void;
  pieces?(pieces: BodyPieces): void;
  gap(): void;
  /** The memory is given back; nothing of the body is left. */
  release(): void;
}

export class RequestBody implements RequestBytes {
  droppedBytes = 0;
  readonly isDescription = false;
  readonly #buffers: BodyBuffers;
  readonly #bytesMax: number;
  #hintBytes: number;
  #buffer: Buffer = EMPTY;
  #length = 0;
  #gap = -1;
  /** The bytes are a frame's. */
  #borrowed = false;

  /** `hintBytes`: the body's length as its head tells it, as far as that is believed; else 0. */
  constructor(buffers: BodyBuffers, bytesMax: number, hintBytes: number) {
    this.#buffers = buffers;
    this.#bytesMax = bytesMax;
    this.#hintBytes = Math.min(hintBytes, bytesMax);
  }

  get heldBytes(): number {
    return this.#buffer.length;
  }

  /** What came before the first hole, without a copy: valid until more comes, or `release`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#gap < 0 ? this.#length : this.#gap);
  }

  /** As `data` for each of them. */
  pieces({ buffer, count, starts, ends }: BodyPieces): void {
    let start = starts[0]!;
    for (let n = 0; n < count; n++) {
      const end = ends[n]!;
      if (n + 1 < count && starts[n + 1] === end) continue;
      this.#stretch(buffer.subarray(start, end), buffer.length);
      start = starts[n + 1]!;
    }
  }

  /** Of a frame. It isn't kept for a small part of it. */
  #stretch(bytes: Buffer, frameBytes: number): void {
    const { length } = bytes;
    if (this.#buffer !== EMPTY || length > this.#bytesMax || length * 2 < frameBytes) this.data(bytes);
    else {
      this.#buffer = bytes;
      this.#length = length;
      this.#borrowed = true;
    }
  }

  data(bytes: Buffer): void {
    const length = Math.min(bytes.length, this.#bytesMax - this.#length);
    this.droppedBytes += bytes.length - length;
    const needed = this.#length + length;
    if (needed > this.#buffer.length) this.#grow(needed);
    bytes.copy(this.#buffer, this.#length, 0, length);
    this.#length = needed;
  }

  gap(): void {
    if (this.#gap < 0) this.#gap = this.#length;
  }

  /** The memory is given back; nothing of the body is left. */
  release(): void {
    if (!this.#borrowed) this.#buffers.give(this.#buffer);
    this.#borrowed = false;
    this.#buffer = EMPTY;
    this.#length = 0;
  }

  #grow(needed: number): void {
    const grown = this.#buffers.take(Math.max(needed, this.#hintBytes));
    this.#hintBytes = 0;
    this.#buffer.copy(grown, 0, 0, this.#length);
    if (!this.#borrowed) this.#buffers.give(this.#buffer);
    this.#borrowed = false;
    this.#buffer = grown;
  }
}
