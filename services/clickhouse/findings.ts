/** Findings as they stand in the store: read for people and alerts, written by the rules in SQL. */
import type { Finding } from '../../schemas/story.ts';
import type { Micros } from '../common/types.ts';
import { ask, whereText } from './queries.ts';
import type { Store } from './store.ts';

type Client = Pick<Store, 'client'>;

export interface VersionedFinding {
  /** µs: the newest of a finding counts. */
  readonly version: number;
  readonly finding: Finding;
}

export interface FindingFilter {
  readonly state?: string | undefined;
  readonly kind?: string | undefined;
  readonly rule?: string | undefined;
  readonly level?: string | undefined;
  readonly agentId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly tool?: string | undefined;
  /** µs of the first occurrence, `from` included, `to` not. */
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
}

/** A place in the order of findings by their first occurrence, which doesn't change while a finding goes on. */
export interface FindingCursor {
  readonly time: Micros;
  readonly findingId: string;
}

export interface FindingPage {
  /** The newest first. */
  readonly findings: readonly Finding[];
  readonly next: FindingCursor | null;
}

const LIMIT_MAX = 1000;

const time = (name: string): string => `fromUnixTimestamp64Micro({${name}:Int64}, 'UTC')`;

const CONDITIONS: Readonly<Record<keyof FindingFilter, string>> = {
  state: 'state = {state:String}',
  kind: 'kind = {kind:String}',
  rule: 'rule = {rule:String}',
  level: 'level = {level:String}',
  agentId: 'agent_id = {agentId:String}',
  teamId: 'team_id = {teamId:String}',
  sessionId: 'session_id = {sessionId:String}',
  tool: 'tool_name = {tool:String}',
  from: `first_seen >= ${time('from')}`,
  to: `first_seen < ${time('to')}`,
};

const FIELDS = `finding_id AS findingId, kind, rule, level, state, fingerprint, session_id AS sessionId, thread_id AS threadId,
  turn_id AS turnId, agent_id AS agentId, user_id AS userId, team_id AS teamId, tool_name AS toolName, summary, occurrences,
  toUnixTimestamp64Micro(first_seen) AS firstSeen, toUnixTimestamp64Micro(last_seen) AS lastSeen,
  toUnixTimestamp64Micro(resolved_at) AS resolvedAt, wasted_calls AS wastedCalls, wasted_tokens AS wastedTokens,
  wasted_cost_usd AS wastedCostUsd, call_ids AS callIds, labels`;

/** Findings, the newest first, `limit` (at most 1,000) a page. */
export async function listFindings(
  store: Client,
  options: {
    readonly limit?: number;
    readonly before?: FindingCursor | null;
    readonly filter?: FindingFilter;
  } = {},
): Promise<FindingPage> {
  const limit = Math.min(Math.max(1, options.limit ?? 50), LIMIT_MAX);
  const filter = options.filter ?? {};
  const params: Record<string, unknown> = { limit };
  const conditions: string[] = [];
  for (const name of Object.keys(CONDITIONS) as (keyof FindingFilter)[]) {
    if (filter[name] === undefined) continue;
    conditions.push(CONDITIONS[name]);
    params[name] = filter[name];
  }
  if (options.before) {
    conditions.push(`(first_seen, finding_id) < (${time('beforeTime')}, {beforeId:String})`);
    params.beforeTime = options.before.time;
    params.beforeId = options.before.findingId;
  }
  const findings = await ask<Finding>(
    store,
    `SELECT ${FIELDS} FROM findings ${whereText(conditions)} ORDER BY first_seen DESC, finding_id DESC LIMIT {limit:UInt32}`,
    params,
  );
  const last = findings.at(-1);
  const next =
    findings.length === limit && last !== undefined ? { time: last.firstSeen, findingId: last.findingId } : null;
  return { findings, next };
}

/** One finding; null when there is none of this id. `id` may be a beginning: then null also when there are several. */
export async function getFinding(store: Client, id: string): Promise<Finding | null> {
  const rows = await ask<Finding>(
    store,
    `SELECT ${FIELDS} FROM findings WHERE startsWith(finding_id, {id:String}) LIMIT 2`,
    { id },
  );
  return rows.length === 1 ? (rows[0] ?? null) : null;
}

