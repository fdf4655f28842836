/** Replaces the secrets in a text. The text may be JSON, in which case it still is afterwards. */
import { parseJson } from '../common/json.ts';
import type { PlaceholderMaker } from './placeholder.ts';
import { Prefilter } from './prefilter.ts';
import type { Finder, Found, Rule, WholeRule } from './rule.ts';
import { type View, viewOf } from './view.ts';

/** How many secrets were replaced, by rule. */
export type RedactionCounts = Readonly<Record<string, number>>;

export interface Redacted {
  readonly text: string;
  readonly counts: RedactionCounts;
}

/** A stretch to be replaced. */
export interface Secret extends Found {
  readonly rule: string;
}

/** Secrets of one text that are told apart by their HMAC; what comes behind them is replaced all the same. */
const TOLD_MAX = 1000;
/** One NUL stands for each stored part in the skeleton of a request. */
const PART_MARK = '\0';

export class Redactor {
  readonly #rules: readonly Rule[];
  readonly #whole: readonly WholeRule[];
  /** Those of them that have no keywords. */
  readonly #always: readonly WholeRule[];
  readonly #prefilter: Prefilter;
  readonly #placeholder: PlaceholderMaker;

  constructor(rules: readonly Rule[], whole: readonly WholeRule[], placeholder: PlaceholderMaker) {
    this.#rules = rules;
    this.#whole = whole;
    this.#prefilter = new Prefilter([...rules, ...whole]);
    this.#always = whole.filter(({ keywords }) => keywords.length === 0);
    this.#placeholder = placeholder;
  }

  /** Null: there is nothing to replace. Time is linear in the text. */
  redact(text: string): Redacted | null {
    const view = this.#viewOf(text);
    if (view === null) return null;
    const secrets = this.#secretsOf(view);
    return secrets.length === 0 ? null : this.#replaced(text, view, secrets);
  }

  /** The text without its secrets. */
  clean(text: string): string {
    return this.redact(text)?.text ?? text;
  }

  /** Whether a short text is worth a closer look. */
  mayHold(text: string): boolean {
    return this.#always.length > 0 || this.#prefilter.mayHit(text);
  }

  /** The secrets of a text as it stands, in order, none overlapping another. */
  findPlain(text: string): readonly Secret[] {
    return this.mayHold(text) ? this.#secretsOf({ text, sourceOf: (at) => at }) : [];
  }

  placeholderOf(rule: string, secret: string): string {
    return this.#placeholder(rule, secret);
  }

  #viewOf(text: string): View | null {
    return this.mayHold(text) ? viewOf(text) : null;
  }

  #secretsOf({ text }: View): readonly Secret[] {
    const found: Secret[] = [];
    const finders: Finder[] = [];
    const whole = new Set(this.#always);
    let last: Secret | null = null;
    for (const { at, length, rule } of this.#prefilter.hits(text)) {
      const custom = this.#whole[rule - this.#rules.length];
      if (custom !== undefined) {
        whole.add(custom);
        continue;
      }
      const finder = (finders[rule] ??= this.#rules[rule]!.finder(text));
      const some = finder(at, length);
      // The same stretch is found from each keyword within it.
      if (some === null || (last !== null && some.start >= last.start && some.end <= last.end)) continue;
      if (isOwn(text, some)) continue;
      last = { ...some, rule: this.#rules[rule]!.name };
      found.push(last);
    }
    for (const rule of whole) for (const some of rule.findAll(text)) found.push({ ...some, rule: rule.name });
    return merged(found);
  }

  #replaced(text: string, view: View, secrets: readonly Secret[]): Redacted {
    const pieces: string[] = [];
    const counts: Record<string, number> = {};
    let from = 0;
    for (const [i, { start, end, rule }] of secrets.entries()) {
      const placeholder = i < TOLD_MAX ? this.#placeholder(rule, view.text.slice(start, end)) : `[redacted:${rule}]`;
      pieces.push(text.slice(from, view.sourceOf(start)), placeholder);
      from = view.sourceOf(end);
      counts[rule] = (counts[rule] ?? 0) + 1;
    }
    pieces.push(text.slice(from));
    const result = pieces.join('');
    if (!isBroken(text, result)) return { text: result, counts };
    const { rule } = secrets[0]!;
    return { text: JSON.stringify(this.#placeholder(rule, view.text)), counts };
  }
}

const OWN_CHARS_MAX = 64;

/** It is what stands in one of our placeholders: rules have names such as `password`. */
function isOwn(text: string, { start, end }: Found): boolean {
  if (end - start > OWN_CHARS_MAX) return false;
  const from = Math.max(0, start - OWN_CHARS_MAX);
  const match = /\[redacted:[a-z0-9_]{1,40}:[0-9a-f]{8}\]/.exec(text.slice(from, end + 1));
  return match !== null && from + match.index <= start && from + match.index + match[0].length >= end;
}

/** In order; stretches that overlap are one, named by the first. */
function merged(found: readonly Secret[]): readonly Secret[] {
  const sorted = found.toSorted((a, b) => a.start - b.start);
  const result: Secret[] = [];
  for (const each of sorted) {
    const last = result[result.length - 1];
    if (each.end <= each.start) continue;
    if (last === undefined || each.start >= last.end) result.push(each);
    else if (each.end > last.end) result[result.length - 1] = { ...last, end: each.end };
  }
  return result;
}

/** A rule of the operator may match more than what stands in a string: then the text is no JSON any more, or has lost the mark of a part. */
function isBroken(before: string, after: string): boolean {
  const isJson = /^[\s]*[[{"]/.test(before) || before.includes(PART_MARK);
  if (!isJson) return false;
  const marks = (text: string): number => text.split(PART_MARK).length;
  if (marks(before) !== marks(after)) return true;
  const json = (text: string): unknown => parseJson(text.replaceAll(PART_MARK, 'null'));
  return json(after) === undefined && json(before) !== undefined;
}

/** `counts` added to `sum`. */
export function addCounts(sum: Record<string, number>, counts: RedactionCounts): void {
  for (const [rule, count] of Object.entries(counts)) sum[rule] = (sum[rule] ?? 0) + count;
}
