/**
 * Server-sent events from the bytes of a body (WHATWG HTML section 9.2.6), incremental.
 *
 *   stream  = [ BOM ] *event
 *   event   = *( comment / field ) end-of-line
 *   comment = ":" *any-char end-of-line
 *   field   = 1*name-char [ ":" [ " " ] *any-char ] end-of-line
 *   end-of-line = CR LF / CR / LF
 *
 * Text is decoded only from whole lines, so that a character may be cut anywhere. Two liberties: an event that the stream's
 * end cuts off is delivered (its data may end early), and `id` and `retry` are ignored.
 */
import type { Micros } from '../common/types.ts';

export interface SseLimits {
  /** Longest line, in bytes. A longer one makes its event dropped and counted. */
  readonly lineBytesMax: number;
  /** Most characters of one event's data over all its lines. */
  readonly eventCharactersMax: number;
}

export const SSE_DEFAULTS: SseLimits = {
  lineBytesMax: 8 * 1024 * 1024,
  eventCharactersMax: 16 * 1024 * 1024,
};

/** `type`: of the `event` field, `message` without one. `time`: of the bytes that completed the event. */
export type SseHandler = (type: string, data: string, time: Micros) => void;

const LF = 10;
const CR = 13;
const SP = 32;
const COLON = 58;
const BOM = [0xef, 0xbb, 0xbf] as const;
const EMPTY = Buffer.alloc(0);
const HELD_BYTES_FIRST = 4096;
/** Event types of a stream that are kept as strings, so that repeated ones aren't decoded again. */
const KNOWN_TYPES_MAX = 16;

interface KnownType {
  readonly name: string;
  readonly bytes: Buffer;
}

export class SseParser {
  readonly #onEvent: SseHandler;
  readonly #limits: SseLimits;
  #held = EMPTY;
  #heldLength = 0;
  #atStart = true;
  /** The last line ended with CR at the end of the bytes: a LF that follows belongs to it. */
  #afterCr = false;
  /** The line that goes on is over the limit. */
  #skipLine = false;
  /** The event that goes on is damaged: nothing counts until an empty line. */
  #skipEvent = false;
  #type = '';
  #data = '';
  #hasData = false;
  #knownTypes: KnownType[] = [];
  events = 0;
  /** Dropped for a limit or a gap. */
  droppedEvents = 0;

  constructor(onEvent: SseHandler, limits: SseLimits) {
    this.#onEvent = onEvent;
    this.#limits = limits;
  }

  /** Memory held, in bytes (estimated). */
  get heldBytes(): number {
    return this.#held.length + 2 * this.#data.length;
  }

  data(bytes: Buffer, time: Micros): void {
    let start = 0;
    if (this.#afterCr && bytes.length > 0) {
      if (bytes[0] === LF) start = 1;
      this.#afterCr = false;
    }
    let lf = bytes.indexOf(LF, start);
    let cr = bytes.indexOf(CR, start);
    while (lf >= 0 || cr >= 0) {
      if (cr < 0 || (lf >= 0 && lf < cr)) {
        this.#lineEnds(bytes, start, lf, time);
        start = lf + 1;
      } else {
        this.#lineEnds(bytes, start, cr, time);
        start = cr + 1;
        if (start === bytes.length) this.#afterCr = true;
        else if (bytes[start] === LF) start++;
        cr = bytes.indexOf(CR, start);
      }
      if (lf >= 0 && lf < start) lf = bytes.indexOf(LF, start);
    }
    if (start < bytes.length) this.#hold(bytes, start, bytes.length);
  }

  /** Bytes are missing here: the event that they belong to is dropped, and reading goes on after the next empty line. */
  gap(): void {
    this.#heldLength = 0;
    this.#atStart = false;
    this.#afterCr = false;
    this.#skipLine = true;
    this.#dropEvent();
  }

