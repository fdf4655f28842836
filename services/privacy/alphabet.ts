/** Sets of ASCII characters, and stretches of a text that consist of nothing else. */

export type Alphabet = Uint8Array;

const ASCII = 128;
/** What stands in an alphabet for all that isn't ASCII. */
const OTHERS = 128;

/** `ranges`: `a-z` style, concatenated; a `-` at the end stands for itself. */
export function alphabet(ranges: string): Alphabet {
  const table = new Uint8Array(ASCII + 1);
  for (let i = 0; i < ranges.length; i++) {
    const from = ranges.charCodeAt(i);
    const isRange = ranges[i + 1] === '-' && i + 2 < ranges.length;
    const to = isRange ? ranges.charCodeAt(i + 2) : from;
    for (let code = from; code <= to; code++) table[code] = 1;
    if (isRange) i += 2;
  }
  return table;
}

/** All other characters, those beyond ASCII among them. */
export function except(set: Alphabet): Alphabet {
  return set.map((member) => 1 - member);
}

export const ALNUM = alphabet('A-Za-z0-9');
/** Of base64url, and of most tokens. */
export const WORD = alphabet('A-Za-z0-9_-');
export const NAME = alphabet('A-Za-z0-9_.-');
export const BASE64 = alphabet('A-Za-z0-9+/=');
/** RFC 6750, section 2.1. */
export const B64TOKEN = alphabet('A-Za-z0-9._~+/=-');

export function isOf(set: Alphabet, text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return set[code < ASCII ? code : OTHERS] === 1 && at < text.length;
}

/**
 * Finds where a stretch ends. It keeps the last one, so that asking from every place of one stretch costs its length once:
 * what makes rules linear whose keyword may occur again inside of what they read.
 */
export class Stretch {
  readonly #text: string;
  readonly #set: Alphabet;
  #start = 0;
  #end = -1;

  constructor(text: string, set: Alphabet) {
    this.#text = text;
    this.#set = set;
  }

  /** The first place at or behind `at` whose character isn't of the alphabet. */
  endFrom(at: number): number {
    if (at >= this.#start && at < this.#end) return this.#end;
    let end = at;
    while (end < this.#text.length && isOf(this.#set, this.#text, end)) end++;
    this.#start = at;
    this.#end = end;
    return end;
  }
}

/** Finds where something comes next. It keeps the last place, so that asking from rising places searches the text once (from others, more often). */
export class Next {
  readonly #text: string;
  readonly #needle: string;
  #from = 0;
  #at = -1;

  constructor(text: string, needle: string) {
    this.#text = text;
    this.#needle = needle;
  }

  /** At `from` or behind it; infinity: nowhere. */
  from(from: number): number {
    if (from >= this.#from && this.#at >= from) return this.#at;
    this.#from = from;
    const found = this.#text.indexOf(this.#needle, from);
    this.#at = found < 0 ? Number.POSITIVE_INFINITY : found;
    return this.#at;
  }
}

/** Whether it has a digit and a letter, as nearly every generated secret has and hardly any word. */
export function isMixed(text: string): boolean {
  return /[0-9]/.test(text) && /[A-Za-z]/.test(text);
}
