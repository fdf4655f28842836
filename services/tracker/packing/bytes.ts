/**
 * Numbers, hashes and texts as bytes, for `packed-calls.ts`.
 *
 *     number   LEB128: 7 bits a byte, low bits first; whole, 0 … 2^53 - 1
 *     signed   number: zigzag, so that small ones of both signs are short
 *     double   8 bytes, little-endian
 *     hash     16 bytes for 32 hex digits
 *     text     number of bytes, UTF-8
 */
const SCRATCH_BYTES = 16_384;
const HASH_DIGITS = 32;
const HASH_BYTES = 16;
/** A number, a hash or a double is never longer. */
const FIXED_MAX = 16;

/** Whether it is 32 lower-case hex digits, which come back from 16 bytes as they were. */
export function isHash(text: string): boolean {
  if (text.length !== HASH_DIGITS) return false;
  for (let i = 0; i < HASH_DIGITS; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || (code > 57 && code < 97) || code > 102) return false;
  }
  return true;
}

export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #at = 0;

  number(value: number): void {
    this.#ensure(FIXED_MAX);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  signed(value: number): void {
    this.number(value < 0 ? -value * 2 - 1 : value * 2);
  }

  double(value: number): void {
    this.#ensure(FIXED_MAX);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  hash(digits: string): void {
    this.#ensure(FIXED_MAX);
    this.#at += this.#bytes.write(digits, this.#at, 'hex');
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.number(length);
    this.#ensure(length);
    this.#at += this.#bytes.write(value, this.#at, 'utf8');
  }

  /** What was written since the last time, in memory of its own and no more than it takes. */
  take(): Buffer {
    const taken = Buffer.allocUnsafeSlow(this.#at);
    this.#bytes.copy(taken, 0, 0, this.#at);
    this.#at = 0;
    if (this.#bytes.length > SCRATCH_BYTES) this.#bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    return taken;
  }

  #ensure(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + bytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** Reads what a `ByteWriter` wrote, in the same order. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  double(): number {
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  hash(): string {
    this.#at += HASH_BYTES;
    return this.#bytes.toString('hex', this.#at - HASH_BYTES, this.#at);
  }

  text(): string {
    const length = this.number();
    this.#at += length;
    return this.#bytes.toString('utf8', this.#at - length, this.#at);
  }
}
