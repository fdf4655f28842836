/**
 * One direction of a connection: finds the messages in its bytes and hands out heads, bodies and ends.
 *
 * A direction is in sync when it knows that the next byte is a message's first, or where in a message it is. It loses
 * sync by a gap outside a body's data or by nonsense; then only a segment that begins with a whole, valid head brings it
 * back, since text inside bodies may look like HTTP.
 *
 * A gap over a chunk's border doesn't end a response: it goes on at the next segment that begins with a chunk, as far as
 * can be checked. Its missing bytes are those of the gap, chunk framing and skipped bytes not told apart. Nothing that
 * was found in this way is believed further than it must be: a head at a segment's start is stronger, the last chunk
 * counts only with a head behind it, with the connection's end, or when the client goes on.
 */
import { type BodyPieces, type PiecesConsumer, takesPieces } from './body-pieces.ts';
import {
  CHUNK_DAMAGE,
  CHUNK_DATA_NEXT,
  CHUNK_LIMIT,
  CHUNKS_DONE,
  ChunkReader,
  mayBeginChunk,
} from './chunked-coding.ts';
import type { BodyConsumer, Message, RequestHead, ResponseHead } from './exchange.ts';
import type { Framing } from './framing.ts';
import { type HeadReader, mayBeResponse } from './head.ts';
import { HEAD_FOUND, HEAD_HTTP2, HEAD_LIMIT, HEAD_MORE, HeadFinder } from './head-finder.ts';
import type { HttpOptions, HttpStats } from './options.ts';

export type LostCause = 'gap' | 'damage' | 'limit';

/** Who decides what a message is part of. */
export interface StreamOwner {
  /** A request's head was read. Must call `begin` or `goOpaque` on the stream before it returns. */
  requestHead(head: RequestHead, offset: number, start: number, end: number): void;
  /** As `requestHead`. */
  responseHead(head: ResponseHead, offset: number, start: number, end: number): void;
  /** The message that `begin` started is complete. */
  messageEnd(stream: MessageStream): void;
  /**
   * Sync is lost; the message that was being read, if any, won't be continued. `missing`: bytes of the gap that the message
   * isn't charged with, 0 if none. `betweenMessages`: none was being read.
   */
  syncLost(stream: MessageStream, cause: LostCause, missing: number, betweenMessages: boolean): void;
  /** Another gap while the direction was without sync. */
  lostMore(stream: MessageStream, missing: number): void;
  /** The message goes on at this stream offset, behind a gap that may have held its end and the heads of others. */
  resumed(stream: MessageStream, offset: number): void;
  /** The connection speaks HTTP/2 from here on: behind the head that was read of requests, with what is held of responses. */
  http2(stream: MessageStream): void;
  /** Bytes of another protocol, one segment's rest, a view; `offset`: of the first one. False: nobody reads them. */
  opaque(stream: MessageStream, bytes: Buffer, offset: number, time: number): boolean;
  opaqueGap(stream: MessageStream, missing: number): void;
}

const UNSYNCED = 0;
const HEAD = 1;
const LENGTH = 2;
const UNTIL_CLOSE = 3;
const CHUNK_LINE = 4;
const CHUNK_DATA = 5;
/** In a chunked body, without knowing where. */
const SUSPENDED = 6;
/** Behind the last chunk of a body that was resumed. */
const PERHAPS_ENDED = 7;
const OPAQUE = 8;
const CLOSED = 9;

/** So many bytes that fit a status line's beginning are looked at closer. */
const STATUS_LINE_BYTES_SURE = 9;

export interface StreamContext {
  readonly options: HttpOptions;
  readonly stats: HttpStats;
  readonly heads: HeadReader;
  readonly pieces: BodyPieces;
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
  readonly #pieces: BodyPieces;
  readonly #head: HeadFinder;
  #chunks: ChunkReader | null = null;
  #state: number;
  /** Data bytes to come of the body or chunk. */
  #remaining = 0;
  /** The message was taken up again behind a gap over a chunk's border. */
  #resumed = false;
  /** The message may have no body, whatever its head says. */
  #perhapsBodiless = false;
  #message: Message | null = null;
  /** One of the two, or none. */
  #consumer: BodyConsumer | null = null;
  #piecesConsumer: PiecesConsumer | null = null;

  constructor(isRequests: boolean, context: StreamContext, owner: StreamOwner, offset: number, inSync: boolean) {
    this.isRequests = isRequests;
    this.#owner = owner;
    this.#options = context.options;
    this.#stats = context.stats;
    this.#pieces = context.pieces;
    this.#head = new HeadFinder(isRequests, context.options, context.heads);
    this.offset = offset;
    this.#state = inSync ? HEAD : UNSYNCED;
  }

