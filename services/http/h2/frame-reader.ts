/**
 * One direction's bytes as frames, from a place where one begins. Content of DATA is handed on as it comes; the payload of other
 * frames when it is whole, as far as anyone needs it.
 *
 *     DATA (RFC 9113 section 6.1):  [ pad length (8) ] | content | padding
 */
import type { HttpStats } from '../options.ts';
import {
  CONTINUATION,
  DATA,
  FLAG_PADDED,
  FRAME_HEAD_BYTES,
  GOAWAY,
  HEADERS,
  isWellFormed,
  PREFACE,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
} from './frame.ts';

/** The frame that is being read; one object, changed from frame to frame. */
export interface FrameHead {
  length: number;
  type: number;
  flags: number;
  stream: number;
  /** Stream offset and time of its first byte. */
  offset: number;
  startTime: number;
}

export interface FrameSink {
  /** Content of the DATA frame that is being read. `offset`: stream offset of its first byte. */
  data(frame: FrameHead, buffer: Buffer, start: number, end: number, time: number, offset: number): void;
  /** Payload of it that was not captured, from `offset` on, and how much of that is content and not padding. */
  dataMissing(frame: FrameHead, missing: number, content: number, offset: number): void;
  dataEnd(frame: FrameHead, time: number): void;
  /** Any other frame. `buffer`: null when a part of the payload is missing or it is over the limit. */
  frame(frame: FrameHead, buffer: Buffer | null, start: number, end: number, time: number): void;
}

/** Settings beyond these are not read. */
const SETTINGS_BYTES_MAX = 6 * 64;
const RESET_BYTES = 4;
const GOAWAY_BYTES = 8;
const NOTHING = Buffer.alloc(0);

export class FrameReader {
  readonly frame: FrameHead = { length: 0, type: 0, flags: 0, stream: 0, offset: 0, startTime: 0 };
  readonly #sink: FrameSink;
  readonly #stats: HttpStats;
  readonly #blockBytesMax: number;
  /** Bytes of the preface that have come; the whole of it when none is expected. */
  #preface: number;
  readonly #head = Buffer.alloc(FRAME_HEAD_BYTES);
  #headLength = 0;
  #inPayload = false;
  /** Payload bytes to come. */
  #remaining = 0;
  /** Of a DATA frame: -1 until the pad length is known. */
  #padding = 0;
  /** Payload bytes that are kept, of other frames. */
  #keep = 0;
  #held = NOTHING;
  #heldLength = 0;
  #holed = false;
  #time = 0;

  /** `preface`: bytes of the connection preface that are known to have come. `blockBytesMax`: longest payload of header fields. */
  constructor(sink: FrameSink, stats: HttpStats, blockBytesMax: number, preface: number) {
    this.#sink = sink;
    this.#stats = stats;
    this.#blockBytesMax = blockBytesMax;
    this.#preface = preface;
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  /** Bytes of the preface that are done with. */
  get preface(): number {
    return this.#preface;
  }

  /** How many bytes ago the frame began that isn't complete; 0 between frames. */
  get begun(): number {
    return this.#inPayload ? FRAME_HEAD_BYTES + this.frame.length - this.#remaining : this.#headLength;
  }

  /** Stream offset of the next byte of the payload. */
  get #offset(): number {
    return this.frame.offset + FRAME_HEAD_BYTES + this.frame.length - this.#remaining;
  }

  /** Starts anew where a frame begins. Returns how many bytes of an unfinished head are dropped. */
  reset(): number {
    const dropped = this.#headLength;
    this.#preface = PREFACE.length;
    this.#headLength = 0;
    this.#held = NOTHING;
    this.#endFrame();
    return dropped;
  }

