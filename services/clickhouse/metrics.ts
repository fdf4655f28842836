/** Aggregates of calls over time: counts, tokens, cost and latencies, whole or by a dimension. */
import type { Micros } from '../common/types.ts';
import { ask, type CallFilter, whereOf, whereText } from './queries.ts';
import type { Store } from './store.ts';

type Client = Pick<Store, 'client'>;

export const METRIC_LIMITS = {
  /** Groups, those with the most calls; the calls of the others are told as `omittedCalls`. */
  groupsMax: 50,
  /** Steps of time in one answer, and the rows that groups times steps may come to. */
  stepsMax: 1500,
  rowsMax: 20_000,
} as const;

/** What calls are grouped by. */
export const METRIC_DIMENSIONS = {
  model: "if(model = '', requested_model, model)",
  agentId: 'agent_id',
  provider: 'provider',
  teamId: 'team_id',
  dialect: 'dialect',
  outcome: 'outcome',
  finishReason: 'finish_reason',
  clientName: 'client_name',
} as const;

export type MetricDimension = keyof typeof METRIC_DIMENSIONS;

export interface MetricPoint {
  /** Beginning of the step, µs; null without `step`. */
  readonly time: Micros | null;
  /** Value of the dimension; '' without one. */
  readonly value: string;
  readonly calls: number;
  /** Outcome other than ok. */
  readonly errors: number;
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** Of the calls whose price is known; `unpriced` is the number of the others. */
  readonly costUsd: number;
  readonly unpriced: number;
  /** Null where no call has one. Approximate (t-digest), off by less than 1 % of the rank. */
  readonly ttftP50Ms: number | null;
  readonly ttftP95Ms: number | null;
  readonly ttftP99Ms: number | null;
  readonly durationP50Ms: number | null;
  readonly durationP95Ms: number | null;
  readonly durationP99Ms: number | null;
}

export interface MetricsQuery {
  readonly filter: CallFilter & { readonly from: Micros; readonly to: Micros };
  readonly by: MetricDimension | null;
  /** Seconds; null: one step for all. */
  readonly stepSeconds: number | null;
}

const QUANTILES = ['ttft', 'duration'].flatMap((name) =>
  [0.5, 0.95, 0.99].map((level) => {
    const label = `${name}P${Math.round(level * 100)}Ms`;
    return `quantileTDigestOrNull(${level})(${name}_ms) AS ${label}`;
  }),
);

const MEASURES = `count() AS calls, countIf(outcome != 'ok') AS errors, sum(ifNull(input_tokens, 0)) AS inputTokens,
  sum(ifNull(cache_read_tokens, 0)) AS cacheReadTokens, sum(ifNull(output_tokens, 0)) AS outputTokens,
  sum(ifNull(reasoning_tokens, 0)) AS reasoningTokens, sum(ifNull(cost_usd, 0)) AS costUsd, countIf(cost_usd IS NULL) AS unpriced,
  ${QUANTILES.join(', ')}`;

/** Points in order of time and value. Steps without a call are left out. */
export async function callMetrics(
  store: Client,
  { filter, by, stepSeconds }: MetricsQuery,
): Promise<{ readonly points: readonly MetricPoint[]; readonly omittedCalls: number }> {
  const { conditions, params } = whereOf(filter);
  const where = whereText(conditions);
  const time =
    stepSeconds === null ? 'NULL' : `intDiv(toUnixTimestamp64Micro(request_start), {step:UInt64}) * {step:UInt64}`;
  const group = by === null ? "''" : METRIC_DIMENSIONS[by];
  const bound = {
    ...params,
    step: (stepSeconds ?? 0) * 1e6,
    groups: METRIC_LIMITS.groupsMax,
    rows: METRIC_LIMITS.rowsMax,
  };
  const largest = `SELECT ${group} AS g FROM calls ${where} GROUP BY g ORDER BY count() DESC, g LIMIT {groups:UInt32}`;
  const chosen = by === null ? conditions : [...conditions, `${group} IN (${largest})`];
  const [points, [all]] = await Promise.all([
    ask<MetricPoint>(
      store,
      `SELECT ${time} AS time, ${group} AS value, ${MEASURES} FROM calls ${whereText(chosen)}
       GROUP BY time, value ORDER BY time, value LIMIT {rows:UInt32}`,
      bound,
    ),
    ask<{ calls: number }>(store, `SELECT count() AS calls FROM calls ${where}`, params),
  ]);
  const told = points.reduce((sum, point) => sum + point.calls, 0);
  return { points, omittedCalls: Math.max(0, (all?.calls ?? 0) - told) };
}
