/** The operator's own rules: patterns in RE2's syntax, which an engine runs that never goes back. */
import { RE2JS } from 're2js';
import { BitternError } from '../common/errors.ts';
import type { Found, WholeRule } from './rule.ts';

export interface CustomRule {
  readonly name: string;
  /** The first group is what is replaced; without one, the whole match. */
  readonly pattern: string;
  /** In any case; a text without one of them isn't searched. Empty: every text is. */
  readonly keywords: readonly string[];
}

/** What is wrong with a pattern, as a sentence; null: nothing. */
export function problemOf(pattern: string): string | null {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    const told = error instanceof Error ? error.message : 'no pattern';
    return `isn't a pattern that can be run in linear time (${told}); the syntax is RE2's: no look-around, no back references`;
  }
  if (compiled.matcher('').find()) return 'matches the empty text, so it would match everywhere';
  return null;
}

function findAll(pattern: RE2JS, text: string): Iterable<Found> {
  const found: Found[] = [];
  const matcher = pattern.matcher(text);
  const group = pattern.groupCount() > 0 ? 1 : 0;
  while (matcher.find()) {
    const start = matcher.start(group);
    if (start >= 0) found.push({ start, end: matcher.end(group) });
  }
  return found;
}

/** @throws BitternError BIT_REDACTION_PATTERN */
export function wholeRule({ name, pattern, keywords }: CustomRule): WholeRule {
  const problem = problemOf(pattern);
  if (problem !== null)
    throw new BitternError('BIT_REDACTION_PATTERN', `The pattern of the rule '${name}' ${problem}.`);
  const compiled = RE2JS.compile(pattern);
  return { name, keywords, anyCase: true, findAll: (text) => findAll(compiled, text) };
}
