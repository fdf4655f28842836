/**
 * Conditions on an alert's labels, for routes, mutes and silences.
 *
 *     matcher = name op value
 *     name    = a label: kind, rule, level, agent, agent_id, team, user, session, tool, environment, owner, finding, or one of the finding's own
 *     op      = "="  "!="      the value, or a pattern: * stands for any text, | separates alternatives
 *             | ">=" "<="      for level: note < alert < critical; for other labels as numbers
 *
 * A label that isn't there is the empty text. Patterns are matched in linear time: a silence comes from whoever may use the API.
 */
import { BitternError } from '../common/errors.ts';
import { ALERT_DEFAULTS, LEVELS } from './defaults.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Matcher {
  /** As it was written. */
  readonly text: string;
  matches(labels: Labels): boolean;
}

const MATCHER = /^\s*([A-Za-z_][\w.-]*)\s*(!=|>=|<=|=)\s*(.*?)\s*$/s;

/** @throws BitternError BIT_MATCHER */
export function parseMatcher(text: string): Matcher {
  const match = text.length > ALERT_DEFAULTS.matcherCharsMax ? null : MATCHER.exec(text);
  if (match === null) {
    throw new BitternError(
      'BIT_MATCHER',
      `'${text.slice(0, 80)}' is not a condition: write it as level>=alert, agent=ops-* or tool!=search|fetch (at most ${ALERT_DEFAULTS.matcherCharsMax} characters).`,
    );
  }
  const [, name = '', operator = '', value = ''] = match;
  const labelOf = (labels: Labels): string => (Object.hasOwn(labels, name) ? (labels[name] ?? '') : '');
  if (operator === '>=' || operator === '<=') {
    const bound = rankOf(name, value);
    if (Number.isNaN(bound))
      throw new BitternError('BIT_MATCHER', `'${text.slice(0, 80)}' compares with something that has no order.`);
    const sign = operator === '>=' ? 1 : -1;
    return { text, matches: (labels) => (rankOf(name, labelOf(labels)) - bound) * sign >= 0 };
  }
  const alternatives = value.split('|').map((each) => each.trim());
  const wanted = operator === '=';
  return { text, matches: (labels) => alternatives.some((each) => globMatches(each, labelOf(labels))) === wanted };
}

export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((matcher) => matcher.matches(labels));
}

/** NaN for what has no order; comparisons with it are false. */
function rankOf(name: string, value: string): number {
  if (name === 'level') {
    const rank = LEVELS.indexOf(value as (typeof LEVELS)[number]);
    return rank < 0 ? Number.NaN : rank;
  }
  return value.trim() === '' ? Number.NaN : Number(value);
}

/** The pieces between the stars stand in the text in their order: the leftmost place of each is enough. */
export function globMatches(pattern: string, text: string): boolean {
  const pieces = pattern.split('*');
  const first = pieces[0] ?? '';
  if (pieces.length === 1) return text === first;
  const last = pieces.at(-1) ?? '';
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