  get inSync(): boolean {
    return this.#state !== UNSYNCED && !this.#resumed;
  }

  get heldBytes(): number {
    return this.#head.heldBytes;
  }

  /** Bytes of an unfinished head. */
  get heldLength(): number {
    return this.#head.heldLength;
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
    return this.#head.heldLength > 0 ? this.#head.offset : this.offset;
  }

  /** Stream offsets of the head that was read last, and behind it. */
  get headStart(): number {
    return this.#head.offset;
  }

  get headEnd(): number {
    return this.#head.offset + this.#head.bytes;
  }

  /**
   * Called by the owner for each head: what follows is this message's body. `requestKnown`: if it isn't, the framing may
   * tell of a body that doesn't come (HEAD).
   */
  begin(framing: Framing, message: Message, consumer: BodyConsumer | null, requestKnown = true): void {
    this.#message = message;
    this.#perhapsBodiless = !requestKnown;
    this.#piecesConsumer = takesPieces(consumer) ? consumer : null;
    this.#consumer = takesPieces(consumer) ? null : consumer;
    this.#remaining = framing.kind === 'length' ? framing.length : 0;
    this.#state = stateOf(framing);
    if (framing.kind === 'invalid') this.#lose('damage', 0);
    else if (framing.kind === 'none') this.#complete();
    else if (framing.kind === 'chunked') {
      this.#chunks ??= new ChunkReader(this.#options);
      this.#chunks.begin(false);
    }
  }

  /** The bytes from here on are another protocol. */
  goOpaque(): void {
    this.#forget();
    const dropped = this.#head.drop();
    this.opaqueBytes += dropped;
    this.#stats.opaqueBytes += dropped;
    this.#state = OPAQUE;
  }

