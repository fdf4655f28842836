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
  readonly notBefore: string;
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
  /** Whether there is any: a text without is told at no other cost. */
  readonly any: RegExp;
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
const PASS_KEYWORDS_MAX = 64;
const PIECE_CHARS = 4;
const WORD_PIECE_CHARS = 6;
const ENDING_CHARS = 3;
const SEPARATOR = /[-_~]$/;

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** The four characters in a row of which most are capitals or digits, which texts have fewer of. */
function rarestPiece(text: string): string {
  const pieces = Array.from({ length: text.length - PIECE_CHARS + 1 }, (_, at) => text.slice(at, at + PIECE_CHARS));
  const rareIn = (piece: string): number => piece.replace(/[^A-Z0-9]/g, '').length;
  return pieces.reduce((best, piece) => (rareIn(piece) > rareIn(best) ? piece : best));
}

/** Words that end alike are looked for by their ends. */
function pieceOf({ text, anyCase }: Keyword, alikeEndings: ReadonlySet<string>): string {
  if (text.length < PIECE_CHARS) return anyCase ? text.toLowerCase() : text;
  if (!anyCase) return SEPARATOR.test(text) ? text.slice(-PIECE_CHARS) : rarestPiece(text);
  const lower = text.toLowerCase();
  if (alikeEndings.has(lower.slice(-ENDING_CHARS))) return lower.slice(-PIECE_CHARS);
  return lower.slice(0, WORD_PIECE_CHARS);
}

/** Keywords of one shape are looked for in one pass. */
function shapeOf({ text, anyCase }: Keyword, alikeEndings: ReadonlySet<string>): string {
  const ending = text.slice(-ENDING_CHARS).toLowerCase();
  if (text.length < PIECE_CHARS) return anyCase ? 'short word' : 'short';
  if (anyCase) return alikeEndings.has(ending) ? `word ${ending}` : 'word';
  return SEPARATOR.test(text) ? 'separated' : 'plain';
}

function alikeEndingsOf(keywords: readonly Keyword[]): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const { text, anyCase } of keywords) {
    const ending = text.slice(-ENDING_CHARS).toLowerCase();
    if (anyCase && text.length >= PIECE_CHARS) counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  return new Set([...counts].filter(([, count]) => count > 2).map(([ending]) => ending));
}

function passOf(keywords: readonly Keyword[], alikeEndings: ReadonlySet<string>): Pass {
  const { anyCase } = keywords[0]!;
  const all = [...new Set(keywords.map((keyword) => pieceOf(keyword, alikeEndings)))];
  const pieces = new Map<string, { keyword: Keyword; offset: number }[]>();
  for (const keyword of keywords) {
    const own = pieceOf(keyword, alikeEndings);
    // A pattern stops at the first of two pieces that begin alike, so the shorter one stands for both.
    const piece = all.reduce((shortest, each) => (shortest.startsWith(each) ? each : shortest), own);
    const text = anyCase ? keyword.text.toLowerCase() : keyword.text;
    pieces.set(piece, [...(pieces.get(piece) ?? []), { keyword, offset: text.lastIndexOf(own) }]);
  }
  const { notBefore } = keywords[0]!;
  const endsAlike = (each: Keyword): boolean =>
    each.notBefore === notBefore && each.text.toLowerCase().endsWith(pieceOf(each, alikeEndings).toLowerCase());
  const behind = notBefore !== '' && keywords.every(endsAlike) ? `(?![${escaped(notBefore)}])` : '';
  const pattern = `(?:${[...pieces.keys()].map(escaped).join('|')})${behind}`;
  const any = new RegExp(pattern, anyCase ? 'i' : '');
  return { any, pattern: new RegExp(pattern, anyCase ? 'gi' : 'g'), pieces, anyCase };
}

function passesOf(keywords: readonly Keyword[]): readonly Pass[] {
  const alikeEndings = alikeEndingsOf(keywords);
  const shapes = Map.groupBy(keywords, (keyword) => shapeOf(keyword, alikeEndings));
  const passes: Pass[] = [];
  for (const alike of shapes.values())
    for (let i = 0; i < alike.length; i += PASS_KEYWORDS_MAX)
      passes.push(passOf(alike.slice(i, i + PASS_KEYWORDS_MAX), alikeEndings));
  return passes;
}

function stands({ text: keyword, anyCase, notBefore }: Keyword, text: string, at: number): boolean {
  if (at < 0) return false;
  const next = text[at + keyword.length];
  if (notBefore !== '' && next !== undefined && notBefore.includes(next)) return false;
  if (!anyCase) return text.startsWith(keyword, at);
  return text.slice(at, at + keyword.length).toLowerCase() === keyword.toLowerCase();
}

export class Prefilter {
  readonly #passes: readonly Pass[];

  constructor(rules: readonly Keyed[]) {
    const all = rules.flatMap(({ keywords, anyCase, notBefore = '' }, rule) =>
      keywords.map((text) => ({ text, anyCase, notBefore, rule })),
    );
    this.#passes = passesOf(all);
  }

  /** False: none of the rules' keywords is in the text, in whatever way it is escaped. */
  mayHit(text: string): boolean {
    for (const pass of this.#passes) if (pass.any.test(text) && !hitsOf(pass, text).next().done) return true;
    return ESCAPES.test(text);
  }

  /** Every keyword of a text without escapes, pass by pass, in each nearly by rising place. */
  *hits(text: string): Generator<Hit> {
    for (const pass of this.#passes) yield* hitsOf(pass, text);
  }
}

/** By rising place of the pieces. A piece may stand in a text without its keyword. */
function* hitsOf({ pattern, pieces, anyCase }: Pass, text: string): Generator<Hit> {
  const search = new RegExp(pattern);
  for (let match = search.exec(text); match !== null; match = search.exec(text)) {
    const place = match.index;
    const piece = anyCase ? match[0].toLowerCase() : match[0];
    for (const { keyword, offset } of pieces.get(piece) ?? [])
      if (stands(keyword, text, place - offset))
        yield { at: place - offset, length: keyword.text.length, rule: keyword.rule };
    search.lastIndex = place + 1;
  }
}
