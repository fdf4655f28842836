/**
 * Where the frames of a zstd body end (RFC 8878 section 3.1): a body may be many, one behind the other, but the decoder takes
 * what follows a frame's end in the same piece of input for rubbish. So input is cut there.
 *
 *     frame      = magic(4) header 1*block [ checksum(4) ]         magic = FD2FB528, little-endian
 *     header     = descriptor(1) [ window(1) ] [ dictionary(1, 2, 4) ] [ content size(1, 2, 4, 8) ]
 *     block      = last(1 bit) type(2 bits) size(21 bits) content   RLE blocks (type 1) have one byte of content
 *     skippable  = magic(4) size(4) content                         magic = 184D2A50 … 184D2A5F
 */

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a5;
const RLE = 1;
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

type Field = 'magic' | 'skippable' | 'descriptor' | 'block' | 'rest';

const FIELD_BYTES: Readonly<Record<Field, number>> = { magic: 4, skippable: 4, descriptor: 1, block: 3, rest: 0 };

export class ZstdFrames {
  /** The field whose bytes are collected, and its value so far. */
  #field: Field = 'magic';
  #value = 0;
  #collected = 0;
  /** Bytes to be passed over before the field. */
  #skip = 0;
  #checksum = false;
  /** What is skipped now ends the frame. */
  #ending = false;

  /** The offset in `bytes` up to which those from `at` on belong to one frame: behind its end, or the end of `bytes`. */
  endOf(bytes: Buffer, at: number): number {
    let i = at;
    while (i < bytes.length) {
      if (this.#field === 'rest') return bytes.length;
      const skipped = Math.min(this.#skip, bytes.length - i);
      this.#skip -= skipped;
      i += skipped;
      if (this.#isBehindEnd()) return i;
      if (i === bytes.length) break;
      this.#value += bytes[i++]! * 2 ** (8 * this.#collected++);
      if (this.#collected === FIELD_BYTES[this.#field]) this.#take();
      if (this.#isBehindEnd()) return i;
    }
    return bytes.length;
  }

  /** True once for each frame. */
  #isBehindEnd(): boolean {
    if (this.#skip > 0 || !this.#ending) return false;
    this.#ending = false;
    return true;
  }

  /** A whole field is there. */
  #take(): void {
    const value = this.#value;
    const field = this.#field;
    this.#value = 0;
    this.#collected = 0;
    switch (field) {
      case 'magic':
        this.#field = value === MAGIC ? 'descriptor' : value >>> 4 === SKIPPABLE ? 'skippable' : 'rest';
        break;
      case 'skippable':
        this.#endAfter(value);
        break;
      case 'descriptor': {
        const single = (value & 0x20) !== 0;
        const size = value >> 6 === 0 && single ? 1 : CONTENT_SIZE_BYTES[value >> 6]!;
        this.#checksum = (value & 4) !== 0;
        this.#skip = (single ? 0 : 1) + DICTIONARY_BYTES[value & 3]! + size;
        this.#field = 'block';
        break;
      }
      case 'block': {
        const content = ((value >> 1) & 3) === RLE ? 1 : value >> 3;
        if ((value & 1) === 1) this.#endAfter(content + (this.#checksum ? 4 : 0));
        else this.#skip = content;
        break;
      }
    }
  }

  #endAfter(bytes: number): void {
    this.#skip = bytes;
    this.#field = 'magic';
    this.#ending = true;
  }
}
