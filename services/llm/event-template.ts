/**
 * Reads the frequent events of a stream without parsing each of them.
 *
 * The pieces of an answer come as events that differ in one string, and perhaps in a counter or in padding:
 *
 *     {"id":"…","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}],"obfuscation":"x1"}
 *     literal ──────────────────────────────────────────── slot  literal ─────────────────────────── slot ──
 *
 * A template is an event that was parsed, with its slots cut out. An event with the same literals, whose slots hold nothing
 * but characters that stand for themselves (RFC 8259 section 7: no quote, backslash or control character), parses to the
 * same value as the template's except for what is in the slots. So nothing of it has to be parsed, and the result is that of
 * JSON.parse. Everything else is parsed as ever.
 */
import { OPEN_LIST, OPEN_OBJECT, QUOTE, skipSpace, skipString, skipValue } from './json/skip.ts';
import { asObject, type JsonObject, parseJson } from './json/value.ts';

/** Where the frequent events of a dialect differ from each other. */
export interface DeltaPlace {
  /** Path to the piece of text, a string. What holds it must not be kept by the stream's reader: it is used again. */
  readonly path: readonly (string | number)[];
  /** Members of the event that differ as well and that the stream's reader never looks at: strings or whole numbers. */
  readonly ignored: readonly string[];
}

/** Templates kept for one stream: parallel tool calls and choices have one each. */
const TEMPLATES_MAX = 4;
/** Events of one stream that are made into templates; a stream whose events go on differing elsewhere is left alone. */
const LEARNED_MAX = 32;
/** What stands in the slots while a template is checked. */
const PROBE_TEXT = '\u00b6';

/** `number`: digits, as JSON has a whole number. Strings are without their quotes, which belong to the literals. */
type SlotKind = 'text' | 'string' | 'number';

interface Slot {
  readonly kind: SlotKind;
  /** Offsets in the event's bytes. */
  readonly from: number;
  readonly to: number;
}

/** Returns the offset behind the characters that stand for themselves, which must be a quote; -1 otherwise. */
function plainStringEnd(data: string, at: number): number {
  for (let i = at; i < data.length; i++) {
    const c = data.charCodeAt(i);
    if (c === QUOTE) return i;
    if (c === 0x5c || c < 0x20) return -1;
  }
  return -1;
}

/** Returns the offset behind a whole number that is JSON; -1 when there is none. */
function wholeNumberEnd(data: string, at: number): number {
  let i = at;
  while (i < data.length) {
    const c = data.charCodeAt(i);
    if (c < 0x30 || c > 0x39) break;
    i++;
  }
  const leadingZero = i > at + 1 && data.charCodeAt(at) === 0x30;
  return i === at || leadingZero ? -1 : i;
}

class Template {
  readonly #literals: readonly string[];
  readonly #kinds: readonly SlotKind[];
  readonly #json: JsonObject;
  readonly #holder: Record<string | number, unknown>;
  readonly #key: string | number;

  constructor(
    literals: readonly string[],
    kinds: readonly SlotKind[],
    json: JsonObject,
    holder: Record<string | number, unknown>,
    key: string | number,
  ) {
    this.#literals = literals;
    this.#kinds = kinds;
    this.#json = json;
    this.#holder = holder;
    this.#key = key;
  }

  /** The event's value, valid until the next one is read; null when the event isn't of this template. */
  read(data: string): JsonObject | null {
    const literals = this.#literals;
    const kinds = this.#kinds;
    if (!data.startsWith(literals[0]!)) return null;
    let at = literals[0]!.length;
    let textFrom = 0;
    let textTo = 0;
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[i]!;
      const end = kind === 'number' ? wholeNumberEnd(data, at) : plainStringEnd(data, at);
      if (end < 0) return null;
      if (kind === 'text') {
        textFrom = at;
        textTo = end;
      }
      const literal = literals[i + 1]!;
      if (!data.startsWith(literal, end)) return null;
      at = end + literal.length;
    }
    if (at !== data.length) return null;
    this.#holder[this.#key] = data.slice(textFrom, textTo);
    return this.#json;
  }
}

