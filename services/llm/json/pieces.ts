/**
 * JSON values that arrive in pieces: the elements of one list (`[{…},\n{…}]`, Gemini without `alt=sse`) or one value after
 * the other (NDJSON). Each object is handed out when its last byte is there.
 */
import type { Micros } from '../../common/types.ts';
import { CLOSE_LIST, CLOSE_OBJECT, OPEN_LIST, OPEN_OBJECT, QUOTE } from './skip.ts';

const BACKSLASH = 0x5c;

export class JsonPieces {
  /** Values dropped since they were longer than the limit. */
  dropped = 0;
  readonly #onValue: (text: string, time: Micros) => void;
  readonly #valueBytesMax: number;
  /** Copies of the earlier pieces of the value that is open. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #begun = false;

  constructor(onValue: (text: string, time: Micros) => void, valueBytesMax: number) {
    this.#onValue = onValue;
    this.#valueBytesMax = valueBytesMax;
  }

  get heldBytes(): number {
    return this.#pendingBytes;
  }

  data(bytes: Buffer, time: Micros): void {
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      const c = bytes[i]!;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (c === BACKSLASH) this.#escaped = true;
        else if (c === QUOTE) this.#inString = false;
      } else if (c === QUOTE) this.#inString = this.#depth > 0;
      else if (c === OPEN_OBJECT || c === OPEN_LIST) {
        const wrapper = c === OPEN_LIST && !this.#begun;
        this.#begun = true;
        if (!wrapper && this.#depth++ === 0) start = i;
      } else if ((c === CLOSE_OBJECT || c === CLOSE_LIST) && this.#depth > 0 && --this.#depth === 0) {
        this.#emit(bytes.subarray(start, i + 1), time);
      }
    }
    if (this.#depth > 0) this.#keep(bytes.subarray(start));
  }

  /** Bytes are missing here: the value that was open is lost, and the next one is looked for from the outside. */
  gap(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#begun = true;
  }

  #keep(bytes: Buffer): void {
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes > this.#valueBytesMax) this.#pending = [];
    else this.#pending.push(Buffer.from(bytes));
  }

  #emit(last: Buffer, time: Micros): void {
    const length = this.#pendingBytes + last.length;
    if (length > this.#valueBytesMax) this.dropped++;
    else {
      const whole = this.#pending.length === 0 ? last : Buffer.concat([...this.#pending, last]);
      this.#onValue(whole.toString('utf8'), time);
    }
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}
