/**
 * From a row that a rule's query returned to a finding.
 *
 * Columns with these names are taken as what they say: session_id, thread_id, turn_id, agent_id, user_id, team_id, tool_name, summary,
 * level, occurrences, call_ids, first_seen, last_seen, wasted_calls, wasted_tokens, wasted_cost_usd. All others are labels. Rows are told
 * apart by the rule, the session, agent, user, team and tool, and the labels that are texts: numbers and times are measures,
 * which may change while the alert stays the same.
 */
import { createHash } from 'node:crypto';
import type { Finding, FindingLevel } from '../../schemas/story.ts';
import type { RuleAnswer, RuleColumn } from './query.ts';
import type { RuleSettings } from './settings.ts';

/** Columns that are fields of a finding, and part of what tells rows apart. */
const IDENTITY_FIELDS = {
  session_id: 'sessionId',
  agent_id: 'agentId',
  user_id: 'userId',
  team_id: 'teamId',
  tool_name: 'toolName',
} as const;

const OTHER_FIELDS = [
  'thread_id',
  'turn_id',
  'summary',
  'level',
  'occurrences',
  'call_ids',
  'first_seen',
  'last_seen',
  'wasted_calls',
  'wasted_tokens',
  'wasted_cost_usd',
];

const TEXT_CHARS_MAX = 1_000;
const CALL_IDS_MAX = 100;
const LEVELS: readonly string[] = ['note', 'alert', 'critical'];
const TEXT_TYPE =
  /^(LowCardinality\(|Nullable\(|LowCardinality\(Nullable\()?(String|FixedString|Enum\d*|UUID|IPv[46]|Bool)\b/;

/** Findings by id; of rows that can't be told apart the last one counts. `now`: µs. */
export function findingsOf(rule: RuleSettings, answer: RuleAnswer, now: number): ReadonlyMap<string, Finding> {
  return new Map(
    answer.rows.map((row) => {
      const finding = findingOf(rule, answer.columns, row, now);
      return [finding.findingId, finding];
    }),
  );
}

function findingOf(
  rule: RuleSettings,
  columns: readonly RuleColumn[],
  row: Readonly<Record<string, unknown>>,
  now: number,
): Finding {
  const text = (name: string): string => textOf(row[name]);
  const count = (name: string, fallback: number): number => numberOf(row[name]) ?? fallback;
  const identity: Record<string, string> = { ...rule.labels };
  const measures: Record<string, string> = {};
  for (const { name, type } of columns) {
    if (Object.hasOwn(IDENTITY_FIELDS, name) || OTHER_FIELDS.includes(name)) continue;
    const labels = TEXT_TYPE.test(type) ? identity : measures;
    labels[name.slice(0, 100)] = text(name);
  }
  const fields = Object.fromEntries(Object.entries(IDENTITY_FIELDS).map(([column, field]) => [field, text(column)]));
  const fingerprint = JSON.stringify({ rule: rule.name, ...fields, labels: sorted(identity) });
  const firstSeen = timeOf(row.first_seen) ?? now;
  const callIds = Array.isArray(row.call_ids) ? row.call_ids.map(textOf).slice(0, CALL_IDS_MAX) : [];
  return {
    findingId: createHash('sha256').update(fingerprint).digest('hex').slice(0, 32),
    kind: 'rule',
    rule: rule.name,
    level: (LEVELS.includes(text('level')) ? text('level') : rule.level) as FindingLevel,
    state: 'open',
    fingerprint,
    sessionId: text('session_id'),
    threadId: text('thread_id'),
    turnId: text('turn_id'),
    agentId: text('agent_id'),
    userId: text('user_id'),
    teamId: text('team_id'),
    toolName: text('tool_name'),
    summary: text('summary') || rule.summary || `The rule ${rule.name} returned this row.`,
    occurrences: Math.min(count('occurrences', 1), 0xffff_ffff),
    firstSeen,
    lastSeen: Math.max(firstSeen, timeOf(row.last_seen) ?? now),
    resolvedAt: null,
    wastedCalls: Math.min(count('wasted_calls', 0), 0xffff_ffff),
    wastedTokens: count('wasted_tokens', 0),
    wastedCostUsd: Number.isFinite(Number(row.wasted_cost_usd)) ? Number(row.wasted_cost_usd ?? 0) : 0,
    callIds,
    labels: { ...measures, ...identity },
  };
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.slice(0, TEXT_CHARS_MAX).toWellFormed();
}

/** A whole number from 0; null for what is none. */
function numberOf(value: unknown): number | null {
  if (value === null || value === undefined || value === '') return null;
  const number = Math.trunc(Number(value));
  return Number.isSafeInteger(number) && number >= 0 ? number : null;
}

/** ClickHouse writes times as `2026-01-02 03:04:05.678901`; ours are UTC. Null for what is none. */
function timeOf(value: unknown): number | null {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?$/.exec(String(value ?? ''));
  if (match === null) return null;
  const ms = Date.parse(`${match[1]}T${match[2]}Z`);
  return Number.isNaN(ms) || ms < 0 ? null : ms * 1000 + Number((match[3] ?? '').padEnd(6, '0').slice(0, 6));
}

function sorted(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
