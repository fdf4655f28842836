/**
 * Finds the heads in one direction's bytes, and keeps the beginning of one that isn't complete.
 *
 * In sync, the next byte is a head's first. Without sync (`strict`) only a head at a segment's start is believed, whole or
 * cut, and every line of it must be right, since text inside bodies may look like HTTP.
 */
import type { RequestHead, ResponseHead } from './exchange.ts';
import { mayBeServerPreface, SERVER_PREFACE_BYTES } from './h2/server-preface.ts';
import {
  checkFieldLines,
  findHeadEnd,
  type HeadReader,
  isRequestLine,
  isStatusLine,
  mayBeKnownRequest,
  mayBeRequest,
  mayBeResponse,
} from './head.ts';
import type { HttpOptions } from './options.ts';

const LF = 10;
const CR = 13;
/** RFC 9113 section 3.4: the first line of a client that speaks HTTP/2 without asking. */
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');
/** So many bytes that fit a start line are no coincidence. */
const START_LINE_BYTES_SURE = 8;
const EMPTY = Buffer.alloc(0);
const HELD_BYTES_FIRST = 2048;

/** What `read` came to. */
export const HEAD_MORE = 0;
/** `request` or `response` is set. */
export const HEAD_FOUND = 1;
/** The connection speaks HTTP/2: behind this, if the client says so; from the bytes that are held, if the server does. */
export const HEAD_HTTP2 = 2;
export const HEAD_DAMAGE = 3;
export const HEAD_LIMIT = 4;

export class HeadFinder {
  result = HEAD_MORE;
  request: RequestHead | null = null;
  response: ResponseHead | null = null;
  /** Length of the head that was found, in bytes. */
  bytes = 0;
  /** Line ends skipped before the head by the last `read`. */
  blankBytes = 0;
  /** Capture time of the head's first byte, and its stream offset. */
  startTime = 0;
  offset = 0;
  readonly #isRequests: boolean;
  readonly #options: HttpOptions;
  readonly #reader: HeadReader;
  /** Beginning of a head that isn't complete. */
  #held = EMPTY;
  #heldLength = 0;
  #checkedTo = 0;

  constructor(isRequests: boolean, options: HttpOptions, reader: HeadReader) {
    this.#isRequests = isRequests;
    this.#options = options;
    this.#reader = reader;
  }

  /** Bytes of an unfinished head. */
  get heldLength(): number {
    return this.#heldLength;
  }

  /** Memory held, in bytes. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** The bytes of the unfinished head, which is forgotten. */
  take(): Buffer {
    const held = this.#held.subarray(0, this.#heldLength);
    this.drop();
    return held;
  }

  /** Forgets the unfinished head; returns its length. */
  drop(): number {
    const length = this.#heldLength;
    this.#held = EMPTY;
    this.#heldLength = 0;
    this.#checkedTo = 0;
    return length;
  }

