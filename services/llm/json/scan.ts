/**
 * The borders of the stored parts of a request body, found at byte level.
 *
 *     body   = { member *( , member ) }        member = string : value
 *     part   = an element of a layout member that is a list, or the whole value of one that is a string or an object
 *
 * The members of a body may stand one object further inside (`{"model":…,"request":{"contents":[…]}}`): they count as its own.
 *
 * Layout members are the dialect's lists of messages, tools and the like. All else (model, temperature, metadata …) is
 * small and stays in the skeleton. A request carries the conversation's whole history, so this never builds a value.
 */

import type { Content } from '../../../schemas/call.ts';
import type { ContentHash } from '../../common/types.ts';
import {
  CLOSE_LIST,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
  skipSpace,
  skipString,
  skipValue,
} from './skip.ts';

export type PartKind = Exclude<Content['kind'], 'response' | 'body' | 'arguments' | 'result'>;
/** Top-level members whose values are stored by parts; `inside`: an object whose members count as top-level ones. */
export type RequestLayout = Readonly<Record<string, PartKind | 'inside'>>;

export interface ScannedMember {
  readonly key: string;
  /** Offset of the value's first byte. */
  readonly start: number;
  /** Offset after its last byte; -1 when the value isn't whole. */
  end: number;
  /** Null: not in the layout; it has no parts. */
  readonly kind: PartKind | null;
  readonly isList: boolean;
  /** Borders of the parts, relative to `start`. */
  starts: number[];
  ends: number[];
  /** Hashes of the first parts, as far as they are known from an earlier request. */
  hashes: ContentHash[];
  /** What a reader found out about the list up to each of the first parts; it belongs to the reader, and goes with the parts. */
  states: unknown[];
  /** How many of the first parts needn't be emitted, as of an epoch of what is known (emitted-contents.ts). */
  settled: { count: number; epoch: number };
  /** What the first parts were taken from; it belongs to who added them. */
  basis: unknown;
}

/** `malformed`: not one whole JSON object. `limit`: more parts or members than allowed. Members found until then are kept. */
export type ScanStatus = 'ok' | 'malformed' | 'limit';

export interface RequestScan {
  readonly status: ScanStatus;
  readonly members: readonly ScannedMember[];
}

/** Adds the parts that `member` (a value that starts at `member.start`) has in common with an earlier one; the scan goes on behind them. */
export type ReuseParts = (bytes: Buffer, member: ScannedMember) => void;

const MEMBERS_MAX = 1000;

class Scanner {
  readonly members: ScannedMember[] = [];
  status: ScanStatus = 'ok';
  readonly #bytes: Buffer;
  readonly #layout: RequestLayout;
  readonly #reuse: ReuseParts | null;
  #partsLeft: number;

  constructor(bytes: Buffer, layout: RequestLayout, partsMax: number, reuse: ReuseParts | null) {
    this.#bytes = bytes;
    this.#layout = layout;
    this.#partsLeft = partsMax;
    this.#reuse = reuse;
  }

  run(): void {
    const { length } = this.#bytes;
    const after = this.#object(skipSpace(this.#bytes, 0, length), true);
    const whole = after >= 0 && skipSpace(this.#bytes, after, length) === length;
    if (!whole && this.status === 'ok') this.status = 'malformed';
  }

  /** Returns the offset after the object at `start`, or -1. */
  #object(start: number, outermost: boolean): number {
    const bytes = this.#bytes;
    const end = bytes.length;
    if (bytes[start] !== OPEN_OBJECT) return -1;
    let at = skipSpace(bytes, start + 1, end);
    if (bytes[at] === CLOSE_OBJECT) return at + 1;
    for (;;) {
      at = this.#member(skipSpace(bytes, at, end), outermost);
      if (at < 0) return -1;
      at = skipSpace(bytes, at, end);
      const c = bytes[at];
      if (c === CLOSE_OBJECT) return at + 1;
      if (c !== COMMA) return -1;
      at++;
    }
  }

