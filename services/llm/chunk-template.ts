/**
 * Event templates for whole pieces of a body. Nearly every server sends one event at a time:
 *
 *     [event: NAME LF] data: {…"content":" word"…} LF LF
 *     literal ────────────────────────── slot ── literal ─
 *
 * Such a piece, where the one before it ended with an event's end, needs neither its lines to be looked for nor its text to
 * be decoded: what holds for a template's event holds for the bytes around it, since a slot has no line ends in it.
 */
import { ByteLiteral } from './byte-literal.ts';
import type { SlotKind, Template } from './event-template.ts';
import { QUOTE } from './json/skip.ts';
import type { JsonObject } from './json/value.ts';

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
  /** Where the text of the event stands that was read last, in the memory of the view, and whether it is ASCII. */
  from = 0;
  to = 0;
  isAscii = false;
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
      const slotEnd = kind === 'number' ? numberEnd(view, at, end) : this.#stringEnd(view, at, end, kind);
      if (slotEnd < 0) return false;
      const literal = literals[i + 1]!;
      if (!literal.standsAt(view, slotEnd, end)) return false;
      at = slotEnd + literal.length;
    }
    this.#length = end - start;
    return at === end;
  }

  /** Offset of the quote behind characters that stand for themselves; -1 otherwise, or for a member that isn't ASCII. */
  #stringEnd(view: DataView, from: number, end: number, kind: 'text' | 'string'): number {
    let all = 0;
    for (let i = from; i < end; i++) {
      const c = view.getUint8(i);
      if (c === QUOTE) {
        if (kind === 'string') return all < MULTIPLE ? i : -1;
        this.from = from;
        this.to = i;
        this.isAscii = all < MULTIPLE;
        return i;
      }
      if (c === BACKSLASH || c < 0x20) return -1;
      all |= c;
    }
    return -1;
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
