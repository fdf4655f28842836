/**
 * Whether a text may hold a secret, and where its keywords are. Nearly no text holds one, so what counts is how fast that is told: a few
 * passes over the text with patterns without repetition. Each looks for pieces of keywords that are alike (of four characters, the last of
 * them a separator; of three; words in any case), since V8 skips ahead by what it knows of each place of an alternative, and knows nothing
 * when they differ in all (prefilter.bench.ts).
 */
import type { Keyed } from './rule.ts';

interface Keyword {
  readonly text: string;
  readonly anyCase: boolean;
  readonly rule: number;
}

/** A keyword at a place, and the index of its rule. */
export interface Hit {
  readonly at: number;
  readonly length: number;
  readonly rule: number;
}

/** A pattern for pieces of some keywords. */
interface Pass {
  readonly pattern: RegExp;
  /** By the piece (in lower case where any case goes): the keywords it is of, and where in them it stands. */
  readonly pieces: ReadonlyMap<string, readonly { readonly keyword: Keyword; readonly offset: number }[]>;
  readonly anyCase: boolean;
}

/**
 * Escapes behind which a keyword may hide: of `+ - . / 0-9 : = A-Z \ _ a-z ~` and the space, and slashes behind a colon. Those that clients
 * write often (`\u003c`, `\u0026`, `\u001b`) aren't among them.
 */
const ESCAPES = /\\u00(?:2[0BbD-Fd-f]|3[0-9AaDd]|[46]|5[0-9AaCcFf]|7[0-9AaEe])|:\/?\\{1,15}\//;
/** Keywords of one pass; with more of them a pass skips less than two do. */
const PASS_KEYWORDS_MAX = 48;
const PIECE_CHARS = 4;
const WORD_PIECE_CHARS = 6;
const SEPARATOR = /[-_.~ ]$/;

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

type Shape = 'word' | 'short' | 'separated' | 'plain';

function shapeOf({ text, anyCase }: Keyword): Shape {
  if (anyCase) return 'word';
  if (text.length < PIECE_CHARS) return 'short';
  return SEPARATOR.test(text) ? 'separated' : 'plain';
}

function pieceOf(keyword: Keyword): string {
  const { text, anyCase } = keyword;
  if (anyCase) return text.slice(0, WORD_PIECE_CHARS).toLowerCase();
  return SEPARATOR.test(text) ? text.slice(-PIECE_CHARS) : text.slice(0, PIECE_CHARS);
}

function passOf(keywords: readonly Keyword[]): Pass {
  const { anyCase } = keywords[0]!;
  const all = [...new Set(keywords.map(pieceOf))];
  const pieces = new Map<string, { keyword: Keyword; offset: number }[]>();
  for (const keyword of keywords) {
    const own = pieceOf(keyword);
    // A pattern stops at the first of two pieces that begin alike, so the shorter one stands for both.
    const piece = all.reduce((shortest, each) => (shortest.startsWith(each) ? each : shortest), own);
    const offset = anyCase || !SEPARATOR.test(keyword.text) ? 0 : keyword.text.length - own.length;
    pieces.set(piece, [...(pieces.get(piece) ?? []), { keyword, offset }]);
  }
  const pattern = [...pieces.keys()].map(escaped).join('|');
  return { pattern: new RegExp(pattern, anyCase ? 'gi' : 'g'), pieces, anyCase };
}

function passesOf(keywords: readonly Keyword[]): readonly Pass[] {
  const passes: Pass[] = [];
  for (const shape of ['separated', 'short', 'plain', 'word'] as const) {
    const alike = keywords.filter((keyword) => shapeOf(keyword) === shape);
    for (let i = 0; i < alike.length; i += PASS_KEYWORDS_MAX)
      passes.push(passOf(alike.slice(i, i + PASS_KEYWORDS_MAX)));
  }
  return passes;
}

function stands({ text: keyword, anyCase }: Keyword, text: string, at: number): boolean {
  if (!anyCase) return text.startsWith(keyword, at);
  return text.slice(at, at + keyword.length).toLowerCase() === keyword.toLowerCase();
}

export class Prefilter {
  readonly #passes: readonly Pass[];
  /** By the code of the first character, which is ASCII or in the last list. */
  readonly #byFirst: readonly Keyword[][];
  readonly #places: RegExp;

  constructor(rules: readonly Keyed[]) {
    const all = rules.flatMap((rule, i) => rule.keywords.map((text) => ({ text, anyCase: rule.anyCase, rule: i })));
    this.#passes = passesOf(all);
    const byFirst: Keyword[][] = Array.from({ length: 129 }, () => []);
    const firsts = new Set<string>();
    for (const keyword of all) {
      const first = keyword.text[0]!;
      for (const letter of keyword.anyCase ? new Set([first.toLowerCase(), first.toUpperCase()]) : [first]) {
        byFirst[Math.min(128, letter.charCodeAt(0))]!.push(keyword);
        firsts.add(letter);
      }
    }
    this.#byFirst = byFirst;
    this.#places = new RegExp(firsts.size === 0 ? '(?!)' : `[${escaped([...firsts].join(''))}]`, 'g');
  }

  /** False: none of the rules' keywords is in the text, in whatever way it is escaped. */
  mayHit(text: string): boolean {
    return this.#passes.some((pass) => isHit(pass, text)) || ESCAPES.test(text);
  }

  /** Every keyword of a text without escapes, by rising place. */
  *hits(text: string): Generator<Hit> {
    const places = new RegExp(this.#places);
    for (let match = places.exec(text); match !== null; match = places.exec(text)) {
      const at = match.index;
      for (const keyword of this.#byFirst[Math.min(128, text.charCodeAt(at))]!)
        if (stands(keyword, text, at)) yield { at, length: keyword.text.length, rule: keyword.rule };
    }
  }
}

/** A piece may stand in a text without its keyword. */
function isHit({ pattern, pieces, anyCase }: Pass, text: string): boolean {
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const at = match.index;
    const piece = anyCase ? match[0].toLowerCase() : match[0];
    for (const { keyword, offset } of pieces.get(piece) ?? []) if (stands(keyword, text, at - offset)) return true;
    pattern.lastIndex = at + 1;
  }
  return false;
}
