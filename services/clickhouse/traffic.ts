/** Sums of the calls that were stored in a time, for counters that only grow. */
import { ask } from './queries.ts';
import type { Store } from './store.ts';

/** Upper bounds, seconds: those that OpenTelemetry advises for gen_ai.server.time_to_first_token and gen_ai.client.operation.duration. */
export const TTFT_BUCKETS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const;
export const DURATION_BUCKETS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
] as const;

export interface TrafficSums {
  readonly provider: string;
  readonly modelName: string;
  readonly dialect: string;
  readonly agent: string;
  readonly outcome: string;
  readonly finishReason: string;
  readonly calls: number;
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number;
  readonly ttftCount: number;
  readonly ttftSeconds: number;
  /** Calls at or below each bound. */
  readonly ttftBuckets: readonly number[];
  readonly durationCount: number;
  readonly durationSeconds: number;
  readonly durationBuckets: readonly number[];
}

function histogram(name: 'ttft' | 'duration', bounds: readonly number[]): string {
  const column = `${name}_ms`;
  return `count(${column}) AS ${name}Count, sum(ifNull(${column}, 0)) / 1000 AS ${name}Seconds,
    sumForEach(arrayMap(bound -> toUInt64(ifNull(${column} <= bound * 1000, 0)), [${bounds.join(', ')}])) AS ${name}Buckets`;
}

/** Sums by label of the calls stored at `from` or later and before `to` (s since the epoch, by the store's clock). */
export function trafficSums(
  store: Pick<Store, 'client'>,
  { from, to, byAgent, rowsMax }: { from: number; to: number; byAgent: boolean; rowsMax: number },
): Promise<TrafficSums[]> {
  return ask<TrafficSums>(
    store,
    `SELECT provider, if(model = '', requested_model, model) AS modelName, dialect, ${byAgent ? 'agent_id' : "''"} AS agent, outcome,
       finish_reason AS finishReason, count() AS calls, sum(ifNull(input_tokens, 0)) AS inputTokens,
       sum(ifNull(cache_read_tokens, 0)) AS cacheReadTokens, sum(ifNull(output_tokens, 0)) AS outputTokens,
       sum(ifNull(cost_usd, 0)) AS costUsd, ${histogram('ttft', TTFT_BUCKETS)}, ${histogram('duration', DURATION_BUCKETS)}
     FROM calls WHERE stored >= toDateTime({from:UInt32}, 'UTC') AND stored < toDateTime({to:UInt32}, 'UTC')
     GROUP BY provider, modelName, dialect, agent, outcome, finishReason ORDER BY calls DESC LIMIT {rowsMax:UInt32}`,
    { from, to, rowsMax },
  );
}

/** The store's clock, s since the epoch. */
export async function storeSeconds(store: Pick<Store, 'client'>): Promise<number> {
  const [now] = await ask<{ seconds: number }>(store, 'SELECT toUnixTimestamp(now()) AS seconds', {});
  return now!.seconds;
}
