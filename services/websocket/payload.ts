/** The payload of one message while it comes in, in memory that is used for the next one, too. */
import type { Micros } from '../common/types.ts';

/** Memory up to this is kept for the next message, in bytes. */
const KEPT_BYTES_MAX = 64 * 1024;
const FIRST_BYTES = 1024;
const EMPTY = Buffer.alloc(0);

export class MessagePayload {
  isText = false;
  compressed = false;
  /** Stream offset of the first frame's head. */
  offset = 0;
  start: Micros = 0;
  end: Micros = 0;
  /** As sent, also where they aren't held. */
  wireBytes = 0;
  missingBytes = 0;
  overLimit = false;
  readonly #bytesMax: number;
  #buffer = EMPTY;
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#buffer.length;
  }

  /** What came before the first hole. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  begin(isText: boolean, compressed: boolean, offset: number, time: Micros): void {
    this.isText = isText;
    this.compressed = compressed;
    this.offset = offset;
    this.start = time;
    this.end = time;
    this.wireBytes = 0;
    this.missingBytes = 0;
    this.overLimit = false;
    this.#length = 0;
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = EMPTY;
  }

  /** Room for the next `length` bytes, to be filled by the caller; null when they aren't held. */
  room(length: number): { readonly buffer: Buffer; readonly at: number } | null {
    this.wireBytes += length;
    if (this.missingBytes > 0 || this.overLimit) return null;
    const at = this.#length;
    if (at + length > this.#bytesMax) {
      this.overLimit = true;
      return null;
    }
    if (at + length > this.#buffer.length) this.#grow(at + length);
    this.#length = at + length;
    return { buffer: this.#buffer, at };
  }

  gap(missing: number): void {
    this.missingBytes += missing;
  }

  drop(): void {
    this.#buffer = EMPTY;
    this.#length = 0;
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