  /**
   * Reads on at `at`, whose stream offset is `offset`; returns where the head ends and sets `result`. After damage or a
   * limit what was held still is.
   */
  read(buffer: Buffer, at: number, end: number, offset: number, time: number, strict: boolean): number {
    this.blankBytes = 0;
    if (this.#heldLength > 0) return this.#readOn(buffer, at, end, strict);
    let start = at;
    if (!strict) while (start < end && (buffer[start] === CR || buffer[start] === LF)) start++;
    this.blankBytes = start - at;
    if (start === end) return this.#ends(HEAD_MORE, end);
    this.startTime = time;
    this.offset = offset + (start - at);
    if (!this.#isRequests && !strict && buffer[start] === 0) return this.#serverPreface(buffer, start, end);
    const headEnd = findHeadEnd(buffer, start, end);
    if (headEnd > 0) {
      if (headEnd - start > this.#bytesMax(strict)) return this.#ends(HEAD_LIMIT, end);
      return this.#take(buffer, start, headEnd, strict, headEnd);
    }
    if (!this.#plausible(buffer, start, end, strict)) return this.#ends(HEAD_DAMAGE, end);
    return this.#ends(this.#hold(buffer, start, end) ? HEAD_MORE : HEAD_LIMIT, end);
  }

  /** Whether a response's head, whole and right in every line, begins at `start`. Changes nothing. */
  isWhole(buffer: Buffer, start: number, end: number): boolean {
    if (!mayBeResponse(buffer, start, end)) return false;
    const headEnd = findHeadEnd(buffer, start, end);
    return headEnd > 0 && this.#reader.response(buffer, start, headEnd, true) !== null;
  }

  /** A server may begin with its SETTINGS before it has heard anything. No HTTP/1 message begins with a zero byte. */
  #serverPreface(buffer: Buffer, at: number, end: number): number {
    const before = this.#heldLength;
    const stop = Math.min(end, at + SERVER_PREFACE_BYTES - before);
    this.#hold(buffer, at, stop);
    if (!mayBeServerPreface(this.#held, this.#heldLength)) {
      this.#heldLength = before;
      return this.#ends(HEAD_DAMAGE, end);
    }
    return this.#ends(this.#heldLength < SERVER_PREFACE_BYTES ? HEAD_MORE : HEAD_HTTP2, stop);
  }

  #readOn(buffer: Buffer, at: number, end: number, strict: boolean): number {
    const before = this.#heldLength;
    if (this.#held[0] === 0) return this.#serverPreface(buffer, at, end);
    // A body's last bytes may look like the beginning of a head: a segment that begins with one itself is the better guess.
    if (strict && end - at >= START_LINE_BYTES_SURE && this.#mayBegin(buffer, at, end)) {
      return this.#ends(HEAD_DAMAGE, end);
    }
    const max = this.#bytesMax(strict);
    const stop = Math.max(at, Math.min(end, at + max - before + 1));
    this.#hold(buffer, at, stop);
    const headEnd = findHeadEnd(this.#held, Math.max(0, before - 2), this.#heldLength);
    if (headEnd > 0 && headEnd <= max) {
      this.#take(this.#held, 0, headEnd, strict, at + headEnd - before);
      if (this.result === HEAD_DAMAGE) this.#heldLength = before;
      else this.drop();
      return at + headEnd - before;
    }
    const tooLarge = this.#heldLength > max;
    if (!tooLarge && this.#plausible(this.#held, 0, this.#heldLength, strict)) return this.#ends(HEAD_MORE, end);
    this.#heldLength = before;
    return this.#ends(tooLarge ? HEAD_LIMIT : HEAD_DAMAGE, end);
  }

  #ends(result: number, at: number): number {
    this.result = result;
    return at;
  }

  #bytesMax(strict: boolean): number {
    return strict ? this.#options.resyncHeadBytesMax : this.#options.headBytesMax;
  }

  #take(buffer: Buffer, start: number, end: number, strict: boolean, next: number): number {
    this.bytes = end - start;
    if (!this.#isRequests) {
      this.response = this.#reader.response(buffer, start, end, strict);
      return this.#ends(this.response === null ? HEAD_DAMAGE : HEAD_FOUND, next);
    }
    if (buffer[start] === HTTP2_PREFACE[0] && isPreface(buffer, start, end)) return this.#ends(HEAD_HTTP2, next);
    this.request = this.#reader.request(buffer, start, end, strict);
    return this.#ends(this.request === null ? HEAD_DAMAGE : HEAD_FOUND, next);
  }

  #mayBegin(buffer: Buffer, start: number, end: number): boolean {
    return this.#isRequests ? mayBeKnownRequest(buffer, start, end) : mayBeResponse(buffer, start, end);
  }

  #hold(buffer: Buffer, start: number, end: number): boolean {
    const length = this.#heldLength + end - start;
    if (length > this.#options.headBytesMax + 1) return false;
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(HELD_BYTES_FIRST, 2 * length));
      this.#held.copy(grown, 0, 0, this.#heldLength);
      this.#held = grown;
    }
    buffer.copy(this.#held, this.#heldLength, start, end);
    this.#heldLength = length;
    return true;
  }

  /** Whether an unfinished head can still become one. Without sync every whole line must be right. */
  #plausible(buffer: Buffer, start: number, end: number, strict: boolean): boolean {
    if (!(this.#isRequests ? mayBeRequest(buffer, start, end) : mayBeResponse(buffer, start, end))) return false;
    if (!strict) return true;
    if (this.#isRequests && !mayBeKnownRequest(buffer, start, end)) return false;
    let from = start + this.#checkedTo;
    if (this.#checkedTo === 0) {
      const lf = buffer.subarray(start, end).indexOf(LF);
      if (lf < 0) return true;
      if (!(this.#isRequests ? isRequestLine(buffer, start, end) : isStatusLine(buffer, start, end))) return false;
      from = start + lf + 1;
    }
    const checked = checkFieldLines(buffer, from, end);
    if (checked >= 0) this.#checkedTo = checked - start;
    return checked >= 0;
  }
}

function isPreface(buffer: Buffer, start: number, end: number): boolean {
  if (end - start < HTTP2_PREFACE.length) return false;
  return buffer.compare(HTTP2_PREFACE, 0, HTTP2_PREFACE.length, start, start + HTTP2_PREFACE.length) === 0;
}