  /** Returns the offset after the member, or -1. */
  #member(at: number, outermost: boolean): number {
    const bytes = this.#bytes;
    const end = bytes.length;
    if (bytes[at] !== QUOTE) return -1;
    const keyEnd = skipString(bytes, at, end);
    if (keyEnd < 0) return -1;
    const colon = skipSpace(bytes, keyEnd, end);
    if (bytes[colon] !== COLON) return -1;
    const start = skipSpace(bytes, colon + 1, end);
    if (start >= end) return -1;
    if (this.members.length === MEMBERS_MAX) {
      this.status = 'limit';
      return -1;
    }
    const key = bytes.toString('latin1', at + 1, keyEnd - 1);
    const told = Object.hasOwn(this.#layout, key) ? this.#layout[key]! : null;
    if (told === 'inside' && outermost && bytes[start] === OPEN_OBJECT) return this.#object(start, false);
    const kind = told === 'inside' ? null : told;
    const isList = kind !== null && bytes[start] === OPEN_LIST;
    const lists = { starts: [], ends: [], hashes: [], states: [] };
    const member: ScannedMember = {
      key,
      start,
      end: -1,
      kind,
      isList,
      ...lists,
      settled: { count: 0, epoch: -1 },
      basis: null,
    };
    this.members.push(member);
    if (isList) member.end = this.#list(member);
    else member.end = kind === null ? skipValue(bytes, start, end) : this.#single(member);
    return member.end;
  }

  /** A string or object of the layout is one part; `null` and numbers stay in the skeleton. */
  #single(member: ScannedMember): number {
    const c = this.#bytes[member.start];
    const isPart = c === QUOTE || c === OPEN_OBJECT;
    if (isPart) {
      this.#reuse?.(this.#bytes, member);
      if (member.ends.length > 0) return this.#count(member) ? member.start + member.ends[0]! : -1;
    }
    const end = skipValue(this.#bytes, member.start, this.#bytes.length);
    if (!isPart || end < 0) return end;
    return this.#add(member, member.start, end) ? end : -1;
  }

  #add(member: ScannedMember, start: number, end: number): boolean {
    if (this.#partsLeft === 0) {
      this.status = 'limit';
      return false;
    }
    this.#partsLeft--;
    member.starts.push(start - member.start);
    member.ends.push(end - member.start);
    return true;
  }

  /** Counts reused parts against the limit, so that it holds alike with and without reuse. */
  #count(member: ScannedMember): boolean {
    const allowed = this.#partsLeft;
    this.#partsLeft = Math.max(0, allowed - member.ends.length);
    if (member.ends.length <= allowed) return true;
    member.starts.length = member.ends.length = member.hashes.length = allowed;
    this.status = 'limit';
    return false;
  }

  #list(member: ScannedMember): number {
    const bytes = this.#bytes;
    const end = bytes.length;
    this.#reuse?.(bytes, member);
    if (!this.#count(member)) return -1;
    const reused = member.ends.length;
    let at: number;
    if (reused > 0) at = member.start + member.ends[reused - 1]!;
    else {
      at = skipSpace(bytes, member.start + 1, end);
      if (bytes[at] === CLOSE_LIST) return at + 1;
      at = this.#element(member, at);
      if (at < 0) return -1;
    }
    for (;;) {
      at = skipSpace(bytes, at, end);
      const c = bytes[at];
      if (c === CLOSE_LIST) return at + 1;
      if (c !== COMMA) return -1;
      at = this.#element(member, skipSpace(bytes, at + 1, end));
      if (at < 0) return -1;
    }
  }

  #element(member: ScannedMember, at: number): number {
    const end = skipValue(this.#bytes, at, this.#bytes.length);
    if (end < 0) return -1;
    return this.#add(member, at, end) ? end : -1;
  }
}

/**
 * Never throws. `reuse` is asked once for each layout member before it is scanned; the result is the same without it.
 * A body that is cut off gives the members and parts that are whole.
 */
export function scanRequest(
  bytes: Buffer,
  layout: RequestLayout,
  partsMax: number,
  reuse: ReuseParts | null,
): RequestScan {
  const scanner = new Scanner(bytes, layout, partsMax, reuse);
  scanner.run();
  return { status: scanner.status, members: scanner.members };
}
