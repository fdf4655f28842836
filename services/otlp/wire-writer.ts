/** Writes protobuf's wire types from the end to the front: what is written last comes first. */

/** What a request of some hundred spans takes; grows by doubling. */
const FIRST_BYTES = 256 * 1024;
/** Keys of attributes are few and come again with every span. */
const KEYS_REMEMBERED_MAX = 1000;

export class WireWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  /** Where the first byte stands that is written. */
  #at = FIRST_BYTES;
  readonly #keys = new Map<string, Buffer>();

  get length(): number {
    return this.#buffer.length - this.#at;
  }

  bytes(): Buffer {
    return this.#buffer.subarray(this.#at);
  }

  /** Before `length` bytes of a field with wire type 2. */
  head(number: number, length: number): void {
    this.varint(length);
    this.tag(number, 2);
  }

  tag(number: number, wireType: number): void {
    this.varint(number * 8 + wireType);
  }

  varint(value: number | bigint): void {
    if (typeof value === 'bigint' || value < 0) {
      this.#longVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    let bytes = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
    let at = this.#room(bytes);
    let rest = value;
    for (; bytes > 1; bytes--) {
      this.#buffer[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#buffer[at] = rest;
  }

  #longVarint(value: bigint): void {
    let bytes = 1;
    for (let rest = value; rest >= 128n; rest >>= 7n) bytes++;
    let at = this.#room(bytes);
    let rest = value;
    for (; bytes > 1; bytes--) {
      this.#buffer[at++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#buffer[at] = Number(rest);
  }

  fixed64(text: string): void {
    const at = this.#room(8);
    this.#buffer.writeBigUInt64LE(BigInt(text), at);
  }

  double(value: number): void {
    const at = this.#room(8);
    this.#buffer.writeDoubleLE(value, at);
  }

  /** These return how many bytes it took. */
  text(text: string): number {
    const bytes = Buffer.byteLength(text);
    const at = this.#room(bytes);
    this.#buffer.write(text, at, bytes);
    return bytes;
  }

  /** A text that comes again and again. */
  key(text: string): number {
    let known = this.#keys.get(text);
    if (known === undefined) {
      known = Buffer.from(text);
      if (this.#keys.size < KEYS_REMEMBERED_MAX) this.#keys.set(text, known);
    }
    const at = this.#room(known.length);
    this.#buffer.set(known, at);
    return known.length;
  }

  hex(text: string): number {
    const bytes = text.length >> 1;
    const at = this.#room(bytes);
    this.#buffer.write(text, at, bytes, 'hex');
    return bytes;
  }

  /** @returns where to write so many bytes. The buffer may be another one afterwards: ask for room before it is named. */
  #room(bytes: number): number {
    if (bytes > this.#at) {
      const written = this.bytes();
      const larger = Buffer.allocUnsafe(2 * Math.max(this.#buffer.length, written.length + bytes));
      const at = larger.length - written.length;
      larger.set(written, at);
      this.#buffer = larger;
      this.#at = at;
    }
    this.#at -= bytes;
    return this.#at;
  }
}