/** Offset of the value of the last member with this name, as JSON.parse takes it, in the object at `at`; -1 = none. */
function memberAt(bytes: Buffer, at: number, name: string): number {
  const end = bytes.length;
  if (bytes[at] !== OPEN_OBJECT) return -1;
  let found = -1;
  let i = skipSpace(bytes, at + 1, end);
  while (bytes[i] === QUOTE) {
    const keyEnd = skipString(bytes, i, end);
    if (keyEnd < 0) return -1;
    const value = skipSpace(bytes, skipSpace(bytes, keyEnd, end) + 1, end);
    if (bytes.toString('latin1', i + 1, keyEnd - 1) === name) found = value;
    const after = skipValue(bytes, value, end);
    if (after < 0) return -1;
    i = skipSpace(bytes, skipSpace(bytes, after, end) + 1, end);
  }
  return found;
}

/** Only the first element of a list can be stepped into: events that bring more aren't frequent. */
function placeOf(bytes: Buffer, path: readonly (string | number)[]): number {
  let at = skipSpace(bytes, 0, bytes.length);
  for (const step of path) {
    if (at < 0) return -1;
    if (typeof step === 'string') at = memberAt(bytes, at, step);
    else at = step === 0 && bytes[at] === OPEN_LIST ? skipSpace(bytes, at + 1, bytes.length) : -1;
  }
  return at;
}

function slotAt(bytes: Buffer, at: number, isText: boolean): Slot | null {
  const end = skipValue(bytes, at, bytes.length);
  if (end < 0) return null;
  if (bytes[at] === QUOTE) return { kind: isText ? 'text' : 'string', from: at + 1, to: end - 1 };
  for (let i = at; i < end; i++) if (bytes[i]! < 0x30 || bytes[i]! > 0x39) return null;
  return isText ? null : { kind: 'number', from: at, to: end };
}

/** In the order of the event; null when something isn't where or what the place says. */
function slotsOf(bytes: Buffer, place: DeltaPlace): Slot[] | null {
  const at = placeOf(bytes, place.path);
  const text = at < 0 ? null : slotAt(bytes, at, true);
  if (text === null) return null;
  const slots = [text];
  const start = skipSpace(bytes, 0, bytes.length);
  for (const name of place.ignored) {
    const from = memberAt(bytes, start, name);
    const slot = from < 0 ? null : slotAt(bytes, from, false);
    if (slot !== null) slots.push(slot);
  }
  return slots.sort((a, b) => a.from - b.from);
}

function literalsOf(bytes: Buffer, slots: readonly Slot[]): string[] {
  let from = 0;
  const literals = slots.map((slot) => {
    const literal = bytes.toString('utf8', from, slot.from);
    from = slot.to;
    return literal;
  });
  literals.push(bytes.toString('utf8', from));
  return literals;
}

function step(value: unknown, key: string | number): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[key] : undefined;
}

/** The template of an event; null when it can't be one. Parsing it with other slots proves that they are where they seem to be. */
function templateOf(data: string, place: DeltaPlace): Template | null {
  const bytes = Buffer.from(data);
  const slots = slotsOf(bytes, place);
  if (slots === null) return null;
  const literals = literalsOf(bytes, slots);
  let probe = literals[0]!;
  slots.forEach((slot, i) => {
    probe += (slot.kind === 'number' ? '7' : PROBE_TEXT) + literals[i + 1]!;
  });
  const json = asObject(parseJson(probe));
  const key = place.path[place.path.length - 1];
  if (json === null || key === undefined) return null;
  const holder = place.path.slice(0, -1).reduce(step, json as unknown);
  if (step(holder, key) !== PROBE_TEXT) return null;
  const kinds = slots.map((slot) => slot.kind);
  return new Template(literals, kinds, json, holder as Record<string | number, unknown>, key);
}

/** The templates of one stream. */
export class EventTemplates {
  readonly #templates: Template[] = [];
  #learned = 0;
  #last = 0;

  /** The event's value, valid until the next one is read; null when it must be parsed. */
  read(data: string): JsonObject | null {
    const templates = this.#templates;
    for (let n = 0; n < templates.length; n++) {
      const at = (this.#last + n) % templates.length;
      const json = templates[at]!.read(data);
      if (json === null) continue;
      this.#last = at;
      return json;
    }
    return null;
  }

  /** Makes an event that had to be parsed a template for those that follow. One with an escape is most likely one of a known template. */
  learn(data: string, place: DeltaPlace): void {
    if (this.#learned === LEARNED_MAX || data.includes('\\')) return;
    const template = templateOf(data, place);
    if (template === null) return;
    const at = this.#learned++ % TEMPLATES_MAX;
    this.#templates[at] = template;
    this.#last = at;
  }
}
