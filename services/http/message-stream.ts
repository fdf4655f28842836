/**
 * One direction of a connection: finds the messages in its bytes and hands out heads, bodies and ends.
 *
 * Chunked coding (RFC 9112 section 7.1), read byte by byte or, when a segment holds whole lines, straight from it:
 *
 *   chunked-body = *chunk last-chunk trailer-section CRLF
 *   chunk        = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
 *   last-chunk   = 1*"0" [ chunk-ext ] CRLF
 *
 * A direction is in sync when it knows that the next byte is a message's first, or where in a message it is. It loses
 * sync by a gap outside a body's data or by nonsense; then only a segment that begins with a whole, valid head brings it
 * back, since text inside bodies may look like HTTP.
 */
import type { BodyConsumer, Message, RequestHead, ResponseHead } from './exchange.ts';
import type { Framing } from './framing.ts';
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
import type { HttpOptions, HttpStats } from './options.ts';

export type LostCause = 'gap' | 'damage' | 'limit';

/** Who decides what a message is part of. */
export interface StreamOwner {
  /** A request's head was read. Must call `begin` or `goOpaque` on the stream before it returns. */
  requestHead(head: RequestHead, offset: number, start: number, end: number): void;
  /**
   * As `requestHead`. `straightAfterGap`: the bytes directly before this head are missing. `betweenMessages`: and before
   * that gap no message was in progress, so that what is missing are messages.
   */
  responseHead(
    head: ResponseHead,
    offset: number,
    start: number,
    end: number,
    straightAfterGap: boolean,
    betweenMessages: boolean,
  ): void;
  /** The message that `begin` started is complete. */
  messageEnd(stream: MessageStream): void;
  /** Sync is lost; the message that was being read, if any, won't be continued. `missing`: bytes of the gap, 0 if none. */
  syncLost(stream: MessageStream, cause: LostCause, missing: number): void;
  /** Another gap while the direction was without sync. */
  lostMore(stream: MessageStream, missing: number): void;
  /** The bytes after a gap are no head, so that the next response's head was in the gap. */
  headWasInGap(stream: MessageStream): void;
  /** The connection speaks HTTP/2 from here on. */
  http2(): void;
}

const UNSYNCED = 0;
const HEAD = 1;
const LENGTH = 2;
const UNTIL_CLOSE = 3;
const CHUNK_SIZE = 4;
const CHUNK_EXTENSION = 5;
const CHUNK_DATA = 6;
const CHUNK_END = 7;
const TRAILER = 8;
const OPAQUE = 9;
const CLOSED = 10;

const LF = 10;
const CR = 13;
/** RFC 9113 section 3.4: the first line of a client that speaks HTTP/2 without asking. */
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');
/** A chunk-size of more hex digits doesn't fit a number; no real chunk comes near. */
const CHUNK_SIZE_MAX = 2 ** 48;
/** So many bytes that fit a start line are no coincidence. */
const START_LINE_BYTES_SURE = 8;
const EMPTY = Buffer.alloc(0);
const HELD_BYTES_FIRST = 2048;

export interface StreamContext {
  readonly options: HttpOptions;
  readonly stats: HttpStats;
  readonly heads: HeadReader;
}

export class MessageStream {
  /** Stream offset of the next byte. */
  offset: number;
  /** Of another protocol so far. */
  opaqueBytes = 0;
  /** Reads requests (the client's bytes) or responses. Changes only while nothing was read yet. */
  readonly isRequests: boolean;
  readonly #owner: StreamOwner;
  readonly #options: HttpOptions;
  readonly #stats: HttpStats;
  readonly #heads: HeadReader;
  #state: number;
  /** Data bytes to come of the body or chunk. */
  #remaining = 0;
  #chunkSize = 0;
  #digits = 0;
  #lineBytes = 0;
  #sectionBytes = 0;
  /** A gap came between messages, and the bytes after it have not been judged. */
  #afterGap = false;
  /** The bytes directly before the next are missing. */
  #straight = false;
  /** Beginning of a head that isn't complete. */
  #held = EMPTY;
  #heldLength = 0;
  #checkedTo = 0;
  #headStart = 0;
  #headOffset = 0;
  #message: Message | null = null;
  #consumer: BodyConsumer | null = null;

