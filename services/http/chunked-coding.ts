/**
 * Everything of the chunked coding but the data (RFC 9112 section 7.1).
 *
 *   chunked-body = *chunk last-chunk trailer-section CRLF
 *   chunk        = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
 *   last-chunk   = 1*"0" [ chunk-ext ] CRLF
 *
 * A bare LF ends a line, too, and a size may be padded with white space, unless `strict`.
 */
import { mayBeResponse } from './head.ts';
import type { HttpOptions } from './options.ts';

const LF = 10;
const CR = 13;
const SP = 32;
const TAB = 9;
const SEMICOLON = 59;
/** A chunk-size of more hex digits doesn't fit a number; no real chunk comes near. */
const CHUNK_SIZE_MAX = 2 ** 48;
/** Most digits that are believed when a chunk's border is looked for in the middle of a body. */
const STRICT_DIGITS_MAX = 8;
/** Digits of a chunk that is read whole: a frame holds no larger one. */
const WHOLE_DIGITS_MAX = 6;

/** What `read` came to. */
export const CHUNK_MORE = 0;
/** A chunk's data is next: `size` bytes. */
export const CHUNK_DATA_NEXT = 1;
/** The last-chunk's line was read; the trailer section is next. */
export const CHUNK_TRAILER_NEXT = 2;
export const CHUNKS_DONE = 3;
export const CHUNK_DAMAGE = 4;
export const CHUNK_LIMIT = 5;

const SIZE = 0;
const EXTENSION = 1;
const DATA_END = 2;
const TRAILER = 3;

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  if (byte >= 97 && byte <= 102) return byte - 87;
  return byte >= 65 && byte <= 70 ? byte - 55 : -1;
}

export class ChunkReader {
  /** Data bytes of the chunk that begins; 0: the last one. */
  size = 0;
  result = CHUNK_MORE;
  /** Data bytes of the chunk that `whole` has found. */
  wholeSize = 0;
  #strict = false;
  readonly #lineBytesMax: number;
  readonly #trailerBytesMax: number;
  #state = SIZE;
  #digits = 0;
  #lineBytes = 0;
  #sectionBytes = 0;
  #lastByte = 0;

  constructor(options: HttpOptions) {
    this.#lineBytesMax = options.chunkLineBytesMax;
    this.#trailerBytesMax = options.headBytesMax;
  }

  get inTrailer(): boolean {
    return this.#state === TRAILER;
  }

  /** No byte of the size line was read. */
  get atLineStart(): boolean {
    return this.#state === SIZE && this.#digits === 0;
  }

  /** A body begins, or is taken up again at a size line: then `strict`. */
  begin(strict: boolean): void {
    this.#strict = strict;
    this.#expectSize();
  }

