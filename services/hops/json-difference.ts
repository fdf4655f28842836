/**
 * In what two JSON texts differ, member by member: `model`, `messages[3].content`, `tools[0].function.name`.
 *
 * Lists are compared from both ends: what a gateway puts in front of the messages is one element more, not a difference of all. Between
 * the equal beginnings and ends elements are compared by their places.
 */
import { type Difference, type Direction, difference } from './difference.ts';

/** Differences that are told; what comes behind them is only known to be there. */
const DIFFERENCES_MAX = 50;
/** Deeper values are compared as a whole. */
const DEPTH_MAX = 12;

interface Comparison {
  readonly direction: Direction;
  readonly found: Difference[];
}

/** Levels of a text that is taken for JSON. */
const NESTING_MAX = 200;

type Members = Readonly<Record<string, unknown>>;

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The order of members is no difference. */
function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((each, i) => equal(each, b[i]));
  if (!isMembers(a) || !isMembers(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]))
  );
}

function compare(path: string, a: unknown, b: unknown, depth: number, into: Comparison): void {
  if (into.found.length >= DIFFERENCES_MAX || equal(a, b)) return;
  if (depth < DEPTH_MAX && isMembers(a) && isMembers(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const [own, other] = [a, b].map((each) => (Object.hasOwn(each, name) ? each[name] : undefined));
      compare(path === '' ? name : `${path}.${name}`, own, other, depth + 1, into);
    }
    return;
  }
  if (depth < DEPTH_MAX && Array.isArray(a) && Array.isArray(b)) compareLists(path, a, b, depth, into);
  else into.found.push(difference(path, a, b, into.direction));
}

function compareLists(
  path: string,
  a: readonly unknown[],
  b: readonly unknown[],
  depth: number,
  into: Comparison,
): void {
  const shorter = Math.min(a.length, b.length);
  let from = 0;
  while (from < shorter && equal(a[from], b[from])) from++;
  let same = 0;
  while (same < shorter - from && equal(a[a.length - 1 - same], b[b.length - 1 - same])) same++;
  const middle = Math.max(a.length, b.length) - same;
  for (let i = from; i < middle; i++) {
    const [own, other] = [a, b].map((each) => (i < each.length - same ? each[i] : undefined));
    compare(`${path}[${i}]`, own, other, depth + 1, into);
  }
}

function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((each) => isWithin(each, depth - 1));
}

/** The text itself, where it is no JSON, or one that is made to be deep. */
function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isWithin(value, NESTING_MAX) ? value : text;
  } catch {
    return text;
  }
}

/** Texts that are no JSON are compared as a whole. At most 50 differences are told. */
export function jsonDifferences(call: string, hop: string, direction: Direction): Difference[] {
  if (call === hop) return [];
  const into: Comparison = { direction, found: [] };
  compare('', parsed(call), parsed(hop), 0, into);
  return into.found;
}
