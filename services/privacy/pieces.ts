/**
 * Answers that hold a text in pieces, so that a secret may be in none of them: the events of a stream that no dialect put together, and lists
 * of tokens with their probabilities. Of events, what stands at the same place of each is read as one text, and a piece that has part of a
 * secret loses it. Lists of tokens stand beside the text itself: where a secret was in that, they go.
 */
import { parseJson } from '../common/json.ts';
import type { Redacted, Redactor, Secret } from './redactor.ts';

/** What an answer has whose events nobody put together. */
const EVENTS = /"events":\[/;
/** Members that hold the text once more, token by token or by the tokens' numbers, as the APIs and servers name them. */
const TOKEN_LISTS =
  /^(?:logprobs|top_logprobs|logprobs_result|logprobsResult|completion_probabilities|probs|tokens|prefill|token_ids|prompt_token_ids|output_ids|context)$/;
/** What lies deeper is left as it is. */
const DEPTH_MAX = 40;

interface Leaf {
  readonly owner: Record<string, unknown> | unknown[];
  readonly key: string | number;
  readonly text: string;
}

type Groups = Map<string, Leaf[]>;

function collect(
  value: unknown,
  owner: Leaf['owner'],
  key: Leaf['key'],
  place: string,
  groups: Groups,
  depth: number,
): void {
  if (typeof value === 'string') {
    const group = groups.get(place);
    if (group === undefined) groups.set(place, [{ owner, key, text: value }]);
    else group.push({ owner, key, text: value });
    return;
  }
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) collect(value[i], value, i, `${place}[]`, groups, depth + 1);
    return;
  }
  const object = value as Record<string, unknown>;
  for (const name of Object.keys(object)) collect(object[name], object, name, `${place}.${name}`, groups, depth + 1);
}

/** Writes the pieces of one text anew: the first that has a part of a secret tells it, the others lose theirs. */
function rewrite(leaves: readonly Leaf[], secrets: readonly Secret[], joined: string, redactor: Redactor): void {
  let start = 0;
  let next = 0;
  for (const { owner, key, text } of leaves) {
    const end = start + text.length;
    while (next < secrets.length && secrets[next]!.end <= start) next++;
    const kept: string[] = [];
    let from = start;
    for (let i = next; i < secrets.length && secrets[i]!.start < end; i++) {
      const secret = secrets[i]!;
      kept.push(joined.slice(from, Math.max(from, secret.start)));
      if (secret.start >= start) kept.push(redactor.placeholderOf(secret.rule, joined.slice(secret.start, secret.end)));
      from = Math.min(end, secret.end);
    }
    if (from > start || kept.length > 0) {
      (owner as Record<string | number, unknown>)[key] = kept.join('') + joined.slice(from, end);
    }
    start = end;
  }
}

function dropTokenLists(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return;
  if (Array.isArray(value)) {
    for (const item of value) dropTokenLists(item, depth + 1);
    return;
  }
  const object = value as Record<string, unknown>;
  for (const [name, item] of Object.entries(object)) {
    if (TOKEN_LISTS.test(name) && typeof item === 'object') object[name] = null;
    else dropTokenLists(item, depth + 1);
  }
}

function redactEvents(json: unknown, redactor: Redactor, counts: Record<string, number>): void {
  const groups: Groups = new Map();
  collect(json, [], 0, '', groups, 0);
  for (const leaves of groups.values()) {
    if (leaves.length < 2) continue;
    const joined = leaves.map((leaf) => leaf.text).join('');
    const secrets = redactor.findPlain(joined);
    if (secrets.length === 0) continue;
    rewrite(leaves, secrets, joined, redactor);
    for (const { rule } of secrets) counts[rule] = (counts[rule] ?? 0) + 1;
  }
}

/**
 * Of an answer's JSON text, from which the secrets were taken that stand in it whole. `had`: there were some. Null: nothing is to be
 * changed.
 */
export function redactPieces(text: string, had: boolean, redactor: Redactor): Redacted | null {
  const hasEvents = EVENTS.test(text);
  if (!had && !hasEvents) return null;
  const json = parseJson(text);
  if (typeof json !== 'object' || json === null) return null;
  const counts: Record<string, number> = {};
  if (hasEvents) redactEvents(json, redactor, counts);
  const found = had || Object.keys(counts).length > 0;
  if (!found) return null;
  const before = JSON.stringify(json);
  dropTokenLists(json, 0);
  const after = JSON.stringify(json);
  return Object.keys(counts).length === 0 && before === after ? null : { text: after, counts };
}