  /** Reads `start` to `end`, whose first byte has stream offset `offset`. Returns where it ends: before `end` what follows is no frame. */
  read(buffer: Buffer, start: number, end: number, offset: number, time: number): number {
    let at = start;
    this.#time = time;
    if (this.#preface < PREFACE.length) {
      at = this.#readPreface(buffer, start, end);
      if (at < 0) return start;
    }
    while (at < end) {
      if (this.#inPayload) at = this.#payload(buffer, at, end, time);
      else {
        const next = this.#readHead(buffer, at, end, offset + (at - start), time);
        if (next < 0) return at;
        at = next;
      }
    }
    return end;
  }

  /** `missing` bytes were not captured. Returns how many of them lie behind the frame that is being read: where, nobody knows. */
  gap(missing: number): number {
    if (!this.#inPayload) return missing;
    const own = Math.min(missing, this.#remaining);
    const { frame } = this;
    if (frame.type === DATA) {
      const content = Math.min(own, this.#remaining - Math.max(0, this.#padding));
      this.#sink.dataMissing(frame, own, Math.max(0, content), this.#offset);
      this.#padding = Math.min(Math.max(0, this.#padding), this.#remaining - own);
    } else this.#holed = true;
    this.#remaining -= own;
    if (this.#remaining === 0) this.#finish(NOTHING, 0, 0, this.#time);
    return missing - own;
  }

  /** Index behind what belongs to the preface; -1 when it isn't one. */
  #readPreface(buffer: Buffer, start: number, end: number): number {
    const length = Math.min(end - start, PREFACE.length - this.#preface);
    if (buffer.compare(PREFACE, this.#preface, this.#preface + length, start, start + length) !== 0) return -1;
    this.#preface += length;
    this.#stats.framingBytes += length;
    return start + length;
  }

  /** Index behind the head, or what there is of it; -1 when it can't be one. */
  #readHead(buffer: Buffer, at: number, end: number, offset: number, time: number): number {
    const { frame } = this;
    if (this.#headLength === 0) {
      frame.offset = offset;
      frame.startTime = time;
      if (end - at >= FRAME_HEAD_BYTES) return this.#begin(buffer, at, end, time) ? at + FRAME_HEAD_BYTES : -1;
    }
    const length = Math.min(end - at, FRAME_HEAD_BYTES - this.#headLength);
    buffer.copy(this.#head, this.#headLength, at, at + length);
    this.#headLength += length;
    if (this.#headLength < FRAME_HEAD_BYTES) {
      return at + length;
    }
    if (!this.#begin(this.#head, 0, 0, time)) {
      this.#headLength -= length;
      return -1;
    }
    return at + length;
  }

  #begin(bytes: Buffer, at: number, end: number, time: number): boolean {
    const { frame } = this;
    frame.length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    frame.type = bytes[at + 3]!;
    frame.flags = bytes[at + 4]!;
    frame.stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    const { length, type, flags, stream } = frame;
    if (!isWellFormed(length, type, flags, stream)) return false;
    this.#headLength = 0;
    this.#inPayload = true;
    this.#remaining = length;
    this.#padding = type === DATA && (flags & FLAG_PADDED) !== 0 ? -1 : 0;
    this.#keep = this.#kept(type, length);
    this.#count(FRAME_HEAD_BYTES);
    if (length === 0) this.#finish(NOTHING, 0, 0, time);
    else if (type !== DATA && this.#keep > 0 && end - at - FRAME_HEAD_BYTES < length) this.#hold(this.#keep);
    return true;
  }

  #kept(type: number, length: number): number {
    switch (type) {
      case HEADERS:
      case CONTINUATION:
      case PUSH_PROMISE:
        return length <= this.#blockBytesMax ? length : 0;
      case SETTINGS:
        return Math.min(length, SETTINGS_BYTES_MAX);
      case RST_STREAM:
        return RESET_BYTES;
      case GOAWAY:
        return Math.min(length, GOAWAY_BYTES);
      default:
        return 0;
    }
  }

  #count(bytes: number): void {
    const { type } = this.frame;
    if (type === HEADERS || type === CONTINUATION || type === PUSH_PROMISE) this.#stats.headBytes += bytes;
    else this.#stats.framingBytes += bytes;
  }

  #hold(length: number): void {
    if (this.#held.length < length) this.#held = Buffer.allocUnsafeSlow(length);
    this.#heldLength = 0;
  }

  #payload(buffer: Buffer, at: number, end: number, time: number): number {
    const stop = Math.min(end, at + this.#remaining);
    if (this.frame.type === DATA) return this.#content(buffer, at, stop, time);
    this.#count(stop - at);
    const whole = stop - at === this.frame.length;
    if (!whole && this.#heldLength < this.#keep && this.#held.length > 0) {
      const length = Math.min(stop - at, this.#keep - this.#heldLength);
      buffer.copy(this.#held, this.#heldLength, at, at + length);
      this.#heldLength += length;
    }
    this.#remaining -= stop - at;
    if (this.#remaining > 0) return stop;
    if (whole) this.#finish(buffer, at, at + this.#keep, time);
    else this.#finish(this.#held, 0, this.#heldLength, time);
    return stop;
  }

  #content(buffer: Buffer, from: number, stop: number, time: number): number {
    let at = from;
    if (this.#padding < 0) {
      this.#stats.framingBytes++;
      this.#remaining--;
      // Section 6.1: padding as long as the payload is an error of the peer's; nothing is left of the content then.
      this.#padding = Math.min(buffer[at++]!, this.#remaining);
    }
    const content = Math.min(stop - at, this.#remaining - this.#padding);
    if (content > 0) {
      this.#stats.bodyBytes += content;
      this.#sink.data(this.frame, buffer, at, at + content, time, this.#offset);
    }
    this.#remaining -= stop - at;
    this.#stats.framingBytes += stop - at - Math.max(0, content);
    if (this.#remaining === 0) this.#finish(buffer, stop, stop, time);
    return stop;
  }

  #finish(buffer: Buffer, start: number, end: number, time: number): void {
    const { frame } = this;
    const unread = this.#holed || (this.#keep === 0 && frame.length > 0);
    this.#endFrame();
    if (frame.type === DATA) this.#sink.dataEnd(frame, time);
    else this.#sink.frame(frame, unread ? null : buffer, start, end, time);
    // The held bytes may be large; nobody needs them any more.
    if (!this.#inPayload) this.#held = NOTHING;
  }

  #endFrame(): void {
    this.#inPayload = false;
    this.#remaining = 0;
    this.#heldLength = 0;
    this.#holed = false;
  }
}
