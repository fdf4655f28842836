/** Runs a rule's query: read only, with limits that it can't lift, and never longer than its time. */
import type { Store } from '../clickhouse/store.ts';
import { BitternError } from '../common/errors.ts';
import { RULE_DEFAULTS } from './settings.ts';

export interface RuleLimits {
  readonly timeoutMs: number;
  readonly rowsMax: number;
  readonly memoryBytesMax: number;
}

export interface RuleColumn {
  readonly name: string;
  /** ClickHouse's: `LowCardinality(String)`. */
  readonly type: string;
}

export interface RuleAnswer {
  readonly columns: readonly RuleColumn[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** Beyond ClickHouse's own limit of time, for the way there and back. */
const GRACE_MS = 2_000;

/**
 * `at`: what `{now:DateTime64(6)}` in the query stands for, µs since the epoch.
 * @throws BitternError BIT_RULE_FAILED with the server's reason
 */
export async function runRuleQuery(
  store: Pick<Store, 'client'>,
  sql: string,
  at: number,
  limits: RuleLimits,
): Promise<RuleAnswer> {
  try {
    const result = await store.client.query({
      query: sql.replace(/[\s;]+$/, ''),
      format: 'JSON',
      query_params: { now: new Date(at / 1000).toISOString().replace('T', ' ').replace('Z', '') },
      abort_signal: AbortSignal.timeout(limits.timeoutMs + GRACE_MS),
      clickhouse_settings: {
        // 1: neither data nor settings may be changed, so a SETTINGS clause can't lift what follows.
        readonly: '1',
        session_timezone: 'UTC',
        max_execution_time: limits.timeoutMs / 1000,
        max_result_rows: String(limits.rowsMax),
        result_overflow_mode: 'throw',
        max_memory_usage: String(limits.memoryBytesMax),
        max_rows_to_read: String(RULE_DEFAULTS.rowsReadMax),
        max_threads: RULE_DEFAULTS.threadsMax,
        max_result_bytes: String(RULE_DEFAULTS.resultBytesMax),
      },
    });
    const answer = await result.json<Record<string, unknown>>();
    const columns = answer.meta ?? [];
    if (columns.length > RULE_DEFAULTS.columnsMax) throw new Error(`more than ${RULE_DEFAULTS.columnsMax} columns`);
    return { columns, rows: answer.data };
  } catch (cause) {
    const { message, name } = cause as Error;
    const reason = name === 'TimeoutError' ? `no answer within ${limits.timeoutMs} ms` : message || name;
    throw new BitternError('BIT_RULE_FAILED', `The rule's query failed: ${reason.slice(0, 500)}`, { cause });
  }
}
