/**
 * Event templates for whole pieces of a body. Nearly every server sends one event at a time:
 *
 *     [event: NAME LF] data: {…"content":" word"…} LF LF
 *     literal ────────────────────────── slot ── literal ─
 *
 * Such a piece, where the one before it ended with an event's end, needs neither its lines to be looked for nor its text to
 * be decoded: what holds for a template's event holds for the bytes around it, since a slot has no line ends in it. Of a text with
 * escapes, as nearly all code and all arguments of tools are, the text alone is parsed.
 */

import type { JsonObject } from '../common/json.ts';
import { ByteLiteral } from './byte-literal.ts';
import type { SlotKind, Template } from './event-template.ts';
import { QUOTE } from './json/skip.ts';

const LF = 0x0a;
const BACKSLASH = 0x5c;
const MULTIPLE = 0x80;

/** Whether a piece ends with an empty line, behind which a new event begins whatever came before. */
export function endsEvent(bytes: Buffer, start: number, end: number): boolean {
  return end - start > 1 && bytes[end - 1] === LF && bytes[end - 2] === LF;
}

export class ChunkTemplate {
  /** Of the event. */
  readonly type: string;
  /** Where the text of the event stands that was read last, in the memory of the view; and whether it is ASCII that stands for itself. */
  from = 0;
  to = 0;
  isPlain = false;
  /** It has escapes: what it stands for, and that it is JSON at all, is for a parser to tell. */
  isEscaped = false;
  /** Bytes of that piece. */
  #length = 0;
  readonly #template: Template;
  readonly #kinds: readonly SlotKind[];
  /** Those of the template, with what stands before and behind the data. */
  readonly #literals: readonly ByteLiteral[];
  /** UTF-16 units of the template's literals, less the bytes of the literals here: for counting `characters`. */
  readonly #extra: number;

  constructor(template: Template, type: string, literals: readonly Buffer[]) {
    this.type = type;
    this.#template = template;
    this.#kinds = template.kinds;
    this.#literals = literals.map((literal) => new ByteLiteral(literal));
    const units = template.literals.reduce((sum, literal) => sum + literal.length, 0);
    this.#extra = units - literals.reduce((sum, literal) => sum + literal.length, 0);
  }

  /** Whether the piece is one event of this template; then `from` and `to` tell where its text is. */
  read(view: DataView, start: number, end: number): boolean {
    const kinds = this.#kinds;
    const literals = this.#literals;
    if (!literals[0]!.standsAt(view, start, end)) return false;
    let at = start + literals[0]!.length;
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i]!;
      const slotEnd = this.#slotEnd(view, at, end, kind);
      if (slotEnd < 0) return false;
      const literal = literals[i + 1]!;
      if (!literal.standsAt(view, slotEnd, end)) return false;
      at = slotEnd + literal.length;
    }
    this.#length = end - start;
    return at === end;
  }

  #slotEnd(view: DataView, at: number, end: number, kind: SlotKind): number {
    if (kind === 'text') return this.#textEnd(view, at, end);
    return kind === 'number' ? numberEnd(view, at, end) : stringEnd(view, at, end);
  }

  /** Offset of the quote behind the text; -1 = none. */
  #textEnd(view: DataView, from: number, end: number): number {
    let all = 0;
    let escapes = 0;
    for (let i = from; i < end; i++) {
      const c = view.getUint8(i);
      if (c === QUOTE) {
        this.from = from;
        this.to = i;
        this.isEscaped = escapes > 0;
        this.isPlain = escapes === 0 && all < MULTIPLE;
        return i;
      }
      if (c < 0x20) return -1;
      all |= c;
      if (c !== BACKSLASH) continue;
      // Whatever follows belongs to the escape, a quote as well.
      escapes++;
      i++;
    }
    return -1;
  }

  /** UTF-16 units of the data of the event that was read last, whose text is written with so many. */
  charactersWith(textLength: number): number {
    return this.#length + this.#extra - (this.to - this.from) + textLength;
  }

  /** The value of an event with this text, valid until the next one is asked for. */
  valueWith(text: string): JsonObject {
    return this.#template.fill(text);
  }
}

/** Offset of the quote behind ASCII that stands for itself; -1 otherwise. */
function stringEnd(view: DataView, at: number, end: number): number {
  for (let i = at; i < end; i++) {
    const c = view.getUint8(i);
    if (c === QUOTE) return i;
    if (c === BACKSLASH || c < 0x20 || c >= MULTIPLE) return -1;
  }
  return -1;
}

/** Offset behind a whole number that is JSON; -1 when there is none. */
function numberEnd(view: DataView, at: number, end: number): number {
  let i = at;
  for (; i < end; i++) {
    const c = view.getUint8(i);
    if (c < 0x30 || c > 0x39) break;
  }
  return i === at || (i > at + 1 && view.getUint8(at) === 0x30) ? -1 : i;
}

/** Of a piece that was read as one event of this type, with these data; null when the data don't stand in it as they are. */
export function chunkTemplate(template: Template, bytes: Buffer, type: string, data: string): ChunkTemplate | null {
  const body = Buffer.from(data);
  const from = bytes.length - body.length - 2;
  if (from < 0 || !endsEvent(bytes, 0, bytes.length) || body.includes(LF)) return null;
  if (!body.equals(bytes.subarray(from, from + body.length))) return null;
  const literals = template.literals.map((literal) => Buffer.from(literal));
  literals[0] = Buffer.concat([bytes.subarray(0, from), literals[0]!]);
  literals.push(Buffer.concat([literals.pop()!, Buffer.from('\n\n')]));
  return new ChunkTemplate(template, type, literals);
}
