/**
 * A text as whoever unpacks it sees it. A secret in JSON may have any of its characters written as an escape, and tool arguments are
 * JSON within JSON, so escapes are themselves escaped:
 *
 *     sk\u002dant-…      "{\"key\":\"sk\\u002dant-…\"}"      https:\/\/user:secret@host      -----BEGIN PRIVATE KEY-----\nMII…
 *
 * Each pass unpacks one level, as RFC 8259 (section 7) has it, until nothing is left to unpack or the limit is reached. A text that
 * is no JSON is unpacked all the same (a Windows path may get line ends): the view is only searched, never stored.
 */

const UNICODE = 0x75;
/** Levels of JSON within JSON that are unpacked. */
const PASSES_MAX = 6;

const SHORT: ReadonlyMap<string, string> = new Map([
  ['\\', '\\'],
  ['"', '"'],
  ["'", "'"],
  ['/', '/'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

export interface View {
  readonly text: string;
  /** Where in the text that was viewed the character at `at` begins; for the end of the view the end of that. */
  sourceOf(at: number): number;
}

/** Of a text without escapes. */
function plainView(text: string): View {
  return { text, sourceOf: (at) => at };
}

interface Decoded {
  readonly text: string;
  /** Places of the view behind an escape, rising, and their places in the source. */
  readonly places: readonly number[];
  readonly sources: readonly number[];
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The character that `u00XX` at `at` stands for; '' when that is no escape of a visible ASCII character or white space. */
function unicodeAt(text: string, at: number): string {
  if (text.charCodeAt(at + 1) !== 0x30 || text.charCodeAt(at + 2) !== 0x30) return '';
  const high = hexDigit(text.charCodeAt(at + 3));
  const low = hexDigit(text.charCodeAt(at + 4));
  if (high < 0 || low < 0) return '';
  const code = high * 16 + low;
  return (code >= 0x20 && code < 0x7f) || code === 9 || code === 10 || code === 13 ? String.fromCharCode(code) : '';
}

/** One level; null: there is nothing to unpack. */
function decode(text: string): Decoded | null {
  const pieces: string[] = [];
  const places: number[] = [];
  const sources: number[] = [];
  let length = 0;
  let from = 0;
  for (let at = text.indexOf('\\'); at >= 0; at = text.indexOf('\\', at)) {
    const start = at++;
    const isUnicode = text.charCodeAt(at) === UNICODE;
    const character = isUnicode ? unicodeAt(text, at) : (SHORT.get(text[at] ?? '') ?? '');
    if (character === '') continue;
    at += isUnicode ? 5 : 1;
    pieces.push(text.slice(from, start), character);
    length += start - from + 1;
    places.push(length);
    sources.push(at);
    from = at;
  }
  if (places.length === 0) return null;
  pieces.push(text.slice(from));
  return { text: pieces.join(''), places, sources };
}

/** Index of the last of the rising numbers that isn't above `value`; -1: all are. */
function lastUpTo(numbers: readonly number[], value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function sourceIn({ places, sources }: Decoded, at: number): number {
  const i = lastUpTo(places, at);
  return i < 0 ? at : sources[i]! + at - places[i]!;
}

/** Takes time and memory in proportion to the text. */
export function viewOf(text: string): View {
  if (!text.includes('\\')) return plainView(text);
  const passes: Decoded[] = [];
  let seen = text;
  while (passes.length < PASSES_MAX) {
    const decoded = decode(seen);
    if (decoded === null) break;
    passes.push(decoded);
    seen = decoded.text;
  }
  return {
    text: seen,
    sourceOf: (at) => passes.reduceRight((place, pass) => sourceIn(pass, place), at),
  };
}
