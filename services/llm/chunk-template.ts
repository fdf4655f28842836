/**
 * Event templates for whole pieces of a body. Nearly every server sends one event at a time:
 *
 *     [event: NAME LF] data: {…"content":" word"…} LF LF
 *     literal ────────────────────────── slot ── literal ─
 *
 * Such a piece, where the one before it ended with an event's end, needs neither its lines to be looked for nor its text to
 * be decoded: what holds for a template's event holds for the bytes around it, since a slot has no line ends in it.
 */
import type { Template } from './event-template.ts';
import { QUOTE } from './json/skip.ts';
import type { JsonObject } from './json/value.ts';

const LF = 0x0a;
const BACKSLASH = 0x5c;
/** Below this many bytes a loop compares faster than a native call. */
const LOOP_BYTES = 24;

/** Whether a piece ends with an empty line, behind which a new event begins whatever came before. */
export function endsEvent(bytes: Buffer): boolean {
  const last = bytes.length - 1;
  return last > 0 && bytes[last] === LF && bytes[last - 1] === LF;
}

function standsAt(literal: Buffer, bytes: Buffer, at: number): boolean {
  const { length } = literal;
  if (at + length > bytes.length) return false;
  if (length > LOOP_BYTES) return bytes.compare(literal, 0, length, at, at + length) === 0;
  for (let i = 0; i < length; i++) if (literal[i] !== bytes[at + i]) return false;
  return true;
}

/** Offset of the quote behind characters that stand for themselves; -1 otherwise. */
function stringEnd(bytes: Buffer, at: number): number {
  for (let i = at; i < bytes.length; i++) {
    const c = bytes[i]!;
    if (c === QUOTE) return i;
    if (c === BACKSLASH || c < 0x20) return -1;
  }
  return -1;
}

function isAscii(bytes: Buffer, from: number, to: number): boolean {
  let all = 0;
  for (let i = from; i < to; i++) all |= bytes[i]!;
  return all < 0x80;
}

/** Offset behind a whole number that is JSON; -1 when there is none. */
function numberEnd(bytes: Buffer, at: number): number {
  let i = at;
  while (i < bytes.length && bytes[i]! >= 0x30 && bytes[i]! <= 0x39) i++;
  return i === at || (i > at + 1 && bytes[at] === 0x30) ? -1 : i;
}

export class ChunkTemplate {
  /** Of the event. */
  readonly type: string;
  /** Where its text stands in the piece that was read last, and whether it is ASCII. */
  from = 0;
  to = 0;
  isAscii = false;
  /** Bytes of that piece. */
  #length = 0;
  readonly #template: Template;
  /** Those of the template, with what stands before and behind the data. */
  readonly #literals: readonly Buffer[];
  /** UTF-16 units of the template's literals, less the bytes of the literals here: for counting `characters`. */
  readonly #extra: number;

  constructor(template: Template, type: string, literals: readonly Buffer[]) {
    this.type = type;
    this.#template = template;
    this.#literals = literals;
    const units = template.literals.reduce((sum, literal) => sum + literal.length, 0);
    this.#extra = units - literals.reduce((sum, literal) => sum + literal.length, 0);
  }

  /** Whether the piece is one event of this template; then `from` and `to` tell where its text is. */
  read(bytes: Buffer): boolean {
    const { kinds } = this.#template;
    const literals = this.#literals;
    if (!standsAt(literals[0]!, bytes, 0)) return false;
    let at = literals[0]!.length;
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i]!;
      const end = kind === 'number' ? numberEnd(bytes, at) : stringEnd(bytes, at);
      if (end < 0 || (kind === 'string' && !isAscii(bytes, at, end))) return false;
      if (kind === 'text') {
        this.from = at;
        this.to = end;
      }
      const literal = literals[i + 1]!;
      if (!standsAt(literal, bytes, end)) return false;
      at = end + literal.length;
    }
    if (at !== bytes.length) return false;
    this.isAscii = isAscii(bytes, this.from, this.to);
    this.#length = bytes.length;
    return true;
  }

  /** UTF-16 units of the data of the event that was read last, whose text has so many. */
  charactersWith(textLength: number): number {
    return this.#length + this.#extra - (this.to - this.from) + textLength;
  }

  /** The value of an event with this text, valid until the next one is asked for. */
  valueWith(text: string): JsonObject {
    return this.#template.fill(text);
  }
}

/** Of a piece that was read as one event of this type, with these data; null when the data don't stand in it as they are. */
export function chunkTemplate(template: Template, bytes: Buffer, type: string, data: string): ChunkTemplate | null {
  const body = Buffer.from(data);
  const from = bytes.length - body.length - 2;
  if (from < 0 || !endsEvent(bytes) || body.includes(LF) || !standsAt(body, bytes, from)) return null;
  const literals = template.literals.map((literal) => Buffer.from(literal));
  literals[0] = Buffer.concat([bytes.subarray(0, from), literals[0]!]);
  literals.push(Buffer.concat([literals.pop()!, Buffer.from('\n\n')]));
  return new ChunkTemplate(template, type, literals);
}