  /** As `goOpaque`; the bytes of an unfinished head, which came at `time`, are returned for who reads on. */
  handOver(): { readonly bytes: Buffer; readonly time: number } {
    this.#forget();
    this.#state = OPAQUE;
    const time = this.#head.startTime;
    return { bytes: this.#head.take(), time };
  }

  /** The exchange ended by a limit of ours: the message's bytes are still read, for nobody. */
  detach(): void {
    if (this.#message !== null) this.#message = { ...this.#message };
    this.#withoutConsumer();
  }

  /** Drops what is held and looks for the next head. The message in progress is forgotten without a word to the owner. */
  desync(): void {
    if (this.#state === OPAQUE || this.#state === CLOSED) return;
    this.#stats.skippedBytes += this.#head.drop();
    this.#forget();
    this.#state = UNSYNCED;
  }

  /** The message in progress is known to be over, though what was read of it behind a gap doesn't tell. */
  giveUp(): void {
    if (this.#state === PERHAPS_ENDED) this.#complete();
    else if (this.#resumed) this.#abandon();
  }

  /** The message in progress turns out to have no body. Does nothing when a byte of one was read. */
  endWithoutBody(): void {
    const unread = this.#state === CHUNK_LINE && this.#chunks!.atLineStart;
    if (unread || this.#state === LENGTH || this.#state === UNTIL_CLOSE) this.#complete();
  }

  /** No byte follows. A body that lasts until the close is complete, anything else unfinished stays as it is. */
  close(complete: boolean): void {
    if (complete && this.#state === UNTIL_CLOSE) this.#complete();
    if (this.#state === OPAQUE) return;
    this.#stats.skippedBytes += this.#head.drop();
    this.#forget();
    this.#state = CLOSED;
  }

  /** `missing` bytes were sent and not captured. */
  gap(missing: number): void {
    this.#stats.gaps++;
    this.#stats.gapBytes += missing;
    this.offset += missing;
    switch (this.#state) {
      case LENGTH:
      case CHUNK_DATA:
      case CHUNK_LINE:
        this.#gapInBody(missing);
        break;
      case UNTIL_CLOSE:
        this.#missed(missing);
        break;
      case SUSPENDED:
      case PERHAPS_ENDED:
        this.#stats.skippedBytes += this.#head.drop();
        this.#suspend(missing);
        break;
      case UNSYNCED:
        this.#stats.skippedBytes += this.#head.drop();
        this.#owner.lostMore(this, missing);
        break;
      case HEAD:
        this.#lose('gap', missing);
        break;
      case OPAQUE:
        this.#owner.opaqueGap(this, missing);
        break;
    }
  }

  #gapInBody(missing: number): void {
    if (this.#state !== CHUNK_LINE && missing <= this.#remaining) {
      this.#missed(missing);
      this.#remaining -= missing;
      if (this.#remaining === 0) this.#dataEnd();
    } else if (this.#state === LENGTH) {
      const own = this.#remaining;
      this.#missed(own);
      this.#complete();
      this.#lose('gap', missing - own);
    } else if (this.isRequests) {
      this.#missed(missing);
      this.#lose('gap', 0);
    } else this.#suspend(missing);
  }

  /** The bytes `start` to `end` of `buffer`, one segment. Never throws. */
  data(buffer: Buffer, start: number, end: number, time: number): void {
    const base = this.offset - start;
    this.offset += end - start;
    let at = start;
    if (this.#resumed || this.#perhapsBodiless) this.#reconsider(buffer, start, end);
    while (at < end) {
      const state = this.#state;
      if (state === LENGTH || state === CHUNK_DATA) {
        const stop = Math.min(end, at + this.#remaining);
        this.#remaining -= stop - at;
        this.#body(buffer, at, stop, time);
        at = stop;
        if (this.#remaining === 0) this.#dataEnd();
      } else if (state === CHUNK_LINE) {
        const data = this.#chunks!.whole(buffer, at, end);
        at = data < 0 ? this.#chunkLine(buffer, at, end, time) : this.#wholeChunk(buffer, at, data, time);
      } else if (state === HEAD) at = this.#nextHead(buffer, at, end, base + at, time);
      else if (state === UNTIL_CLOSE) {
        this.#body(buffer, at, end, time);
        at = end;
      } else if (state === OPAQUE || state === CLOSED) {
        if (state === OPAQUE) this.#opaque(buffer.subarray(at, end), base + at, time);
        else this.#stats.skippedBytes += end - at;
        at = end;
      } else at = this.#search(buffer, at, end, start, base + at, time);
    }
  }

  /** A segment that begins like a head is stronger than what is believed of the message in progress. */
  #reconsider(buffer: Buffer, start: number, end: number): void {
    if (this.#resumed) {
      if (this.#state !== CHUNK_LINE && this.#state !== CHUNK_DATA) return;
      if (end - start >= STATUS_LINE_BYTES_SURE && mayBeResponse(buffer, start, end)) this.#suspend(0);
    } else if (this.#message?.bodyStart !== null) this.#perhapsBodiless = false;
    else if (this.#head.isWhole(buffer, start, end)) this.endWithoutBody();
  }

  #opaque(bytes: Buffer, offset: number, time: number): void {
    this.opaqueBytes += bytes.length;
    if (!this.#owner.opaque(this, bytes, offset, time)) this.#stats.opaqueBytes += bytes.length;
  }

  #body(buffer: Buffer, start: number, end: number, time: number): void {
    const message = this.#message;
    this.#stats.bodyBytes += end - start;
    if (message === null) return;
    message.bodyBytes += end - start;
    if (message.bodyStart === null) message.bodyStart = time;
    message.end = time;
    if (this.#piecesConsumer !== null) this.#pieces.add(this.#piecesConsumer, buffer, start, end, time);
    else if (this.#consumer !== null) this.#consumer.data(buffer.subarray(start, end), time);
  }

  #missed(missing: number): void {
    if (this.#message !== null) this.#message.missingBytes += missing;
    this.#pieces.flush();
    (this.#piecesConsumer ?? this.#consumer)?.gap(missing);
  }

  #dataEnd(): void {
    if (this.#state === LENGTH) this.#complete();
    else {
      this.#state = CHUNK_LINE;
      this.#chunks!.dataEnded();
    }
  }

  #complete(): void {
    this.#state = HEAD;
    this.#pieces.flush();
    this.#owner.messageEnd(this);
    this.#forget();
  }

  #forget(): void {
    this.#message = null;
    this.#withoutConsumer();
    this.#resumed = false;
    this.#perhapsBodiless = false;
  }

  #withoutConsumer(): void {
    this.#pieces.flush();
    this.#consumer = null;
    this.#piecesConsumer = null;
  }

  #lose(cause: LostCause, missing: number): void {
    const betweenMessages = this.#message === null;
    this.desync();
    if (cause === 'gap') this.#stats.lostByGap++;
    else if (cause === 'damage') this.#stats.lostByDamage++;
    else this.#stats.lostByLimit++;
    this.#owner.syncLost(this, cause, missing, betweenMessages);
  }

  // ---- a chunked body with a gap over a chunk's border

  #suspend(missing: number): void {
    this.#state = SUSPENDED;
    this.#resumed = true;
    if (missing > 0) this.#missed(missing);
  }

  /** The suspended message ends here; unlike `desync` this keeps the head that is being read. */
  #abandon(): void {
    this.#forget();
    this.#state = UNSYNCED;
    this.#stats.lostByGap++;
    this.#owner.syncLost(this, 'gap', 0, false);
  }

  #resume(offset: number): void {
    this.#state = CHUNK_LINE;
    this.#chunks!.begin(true);
    this.#owner.resumed(this, offset);
  }

  #wholeChunk(buffer: Buffer, from: number, data: number, time: number): number {
    const dataEnd = data + this.#chunks!.wholeSize;
    this.#body(buffer, data, dataEnd, time);
    const end = dataEnd + 2;
    this.#stats.framingBytes += end - from - (dataEnd - data);
    return end;
  }

  #chunkLine(buffer: Buffer, from: number, end: number, time: number): number {
    const chunks = this.#chunks!;
    const inTrailer = chunks.inTrailer;
    const at = chunks.read(buffer, from, end);
    const { result } = chunks;
    if (result === CHUNK_DAMAGE || result === CHUNK_LIMIT) {
      this.#stats.skippedBytes += end - from;
      if (this.#resumed) this.#suspend(0);
      else this.#lose(result === CHUNK_LIMIT ? 'limit' : 'damage', 0);
      return end;
    }
    if (inTrailer) this.#stats.headBytes += at - from;
    else this.#stats.framingBytes += at - from;
    if (this.#message !== null) this.#message.end = time;
    if (result === CHUNK_DATA_NEXT) {
      this.#remaining = chunks.size;
      this.#state = CHUNK_DATA;
    } else if (result === CHUNKS_DONE) {
      if (this.#resumed) this.#state = PERHAPS_ENDED;
      else this.#complete();
    }
    return at;
  }

  // ---- heads

  /** Nonsense where a head must be loses sync; the segment's rest is skipped. */
  #nextHead(buffer: Buffer, at: number, end: number, offset: number, time: number): number {
    const head = this.#head;
    const next = head.read(buffer, at, end, offset, time, false);
    if (head.blankBytes > 0) this.#stats.framingBytes += head.blankBytes;
    if (head.result === HEAD_MORE) return end;
    if (head.result === HEAD_FOUND || head.result === HEAD_HTTP2) {
      this.#found(time);
      return next;
    }
    this.#stats.skippedBytes += end - at - head.blankBytes;
    this.#lose(head.result === HEAD_LIMIT ? 'limit' : 'damage', 0);
    return end;
  }

  /** Without sync: believes a head (or a chunk) only at a segment's start, or behind a last chunk, and skips everything else. */
  #search(buffer: Buffer, at: number, end: number, segmentStart: number, offset: number, time: number): number {
    const head = this.#head;
    if (at === segmentStart || this.#state === PERHAPS_ENDED) {
      const held = head.heldLength;
      const next = head.read(buffer, at, end, offset, time, true);
      if (head.result === HEAD_MORE) return end;
      if (head.result === HEAD_FOUND || head.result === HEAD_HTTP2) {
        this.#found(time);
        return next;
      }
      this.#stats.skippedBytes += head.drop();
      if (this.#state === PERHAPS_ENDED) this.#state = SUSPENDED;
      // What was held turned out to be no head; this segment may still begin with one.
      if (held > 0) return at;
      if (this.#state === SUSPENDED && at === segmentStart && mayBeginChunk(buffer, at, end)) {
        this.#resume(offset);
        return at;
      }
    }
    this.#stats.skippedBytes += end - at;
    return end;
  }

  #found(time: number): void {
    const { result, bytes, offset, startTime, request, response } = this.#head;
    if (result === HEAD_HTTP2) {
      if (this.isRequests) this.#stats.framingBytes += bytes;
      this.#owner.http2(this);
      return;
    }
    if (this.#state !== HEAD) this.giveUp();
    this.#state = HEAD;
    this.#stats.headBytes += bytes;
    if (this.isRequests) this.#owner.requestHead(request!, offset, startTime, time);
    else this.#owner.responseHead(response!, offset, startTime, time);
  }
}

function stateOf(framing: Framing): number {
  switch (framing.kind) {
    case 'length':
      return LENGTH;
    case 'chunked':
      return CHUNK_LINE;
    case 'until_close':
      return UNTIL_CLOSE;
    default:
      return HEAD;
  }
}
