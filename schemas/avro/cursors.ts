/**
 * Writes and reads Avro's basic types, for bodies that are coded by hand because avsc would be most of what they cost.
 *
 *     long, int, enum     zigzag varint: (n << 1) ^ (n >> 63), 7 bits a byte, low bits first
 *     string, bytes       long length, bytes
 *
 * Avro 1.11 specification, "Binary Encoding". Whatever isn't usual throws: avsc then does it, or says what is wrong.
 */

/** A long is done in two halves of 28 bits, which are integers to the machine. */
const HALF_BITS = 28;
const HALF = 2 ** HALF_BITS;
/** Its double must be exact as well. */
const LONG_MAX = 2 ** 52;
/** Of a long: two halves of four bytes. */
export const LONG_BYTES_MAX = 8;

/** Thrown for what is left to avsc; carries nothing, since it is caught where it is cheap. */
export const UNUSUAL = new RangeError('not a usual value');

export class AvroWriter {
  readonly bytes: Buffer;
  at: number;

  /** @param bytes with room for all that will be written from `at` on. */
  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** @throws UNUSUAL for what is no whole number below 2^52. */
  long(value: number): void {
    if (!(Math.abs(value) < LONG_MAX) || value % 1 !== 0) throw UNUSUAL;
    const zigzag = value < 0 ? -2 * value - 1 : 2 * value;
    const high = Math.floor(zigzag / HALF);
    let low = zigzag % HALF;
    const { bytes } = this;
    let { at } = this;
    if (high > 0) {
      for (let n = 0; n < HALF_BITS; n += 7, low >>>= 7) bytes[at++] = (low & 0x7f) | 0x80;
      low = high;
    }
    for (; low >= 0x80; low >>>= 7) bytes[at++] = (low & 0x7f) | 0x80;
    bytes[at++] = low;
    this.at = at;
  }

  /** @throws UNUSUAL when it is none of `symbols`. */
  symbol(symbols: readonly string[], value: string): void {
    const index = symbols.indexOf(value);
    if (index < 0) throw UNUSUAL;
    this.bytes[this.at++] = index << 1;
  }

  boolean(value: boolean): void {
    this.bytes[this.at++] = value ? 1 : 0;
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.long(length);
    this.at += this.bytes.write(value, this.at, length, 'utf8');
  }

  raw(value: Buffer): void {
    this.long(value.length);
    this.at += value.copy(this.bytes, this.at);
  }
}

export class AvroReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Beyond the buffer's end it reads zeros: look at `ended` when all is read. @throws UNUSUAL above 2^52. */
  long(): number {
    const { bytes } = this;
    let low = 0;
    for (let shift = 0; shift < HALF_BITS; shift += 7) {
      const byte = bytes[this.at++] ?? 0;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
    }
    let high = 0;
    for (let shift = 0; shift < HALF_BITS; shift += 7) {
      const byte = bytes[this.at++] ?? 0;
      high |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      const zigzag = high * HALF + low;
      if (zigzag > 2 * LONG_MAX) throw UNUSUAL;
      return low % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    }
    throw UNUSUAL;
  }

  /** @throws UNUSUAL when it is none of `symbols`. */
  symbol<T extends string>(symbols: readonly T[]): T {
    const symbol = symbols[this.long()];
    if (symbol === undefined) throw UNUSUAL;
    return symbol;
  }

  boolean(): boolean {
    return this.bytes[this.at++] === 1;
  }

  /** Items of a list's next block; 0: the list is over. @throws UNUSUAL for a block that tells its size, or more than can be there. */
  block(): number {
    const count = this.long();
    // Every item takes at least one byte, so this bounds the loop over them.
    if (count < 0 || count > this.bytes.length - this.at) throw UNUSUAL;
    return count;
  }

  text(): string {
    const start = this.#skip(this.long());
    return this.bytes.toString('utf8', start, this.at);
  }

  /** A view. */
  raw(): Buffer {
    const start = this.#skip(this.long());
    return this.bytes.subarray(start, this.at);
  }

  /** So many bytes as hexadecimal digits. */
  hex(length: number): string {
    const start = this.#skip(length);
    return this.bytes.toString('hex', start, this.at);
  }

  /** Everything was read, and nothing that isn't there. */
  get ended(): boolean {
    return this.at === this.bytes.length;
  }

  /** @returns where the bytes begin. */
  #skip(length: number): number {
    const start = this.at;
    if (length < 0 || length > this.bytes.length - start) throw UNUSUAL;
    this.at = start + length;
    return start;
  }
}