  #expectSize(): void {
    this.#state = SIZE;
    this.size = 0;
    this.#digits = 0;
    this.#lineBytes = 0;
    this.#lastByte = 0;
  }

  /** The chunk's data was read. */
  dataEnded(): void {
    this.#state = DATA_END;
    this.#lineBytes = 0;
  }

  /**
   * Where the data of a chunk begin that stands whole at `at`, size line and line ends and all, in the form that nearly every sender
   * gives it: then it is read. -1: it is read bit by bit.
   */
  whole(buffer: Buffer, at: number, end: number): number {
    if (!this.atLineStart) return -1;
    const stop = Math.min(end, at + WHOLE_DIGITS_MAX);
    let size = 0;
    let lineEnd = at;
    for (; lineEnd < stop; lineEnd++) {
      const digit = hexDigit(buffer[lineEnd]!);
      if (digit < 0) break;
      size = size * 16 + digit;
    }
    const data = lineEnd + 2;
    const after = data + size;
    // The last-chunk has no data, and trailers behind it.
    if (size === 0 || after + 2 > end || buffer[lineEnd] !== CR || buffer[lineEnd + 1] !== LF) return -1;
    if (buffer[after] !== CR || buffer[after + 1] !== LF) return -1;
    this.wholeSize = size;
    return data;
  }

  /** Reads up to the next data or to the end of the segment; returns where it stopped and sets `result`. */
  read(buffer: Buffer, from: number, end: number): number {
    this.result = CHUNK_MORE;
    if (this.#state === TRAILER) return this.#trailer(buffer, from, end);
    let at = from;
    if (this.#state === DATA_END) at = this.#dataEnd(buffer, at, end);
    if (this.#state === SIZE) at = this.#sizeDigits(buffer, at, end);
    if (this.#state === EXTENSION) at = this.#lineRest(buffer, at, end);
    return at;
  }

  #dataEnd(buffer: Buffer, from: number, end: number): number {
    let at = from;
    while (at < end) {
      const byte = buffer[at++]!;
      if (byte === LF && (this.#lineBytes === 1 || !this.#strict)) {
        this.#expectSize();
        return at;
      }
      if (byte === CR && this.#lineBytes === 0) this.#lineBytes = 1;
      else {
        this.result = CHUNK_DAMAGE;
        return at;
      }
    }
    return at;
  }

  /** At the first byte that is no digit the extension begins. */
  #sizeDigits(buffer: Buffer, from: number, end: number): number {
    let at = from;
    for (; at < end && this.result === CHUNK_MORE; at++) {
      const byte = buffer[at]!;
      const digit = hexDigit(byte);
      if (digit < 0) {
        // `;` begins an extension; some senders pad the size with spaces.
        const ends =
          byte === CR || byte === SEMICOLON || (!this.#strict && (byte === LF || byte === SP || byte === TAB));
        if (this.#digits === 0 || !ends) this.result = CHUNK_DAMAGE;
        else this.#state = EXTENSION;
        return at;
      }
      this.size = this.size * 16 + digit;
      const digitsMax = this.#strict ? STRICT_DIGITS_MAX : this.#lineBytesMax;
      if (++this.#digits > digitsMax || this.size > CHUNK_SIZE_MAX) this.result = CHUNK_DAMAGE;
    }
    return at;
  }

  #lineRest(buffer: Buffer, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const byte = buffer[at]!;
      if (++this.#lineBytes > this.#lineBytesMax) {
        this.result = CHUNK_LIMIT;
        return at + 1;
      }
      if (byte === LF) {
        if (this.#strict && this.#lastByte !== CR) this.result = CHUNK_DAMAGE;
        else this.#lineEnded();
        return at + 1;
      }
      if (this.#strict && this.#lastByte === CR) {
        this.result = CHUNK_DAMAGE;
        return at + 1;
      }
      this.#lastByte = byte;
    }
    return end;
  }

  #lineEnded(): void {
    this.#lineBytes = 0;
    this.#sectionBytes = 0;
    this.#state = this.size === 0 ? TRAILER : DATA_END;
    this.result = this.size === 0 ? CHUNK_TRAILER_NEXT : CHUNK_DATA_NEXT;
  }

  /** RFC 9112 section 7.1.2: field lines up to an empty line. They are counted, not kept. */
  #trailer(buffer: Buffer, from: number, end: number): number {
    for (let at = from; at < end; at++) {
      const byte = buffer[at];
      this.#sectionBytes++;
      if (byte !== LF) {
        if (byte !== CR) this.#lineBytes++;
        continue;
      }
      if (this.#lineBytes === 0) {
        this.result = CHUNKS_DONE;
        return at + 1;
      }
      this.#lineBytes = 0;
    }
    if (this.#sectionBytes > this.#trailerBytesMax) this.result = CHUNK_LIMIT;
    return end;
  }
}

/**
 * Whether a chunk plausibly begins at `start`, which is a segment's first byte, in a body of which the bytes before are
 * missing: one to eight digits, a whole line with CRLF, and behind the data (as far as the segment holds it) CRLF and
 * another size line. What the segment doesn't hold must be checked when it comes. A last-chunk must be whole, without
 * trailers, and end the segment or have a response's head behind it.
 */
export function mayBeginChunk(buffer: Buffer, start: number, end: number): boolean {
  const data = sizeLineEnd(buffer, start, end);
  if (data <= 0) return false;
  const size = sizeAt(buffer, start);
  if (size === 0) {
    return isLineEnd(buffer, data, end) && data + 2 <= end && mayBeResponse(buffer, data + 2, end);
  }
  // Each step passes at least one byte of the segment.
  for (let at = data + size; at < end; ) {
    if (!isLineEnd(buffer, at, end)) return false;
    const next = sizeLineEnd(buffer, at + 2, end);
    if (next <= 0) return next === 0;
    const nextSize = sizeAt(buffer, at + 2);
    if (nextSize === 0) return true;
    at = next + nextSize;
  }
  return true;
}

/** CRLF, as far as the segment holds it. */
function isLineEnd(buffer: Buffer, at: number, end: number): boolean {
  return (at >= end || buffer[at] === CR) && (at + 1 >= end || buffer[at + 1] === LF);
}

/** The size that the strict size line at `start` tells. */
function sizeAt(buffer: Buffer, start: number): number {
  let size = 0;
  for (let at = start; ; at++) {
    const digit = hexDigit(buffer[at]!);
    if (digit < 0) return size;
    size = size * 16 + digit;
  }
}

/** Index after the strict size line at `start`; 0 when the segment ends before the line does, -1 when it is none. */
function sizeLineEnd(buffer: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && at - start <= STRICT_DIGITS_MAX && hexDigit(buffer[at]!) >= 0) at++;
  if (at - start > STRICT_DIGITS_MAX) return -1;
  if (at >= end) return 0;
  if (at === start || (buffer[at] !== CR && buffer[at] !== SEMICOLON)) return -1;
  while (at < end && buffer[at] !== CR) {
    const byte = buffer[at++]!;
    if (byte < SP && byte !== TAB) return -1;
  }
  if (at >= end - 1) return 0;
  return buffer[at + 1] === LF ? at + 2 : -1;
}