  constructor(isRequests: boolean, context: StreamContext, owner: StreamOwner, offset: number, inSync: boolean) {
    this.isRequests = isRequests;
    this.#owner = owner;
    this.#options = context.options;
    this.#stats = context.stats;
    this.#heads = context.heads;
    this.offset = offset;
    this.#state = inSync ? HEAD : UNSYNCED;
  }

  get inSync(): boolean {
    return this.#state !== UNSYNCED;
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  /** Between two messages, or within a head. */
  get atBoundary(): boolean {
    return this.#state === HEAD;
  }

  /** The bytes are another protocol. */
  get opaque(): boolean {
    return this.#state === OPAQUE;
  }

  /** Stream offset of the head that has begun, else of the next byte. */
  get messageOffset(): number {
    return this.#heldLength > 0 ? this.#headOffset : this.offset;
  }

  /** Called by the owner for each head: what follows is this message's body. */
  begin(framing: Framing, message: Message, consumer: BodyConsumer | null): void {
    this.#message = message;
    this.#consumer = consumer;
    this.#remaining = framing.kind === 'length' ? framing.length : 0;
    this.#state = stateOf(framing);
    if (framing.kind === 'invalid') this.#lose('damage', 0);
    else if (framing.kind === 'none') this.#complete();
    else if (framing.kind === 'chunked') this.#expectChunk();
  }

  /** The bytes from here on are another protocol. */
  goOpaque(): void {
    this.#message = null;
    this.#consumer = null;
    if (this.#heldLength > 0) this.#opaque(this.#heldLength);
    this.#release();
    this.#state = OPAQUE;
  }

  /** The exchange ended by a limit of ours: the message's bytes are still read, for nobody. */
  detach(): void {
    if (this.#message !== null) this.#message = { ...this.#message };
    this.#consumer = null;
  }

  /** Drops what is held and looks for the next head. The message in progress is forgotten without a word to the owner. */
  desync(): void {
    if (this.#state === OPAQUE || this.#state === CLOSED) return;
    this.#stats.skippedBytes += this.#heldLength;
    this.#release();
    this.#message = null;
    this.#consumer = null;
    this.#state = UNSYNCED;
    this.#afterGap = false;
  }

  /** No byte follows. A body that lasts until the close is complete, anything else unfinished stays as it is. */
  close(complete: boolean): void {
    if (complete && this.#state === UNTIL_CLOSE) this.#complete();
    if (this.#state === OPAQUE) return;
    this.#stats.skippedBytes += this.#heldLength;
    this.#release();
    this.#message = null;
    this.#consumer = null;
    this.#state = CLOSED;
  }

  /** `missing` bytes were sent and not captured. */
  gap(missing: number): void {
    this.#stats.gaps++;
    this.#stats.gapBytes += missing;
    this.offset += missing;
    if (this.#state === OPAQUE || this.#state === CLOSED) return;
    if (this.#state === UNTIL_CLOSE) this.#missed(missing);
    else if ((this.#state === LENGTH || this.#state === CHUNK_DATA) && missing <= this.#remaining) {
      this.#missed(missing);
      this.#remaining -= missing;
      if (this.#remaining === 0) this.#dataEnd();
    } else if (this.#state === LENGTH) this.#lose('gap', this.#remaining);
    else if (this.#state === UNSYNCED) this.#dropCandidate(missing);
    else this.#lose('gap', missing);
  }

  /** The bytes `start` to `end` of `buffer`, one segment. Never throws. */
  data(buffer: Buffer, start: number, end: number, time: number): void {
    const base = this.offset - start;
    this.offset += end - start;
    let at = start;
    while (at < end) {
      const state = this.#state;
      if (state === LENGTH || state === CHUNK_DATA) {
        const stop = Math.min(end, at + this.#remaining);
        this.#remaining -= stop - at;
        this.#body(buffer, at, stop, time);
        at = stop;
        if (this.#remaining === 0) this.#dataEnd();
      } else if (state >= CHUNK_SIZE && state <= TRAILER) at = this.#chunkLine(buffer, at, end, time);
      else if (state === HEAD) at = this.#head(buffer, at, end, base + at, time, false);
      else if (state === UNTIL_CLOSE) {
        this.#body(buffer, at, end, time);
        at = end;
      } else if (state === UNSYNCED) at = this.#search(buffer, at, end, start, base + at, time);
      else {
        if (state === OPAQUE) this.#opaque(end - at);
        else this.#stats.skippedBytes += end - at;
        at = end;
      }
    }
  }

  #opaque(bytes: number): void {
    this.opaqueBytes += bytes;
    this.#stats.opaqueBytes += bytes;
  }

  #body(buffer: Buffer, start: number, end: number, time: number): void {
    const message = this.#message;
    this.#stats.bodyBytes += end - start;
    if (message === null) return;
    message.bodyBytes += end - start;
    if (message.bodyStart === null) message.bodyStart = time;
    message.end = time;
    if (this.#consumer !== null) this.#consumer.data(buffer.subarray(start, end), time);
  }

  #missed(missing: number): void {
    if (this.#message !== null) this.#message.missingBytes += missing;
    this.#consumer?.gap(missing);
  }

  #dataEnd(): void {
    if (this.#state === LENGTH) this.#complete();
    else this.#state = CHUNK_END;
  }

  #complete(): void {
    this.#state = HEAD;
    this.#owner.messageEnd(this);
    this.#message = null;
    this.#consumer = null;
  }

  #lose(cause: LostCause, missing: number): void {
    const message = this.#message;
    const headCut = this.#heldLength > 0;
    if (message !== null) message.missingBytes += missing;
    if (message !== null && cause === 'gap') this.#consumer?.gap(missing);
    this.desync();
    this.#afterGap = cause === 'gap' && message === null;
    this.#straight = cause === 'gap';
    if (cause === 'gap') this.#stats.lostByGap++;
    else if (cause === 'damage') this.#stats.lostByDamage++;
    else this.#stats.lostByLimit++;
    this.#owner.syncLost(this, cause, missing);
    if (headCut) this.#noHeadAfterGap();
  }

  #dropCandidate(missing: number): void {
    this.#straight = true;
    this.#owner.lostMore(this, missing);
    if (this.#heldLength === 0) return;
    this.#stats.skippedBytes += this.#heldLength;
    this.#release();
    this.#afterGap = false;
    this.#owner.headWasInGap(this);
  }

  #noHeadAfterGap(): void {
    this.#straight = false;
    if (!this.#afterGap) return;
    this.#afterGap = false;
    this.#owner.headWasInGap(this);
  }

  #release(): void {
    this.#held = EMPTY;
    this.#heldLength = 0;
    this.#checkedTo = 0;
  }

  // ---- heads

  /** Without sync: believes a head only at a segment's start, and skips everything else. */
  #search(buffer: Buffer, at: number, end: number, segmentStart: number, offset: number, time: number): number {
    if (at === segmentStart) {
      const held = this.#heldLength;
      const next = this.#head(buffer, at, end, offset, time, true);
      if (next >= 0) return next;
      this.#stats.skippedBytes += this.#heldLength;
      this.#release();
      // What was held turned out to be no head; this segment may still begin with one.
      if (held > 0) return at;
    }
    this.#noHeadAfterGap();
    this.#stats.skippedBytes += end - at;
    return end;
  }

  /** Returns where to go on in the segment; -1 when `strict` and the bytes are no head. */
  #head(buffer: Buffer, at: number, end: number, offset: number, time: number, strict: boolean): number {
    if (this.#heldLength > 0) return this.#headContinued(buffer, at, end, time, strict);
    let start = at;
    if (!strict) while (start < end && (buffer[start] === CR || buffer[start] === LF)) start++;
    if (start > at) this.#stats.framingBytes += start - at;
    if (start === end) return end;
    this.#headStart = time;
    this.#headOffset = offset + (start - at);
    const headEnd = findHeadEnd(buffer, start, end);
    if (headEnd > 0) {
      const fits = headEnd - start <= (strict ? this.#options.resyncHeadBytesMax : this.#options.headBytesMax);
      if (!fits) return this.#noHead(end - start, end, strict, 'limit');
      return this.#take(buffer, start, headEnd, strict, time)
        ? headEnd
        : this.#noHead(end - start, end, strict, 'damage');
    }
    if (!this.#plausible(buffer, start, end, strict)) return this.#noHead(end - start, end, strict, 'damage');
    return this.#hold(buffer, start, end) ? end : this.#noHead(end - start, end, strict, 'limit');
  }

  #mayBegin(buffer: Buffer, start: number, end: number): boolean {
    return this.isRequests ? mayBeKnownRequest(buffer, start, end) : mayBeResponse(buffer, start, end);
  }

  #headContinued(buffer: Buffer, at: number, end: number, time: number, strict: boolean): number {
    const before = this.#heldLength;
    // A body's last bytes may look like the beginning of a head: a segment that begins with one itself is the better guess.
    if (strict && end - at >= START_LINE_BYTES_SURE && this.#mayBegin(buffer, at, end)) return -1;
    const max = strict ? this.#options.resyncHeadBytesMax : this.#options.headBytesMax;
    const stop = Math.max(at, Math.min(end, at + max - before + 1));
    this.#hold(buffer, at, stop);
    const headEnd = findHeadEnd(this.#held, Math.max(0, before - 2), this.#heldLength);
    if (headEnd > 0 && headEnd <= max) {
      const held = this.#held;
      this.#release();
      if (this.#take(held, 0, headEnd, strict, time)) return at + headEnd - before;
      this.#heldLength = before;
      return this.#noHead(end - at, end, strict, 'damage');
    }
    const tooLarge = this.#heldLength > max;
    const damaged = !tooLarge && !this.#plausible(this.#held, 0, this.#heldLength, strict);
    if (!tooLarge && !damaged) return end;
    this.#heldLength = before;
    return this.#noHead(end - at, end, strict, tooLarge ? 'limit' : 'damage');
  }

  /** In sync, nonsense where a head must be loses sync; the segment's rest is skipped. */
  #noHead(skipped: number, end: number, strict: boolean, cause: LostCause): number {
    if (strict) return -1;
    this.#stats.skippedBytes += skipped;
    this.#lose(cause, 0);
    return end;
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
    if (!(this.isRequests ? mayBeRequest(buffer, start, end) : mayBeResponse(buffer, start, end))) return false;
    if (!strict) return true;
    if (this.isRequests && !mayBeKnownRequest(buffer, start, end)) return false;
    let from = start + this.#checkedTo;
    if (this.#checkedTo === 0) {
      const lf = buffer.subarray(start, end).indexOf(LF);
      if (lf < 0) return true;
      if (!(this.isRequests ? isRequestLine(buffer, start, end) : isStatusLine(buffer, start, end))) return false;
      from = start + lf + 1;
    }
    const checked = checkFieldLines(buffer, from, end);
    if (checked >= 0) this.#checkedTo = checked - start;
    return checked >= 0;
  }

  #take(buffer: Buffer, start: number, end: number, strict: boolean, time: number): boolean {
    const betweenMessages = this.#afterGap;
    if (!this.isRequests) {
      const head = this.#heads.response(buffer, start, end, strict);
      if (head === null) return false;
      const straight = this.#straight;
      this.#took(end - start);
      this.#owner.responseHead(head, this.#headOffset, this.#headStart, time, straight, betweenMessages);
      return true;
    }
    if (buffer[start] === HTTP2_PREFACE[0] && isPreface(buffer, start, end)) {
      this.#opaque(end - start);
      this.#afterGap = false;
      this.#owner.http2();
      return true;
    }
    const head = this.#heads.request(buffer, start, end, strict);
    if (head === null) return false;
    this.#took(end - start);
    this.#owner.requestHead(head, this.#headOffset, this.#headStart, time);
    return true;
  }

  #took(bytes: number): void {
    this.#afterGap = false;
    this.#straight = false;
    this.#state = HEAD;
    this.#stats.headBytes += bytes;
  }

  // ---- chunked coding

  #expectChunk(): void {
    this.#state = CHUNK_SIZE;
    this.#chunkSize = 0;
    this.#digits = 0;
    this.#lineBytes = 0;
  }

  /** Everything of the chunked coding but the data. Returns where to go on. */
  #chunkLine(buffer: Buffer, from: number, end: number, time: number): number {
    let at = from;
    let cause: LostCause | null = null;
    if (this.#state === CHUNK_END) {
      const byte = buffer[at++]!;
      if (byte === LF) this.#expectChunk();
      else if (byte !== CR || ++this.#lineBytes > 1) cause = 'damage';
    } else if (this.#state === TRAILER) return this.#trailer(buffer, from, end, time);
    else {
      at = this.#state === CHUNK_SIZE ? this.#sizeDigits(buffer, at, end) : at;
      while (at < end && this.#state === CHUNK_EXTENSION) {
        if (++this.#lineBytes > this.#options.chunkLineBytesMax) cause = 'limit';
        if (buffer[at++] === LF || cause !== null) break;
      }
      const lineDone = at > from && this.#state === CHUNK_EXTENSION && buffer[at - 1] === LF;
      if (this.#digits < 0) cause = 'damage';
      else if (lineDone && cause === null) this.#sizeKnown();
    }
    if (cause !== null) {
      this.#stats.skippedBytes += end - from;
      this.#lose(cause, 0);
      return end;
    }
    this.#stats.framingBytes += at - from;
    if (this.#message !== null) this.#message.end = time;
    return at;
  }

  /** Reads the size; at the first other byte the extension begins. `#digits` is -1 after nonsense. */
  #sizeDigits(buffer: Buffer, from: number, end: number): number {
    let at = from;
    for (; at < end; at++) {
      const byte = buffer[at]!;
      const digit =
        byte >= 48 && byte <= 57
          ? byte - 48
          : byte >= 97 && byte <= 102
            ? byte - 87
            : byte >= 65 && byte <= 70
              ? byte - 55
              : -1;
      if (digit < 0) {
        // `;` begins an extension; some senders pad the size with spaces.
        const ends = byte === CR || byte === LF || byte === 59 || byte === 32 || byte === 9;
        if (this.#digits === 0 || !ends) this.#digits = -1;
        this.#state = CHUNK_EXTENSION;
        return at;
      }
      this.#chunkSize = this.#chunkSize * 16 + digit;
      if (++this.#digits > this.#options.chunkLineBytesMax || this.#chunkSize > CHUNK_SIZE_MAX) {
        this.#digits = -1;
        return at + 1;
      }
    }
    return at;
  }

  #sizeKnown(): void {
    this.#lineBytes = 0;
    this.#sectionBytes = 0;
    this.#remaining = this.#chunkSize;
    this.#state = this.#chunkSize === 0 ? TRAILER : CHUNK_DATA;
  }

  /** RFC 9112 section 7.1.2: field lines up to an empty line. They are counted, not kept. */
  #trailer(buffer: Buffer, from: number, end: number, time: number): number {
    for (let at = from; at < end; at++) {
      const byte = buffer[at];
      this.#sectionBytes++;
      if (byte !== LF) {
        if (byte !== CR) this.#lineBytes++;
        continue;
      }
      if (this.#lineBytes > 0) {
        this.#lineBytes = 0;
        continue;
      }
      this.#stats.headBytes += at + 1 - from;
      if (this.#message !== null) this.#message.end = time;
      this.#complete();
      return at + 1;
    }
    if (this.#sectionBytes > this.#options.headBytesMax) {
      this.#stats.skippedBytes += end - from;
      this.#lose('limit', 0);
      return end;
    }
    this.#stats.headBytes += end - from;
    if (this.#message !== null) this.#message.end = time;
    return end;
  }
}

function stateOf(framing: Framing): number {
  switch (framing.kind) {
    case 'length':
      return LENGTH;
    case 'chunked':
      return CHUNK_SIZE;
    case 'until_close':
      return UNTIL_CLOSE;
    default:
      return HEAD;
  }
}

function isPreface(buffer: Buffer, start: number, end: number): boolean {
  if (end - start < HTTP2_PREFACE.length) return false;
  return buffer.compare(HTTP2_PREFACE, 0, HTTP2_PREFACE.length, start, start + HTTP2_PREFACE.length) === 0;
}