/** Ids and newest versions of the findings of which a row was stored at `storedFrom` (s since the epoch) or later. */
export async function changedFindings(
  store: Client,
  storedFrom: number,
  limit: number,
): Promise<readonly { readonly findingId: string; readonly version: number }[]> {
  return ask(
    store,
    `SELECT finding_id AS findingId, max(version) AS version FROM finding_rows
     WHERE stored >= toDateTime({storedFrom:UInt32}, 'UTC') GROUP BY finding_id ORDER BY version LIMIT {limit:UInt32}`,
    { storedFrom, limit },
  );
}

/** The newest state of these findings, of what was stored at `storedFrom` (s since the epoch) or later. */
export async function findingsById(
  store: Client,
  ids: readonly string[],
  storedFrom: number,
): Promise<VersionedFinding[]> {
  if (ids.length === 0) return [];
  return versioned(
    await ask<Finding & { version: number }>(
      store,
      `SELECT ${FIELDS}, version FROM finding_rows
       WHERE stored >= toDateTime({storedFrom:UInt32}, 'UTC') AND finding_id IN {ids:Array(String)}
       ORDER BY version DESC LIMIT 1 BY finding_id`,
      { ids, storedFrom },
    ),
  );
}

/** Findings that are open, in the order of their ids; with `rule` only those of this rule. */
export async function openFindings(
  store: Client,
  options: { readonly limit: number; readonly after?: string; readonly rule?: string },
): Promise<VersionedFinding[]> {
  const { limit, after = '', rule } = options;
  return versioned(
    await ask<Finding & { version: number }>(
      store,
      `SELECT ${FIELDS}, version FROM finding_rows FINAL
       WHERE state = 'open' AND finding_id > {after:String} ${rule === undefined ? '' : "AND kind = 'rule' AND rule = {rule:String}"}
       ORDER BY finding_id LIMIT {limit:UInt32}`,
      { limit, after, ...(rule === undefined ? {} : { rule }) },
    ),
  );
}

function versioned(rows: readonly (Finding & { version: number })[]): VersionedFinding[] {
  return rows.map(({ version, ...finding }) => ({ version, finding }));
}

/** Writes findings as they are now; the newest version of each counts. Writing the same again changes nothing. */
export async function storeFindings(store: Client, findings: readonly VersionedFinding[]): Promise<void> {
  if (findings.length === 0) return;
  await store.client.insert({ table: 'finding_rows', format: 'JSONEachRow', values: findings.map(rowOf) });
}

function rowOf({ version, finding }: VersionedFinding): Record<string, unknown> {
  return {
    finding_id: finding.findingId,
    kind: finding.kind,
    rule: finding.rule,
    level: finding.level,
    state: finding.state,
    fingerprint: finding.fingerprint,
    session_id: finding.sessionId,
    thread_id: finding.threadId,
    turn_id: finding.turnId,
    agent_id: finding.agentId,
    user_id: finding.userId,
    team_id: finding.teamId,
    tool_name: finding.toolName,
    summary: finding.summary,
    occurrences: finding.occurrences,
    first_seen: timeText(finding.firstSeen),
    last_seen: timeText(finding.lastSeen),
    resolved_at: finding.resolvedAt === null ? null : timeText(finding.resolvedAt),
    wasted_calls: finding.wastedCalls,
    wasted_tokens: finding.wastedTokens,
    wasted_cost_usd: finding.wastedCostUsd,
    call_ids: finding.callIds,
    labels: finding.labels,
    version,
  };
}

/** The last time that DateTime64(6) holds with a year of four digits, µs. */
const TIME_MAX = 253_402_300_799_000_000;

/** `2026-01-02T03:04:05.678901Z` */
export function timeText(micros: Micros): string {
  const time = Math.min(Math.max(0, Math.trunc(micros)), TIME_MAX);
  const seconds = new Date(Math.floor(time / 1e6) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(time % 1e6).padStart(6, '0')}Z`;
}