  /** The stream's end: the last event is delivered even without the empty line that should follow it. */
  end(time: Micros): void {
    if (this.#heldLength > 0 || this.#skipLine) this.#lineEnds(EMPTY, 0, 0, time);
    this.#dispatch(time);
    this.#held = EMPTY;
  }

  #lineEnds(bytes: Buffer, start: number, end: number, time: Micros): void {
    if (this.#heldLength === 0 && !this.#skipLine) {
      if (end - start > this.#limits.lineBytesMax) this.#dropEvent();
      else this.#line(bytes, start, end, time);
      return;
    }
    this.#hold(bytes, start, end);
    const length = this.#heldLength;
    this.#heldLength = 0;
    if (this.#skipLine) this.#skipLine = false;
    else this.#line(this.#held, 0, length, time);
  }

  #line(bytes: Buffer, from: number, end: number, time: Micros): void {
    let start = from;
    if (this.#atStart) {
      this.#atStart = false;
      if (bytes[start] === BOM[0] && bytes[start + 1] === BOM[1] && bytes[start + 2] === BOM[2]) start += BOM.length;
    }
    if (start >= end) this.#dispatch(time);
    else if (!this.#skipEvent) this.#field(bytes, start, end);
  }

  #field(bytes: Buffer, start: number, end: number): void {
    const first = bytes[start];
    if (first === 0x64 && isField(bytes, start, end, 'data')) {
      this.#addData(bytes.toString('utf8', valueStart(bytes, start + 4, end), end));
    } else if (first === 0x65 && isField(bytes, start, end, 'event')) {
      this.#type = this.#typeName(bytes, valueStart(bytes, start + 5, end), end);
    }
  }

  #addData(text: string): void {
    this.#data = this.#hasData ? `${this.#data}\n${text}` : text;
    this.#hasData = true;
    if (this.#data.length > this.#limits.eventCharactersMax) this.#dropEvent();
  }

  #typeName(bytes: Buffer, start: number, end: number): string {
    for (let n = 0; n < this.#knownTypes.length; n++) {
      const known = this.#knownTypes[n]!;
      if (equals(known.bytes, bytes, start, end)) return known.name;
    }
    const name = bytes.toString('utf8', start, end);
    if (this.#knownTypes.length < KNOWN_TYPES_MAX) {
      this.#knownTypes.push({ name, bytes: Buffer.from(bytes.subarray(start, end)) });
    }
    return name;
  }

  #dispatch(time: Micros): void {
    const type = this.#type;
    const data = this.#data;
    const deliver = this.#hasData && !this.#skipEvent;
    this.#skipEvent = false;
    this.#type = '';
    this.#data = '';
    this.#hasData = false;
    if (!deliver) return;
    this.events++;
    this.#onEvent(type === '' ? 'message' : type, data, time);
  }

  #dropEvent(): void {
    if (!this.#skipEvent) this.droppedEvents++;
    this.#skipEvent = true;
    this.#data = '';
    this.#hasData = false;
    this.#type = '';
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    if (this.#skipLine) return;
    const length = this.#heldLength + end - start;
    if (length > this.#limits.lineBytesMax) {
      this.#heldLength = 0;
      this.#held = EMPTY;
      this.#skipLine = true;
      this.#dropEvent();
      return;
    }
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(HELD_BYTES_FIRST, 2 * length));
      this.#held.copy(grown, 0, 0, this.#heldLength);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#heldLength, start, end);
    this.#heldLength = length;
  }
}

/** Whether the line is this field: its name, then a colon or the line's end. */
function isField(bytes: Buffer, start: number, end: number, name: string): boolean {
  const nameEnd = start + name.length;
  if (nameEnd > end || (nameEnd < end && bytes[nameEnd] !== COLON)) return false;
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name.charCodeAt(i)) return false;
  return true;
}

function valueStart(bytes: Buffer, colon: number, end: number): number {
  if (colon >= end) return end;
  return colon + 1 < end && bytes[colon + 1] === SP ? colon + 2 : colon + 1;
}

function equals(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
