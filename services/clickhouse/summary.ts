/** Overviews: what was called, how it went, what the capture missed. */
import type { Micros } from '../common/types.ts';
import { ask, type CallFilter, whereOf, whereText } from './queries.ts';
import type { Store } from './store.ts';

type Client = Pick<Store, 'client'>;

export const SUMMARY_DEFAULTS = {
  /** Groups in each list. */
  groupsMax: 50,
} as const;

export interface CallTotals {
  readonly calls: number;
  /** Null where nothing is known. */
  readonly from: Micros | null;
  readonly to: Micros | null;
  readonly sessions: number;
  readonly agents: number;
  /** Calls that lost something, by the capture's fault. */
  readonly incomplete: number;
  readonly missingBytes: number;
  /** Calls that didn't end well: outcome other than ok. */
  readonly notOk: number;
  /** Streaming calls only. */
  readonly ttftP50Ms: number | null;
  readonly ttftP95Ms: number | null;
  readonly durationP50Ms: number | null;
  readonly durationP95Ms: number | null;
  /** Null: not a single call told its tokens (price). */
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cacheReadTokens: number | null;
  readonly costUsd: number | null;
}

export interface CallGroup extends CallTotals {
  readonly name: string;
}

export interface ToolCount {
  readonly name: string;
  readonly toolCalls: number;
  readonly calls: number;
}

export interface Summary {
  readonly totals: CallTotals;
  readonly byAgent: readonly CallGroup[];
  readonly byModel: readonly CallGroup[];
  readonly byDialect: readonly CallGroup[];
  readonly byOutcome: readonly CallGroup[];
  readonly tools: readonly ToolCount[];
  readonly exchanges: number;
  readonly health: Health;
}

export interface HealthCount {
  readonly stage: string;
  readonly probe: string;
  readonly reason: string;
  readonly packets: number;
  readonly bytes: number;
}

export interface Health {
  readonly packets: number;
  readonly bytes: number;
  readonly connections: number;
  readonly frames: number;
  readonly retransmittedBytes: number;
  readonly losses: readonly HealthCount[];
  /** Latest notes of the probes, newest first. */
  readonly notes: readonly { readonly probe: string; readonly source: string; readonly note: string }[];
  readonly deadLetters: number;
}

const MEASURES = `
  count() AS calls,
  if(count() = 0, NULL, toUnixTimestamp64Micro(min(request_start))) AS from,
  if(count() = 0, NULL, toUnixTimestamp64Micro(max(request_start))) AS to,
  uniqExactIf(session_id, session_id != '') AS sessions,
  uniqExactIf(agent_id, agent_id != '') AS agents,
  countIf(completeness != 'full') AS incomplete,
  sum(missing_bytes) AS missingBytes,
  countIf(outcome != 'ok') AS notOk,
  quantileTDigestOrNull(0.5)(ttft_ms) AS ttftP50Ms,
  quantileTDigestOrNull(0.95)(ttft_ms) AS ttftP95Ms,
  quantileTDigestOrNull(0.5)(duration_ms) AS durationP50Ms,
  quantileTDigestOrNull(0.95)(duration_ms) AS durationP95Ms,
  sumOrNull(input_tokens) AS inputTokens,
  sumOrNull(output_tokens) AS outputTokens,
  sumOrNull(cache_read_tokens) AS cacheReadTokens,
  sumOrNull(cost_usd) AS costUsd`;

const GROUPS = {
  byAgent: 'agent_id',
  byModel: 'model',
  byDialect: 'dialect',
  byOutcome: 'outcome',
} as const;

/** Summary of the calls that the filter takes. */
export async function summarize(store: Client, filter: CallFilter = {}): Promise<Summary> {
  const [totals, byAgent, byModel, byDialect, byOutcome, tools, exchanges, health] = await Promise.all([
    totalsOf(store, filter),
    groupBy(store, filter, GROUPS.byAgent),
    groupBy(store, filter, GROUPS.byModel),
    groupBy(store, filter, GROUPS.byDialect),
    groupBy(store, filter, GROUPS.byOutcome),
    toolsOf(store, filter),
    ask<{ exchanges: number }>(store, 'SELECT count() AS exchanges FROM exchanges', {}),
    captureHealth(store),
  ]);
  return { totals, byAgent, byModel, byDialect, byOutcome, tools, exchanges: exchanges[0]!.exchanges, health };
}

async function totalsOf(store: Client, filter: CallFilter): Promise<CallTotals> {
  const { conditions, params } = whereOf(filter);
  const rows = await ask<CallTotals>(store, `SELECT ${MEASURES} FROM calls ${whereText(conditions)}`, params);
  return rows[0]!;
}

function groupBy(store: Client, filter: CallFilter, column: string): Promise<CallGroup[]> {
  const { conditions, params } = whereOf(filter);
  const query = `SELECT ${column} AS name, ${MEASURES} FROM calls ${whereText(conditions)}
    GROUP BY ${column} ORDER BY calls DESC, name LIMIT ${SUMMARY_DEFAULTS.groupsMax}`;
  return ask<CallGroup>(store, query, params);
}

function toolsOf(store: Client, filter: CallFilter): Promise<ToolCount[]> {
  const { conditions, params } = whereOf(filter);
  const query = `SELECT name, count() AS toolCalls, uniqExact(call_id) AS calls
    FROM (SELECT call_id, arrayJoin(tool_names) AS name FROM calls ${whereText(conditions)})
    GROUP BY name ORDER BY toolCalls DESC, name LIMIT ${SUMMARY_DEFAULTS.groupsMax}`;
  return ask<ToolCount>(store, query, params);
}

/** What all probes saw and what was lost, by stage, probe and reason. */
export async function captureHealth(store: Client): Promise<Health> {
  const [totals, losses, notes, dead] = await Promise.all([
    ask<Omit<Health, 'losses' | 'notes' | 'deadLetters'>>(
      store,
      `SELECT sum(packets) AS packets, sum(bytes) AS bytes, sum(connections) AS connections, sum(frames) AS frames,
         sum(retransmitted_bytes) AS retransmittedBytes FROM probe_reports`,
      {},
    ),
    ask<HealthCount>(
      store,
      `SELECT stage, probe, reason, sum(capture_health.packets) AS packets, sum(capture_health.bytes) AS bytes
       FROM capture_health GROUP BY stage, probe, reason ORDER BY stage, probe, bytes DESC, reason`,
      {},
    ),
    ask<{ probe: string; source: string; note: string }>(
      store,
      'SELECT probe, source, arrayJoin(notes) AS note FROM probe_reports ORDER BY stored DESC, note LIMIT 20',
      {},
    ),
    ask<{ deadLetters: number }>(store, 'SELECT count() AS deadLetters FROM dead_letters', {}),
  ]);
  return { ...totals[0]!, losses, notes, deadLetters: dead[0]!.deadLetters };
}
