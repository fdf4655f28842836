/** Reads what is to be sent: which rows are ready, and the spans and findings of these. */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Micros } from '../common/types.ts';
import type { SpanRow } from './encode.ts';
import type { SpanKindName } from './mapping.ts';
import type { Ready } from './position.ts';
import { findingSelect, spanSelect } from './span-sql.ts';

/** What is read from; a finding is no span. */
export type Source = SpanKindName | 'finding';

interface Versions {
  readonly table: string;
  readonly key: string;
  /** Time of what is still open; null: rows of this table are never open. */
  readonly open: { readonly when: string; readonly since: string } | null;
}

/** Keys are two ids with a colon between: the session, by which the tables are ordered, comes last, since it may hold anything. */
const VERSIONS: Readonly<Record<Exclude<Source, 'call'>, Versions>> = {
  turn: {
    table: 'turn_rows',
    key: "concat(turn_id, ':', session_id)",
    open: { when: "outcome = 'open'", since: 'ended' },
  },
  tool: {
    table: 'tool_call_rows',
    key: "concat(call_id, ':', toString(position), ':', session_id)",
    open: { when: 'isNull(result_seen)', since: 'requested' },
  },
  finding: { table: 'finding_rows', key: "concat(finding_id, ':', session_id)", open: null },
};

const CALLS_READY = `SELECT call_id, '', toUnixTimestamp(stored) * 1000000 AS at FROM calls
  WHERE stored > fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND stored <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  ORDER BY at, call_id LIMIT {limit:UInt32}`;

/** A row counts from its version; while it is open, from when it has been quiet, but at most so long after its version. */
function versionsReady({ table, key, open }: Versions): string {
  const at =
    open === null
      ? 'version'
      : `if(${open.when}, version + greatest(0, least(toInt64({quiet:Int64}), toUnixTimestamp64Micro(${open.since}) + {quiet:Int64} - toInt64(version))), version)`;
  return `SELECT ${key} AS key, toString(max(version)) AS newest, toInt64(argMax(${at}, version)) AS at FROM ${table}
    WHERE version > {from:Int64} - {quiet:Int64}
    GROUP BY key HAVING at > {from:Int64} AND at <= {until:Int64} ORDER BY at, key LIMIT {limit:UInt32}`;
}

const EXTRA = `
    toString(toUnixTimestamp64Nano(Timestamp)) AS startNanos, toString(toUnixTimestamp64Nano(Timestamp) + Duration) AS endNanos,
    \`Links.TraceId\` AS linkTraces, \`Links.SpanId\` AS linkSpans,`;

export interface FindingRow {
  readonly finding_id: string;
  readonly version: string;
  readonly kind: string;
  readonly rule: string;
  readonly level: string;
  readonly state: string;
  readonly session_id: string;
  readonly turn_id: string;
  readonly agent_id: string;
  readonly user_id: string;
  readonly team_id: string;
  readonly tool_name: string;
  readonly summary: string;
  readonly occurrences: number;
  readonly wasted_calls: number;
  readonly wasted_tokens: string;
  readonly wasted_cost_usd: number;
  readonly nanos: string;
  readonly TraceId: string;
  readonly SpanId: string;
}

export class OtlpReader {
  readonly #client: ClickHouseClient;
  readonly #quiet: Micros;
  readonly #content: boolean;
  readonly #aborted: AbortSignal;

  /** `aborted`: what is under way gives up. */
  constructor(client: ClickHouseClient, quietMs: number, content: boolean, aborted: AbortSignal) {
    this.#aborted = aborted;
    this.#client = client;
    this.#quiet = quietMs * 1000;
    this.#content = content;
  }

  /** The server's time, µs since the epoch. */
  async now(): Promise<Micros> {
    const [row] = await this.#rows<[string]>('SELECT toString(toUnixTimestamp64Micro(now64(6)))', {}, 'compact');
    return Number(row?.[0] ?? 0);
  }

  async ready(source: Source, from: Micros, until: Micros, limit: number): Promise<Ready[]> {
    const query = source === 'call' ? CALLS_READY : versionsReady(VERSIONS[source]);
    const params = { from, until, limit, quiet: this.#quiet };
    const rows = await this.#rows<[string, string, string | number]>(query, params, 'compact');
    return rows.map(([key, version, at]) => ({ key, version, at: Number(at) }));
  }

  /** Of rows that are gone meanwhile there is none. */
  async spans(kind: SpanKindName, ready: readonly Ready[]): Promise<SpanRow[]> {
    const narrow = kind === 'call' ? callKeys(ready) : storyKeys(kind, ready);
    const turns = ` AND turn_id IN (SELECT r.turn_id FROM ${kind === 'call' ? 'calls' : VERSIONS[kind].table} AS r WHERE ${narrow.where})`;
    const sessions = `AND session_id IN (SELECT r.session_id FROM calls AS r WHERE ${narrow.where})`;
    const ofCalls = {
      turn: '',
      call: ` ${sessions} AND call_id IN {keys:Array(String)}`,
      tool: ' AND call_id IN {calls:Array(String)}',
    };
    const query = spanSelect(kind, {
      where: narrow.where,
      turns,
      calls: ofCalls[kind],
      content: this.#content,
      extra: EXTRA,
    });
    const rows = await this.#rows<Omit<SpanRow, 'kind'>>(query, narrow.params);
    return rows.map((row) => ({ ...row, kind }));
  }

  async findings(ready: readonly Ready[]): Promise<FindingRow[]> {
    const { where, params } = storyKeys('finding', ready);
    return this.#rows(findingSelect(where), params);
  }

  async #rows<Row>(query: string, params: Readonly<Record<string, unknown>>, form = ''): Promise<Row[]> {
    const result = await this.#client.query({
      query,
      query_params: { ...params },
      format: form === 'compact' ? 'JSONCompactEachRow' : 'JSONEachRow',
      abort_signal: this.#aborted,
      // One thread: reading for others must not take the store from those who write.
      clickhouse_settings: { max_threads: 1 },
    });
    return (await result.json()) as Row[];
  }
}

/** ClickHouse takes 128 KB for one parameter; half of it is left for what must be escaped. */
const KEYS_BYTES_MAX = 50_000;

/** Parts that can be asked for at once: session ids may be long. */
export function askable(ready: readonly Ready[]): Ready[][] {
  const parts: Ready[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const row of ready) {
    bytes += Buffer.byteLength(row.key) + 3;
    if (bytes > KEYS_BYTES_MAX) {
      parts.push([]);
      bytes = Buffer.byteLength(row.key) + 3;
    }
    parts.at(-1)?.push(row);
  }
  return parts;
}

interface Narrowed {
  readonly where: string;
  readonly params: Readonly<Record<string, readonly string[] | number>>;
}

function callKeys(ready: readonly Ready[]): Narrowed {
  const at = ready.map((row) => row.at);
  return {
    where: `r.stored BETWEEN fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND r.call_id IN {keys:Array(String)}`,
    params: { keys: ready.map(({ key }) => key), from: Math.min(...at), until: Math.max(...at) },
  };
}

function storyKeys(source: Exclude<Source, 'call'>, ready: readonly Ready[]): Narrowed {
  const keys = ready.map(({ key }) => key);
  const fields = source === 'tool' ? 2 : 1;
  const parts = keys.map((key) => key.split(':'));
  const sessions = [...new Set(parts.map((part) => part.slice(fields).join(':')))];
  const calls = [...new Set(parts.map(([id]) => id ?? ''))];
  const column = VERSIONS[source].key.replace(/\b(turn_id|session_id|call_id|position|finding_id)\b/g, 'r.$1');
  return {
    where: `r.session_id IN {sessions:Array(String)} AND ${column} IN {keys:Array(String)}`,
    params: { keys, sessions, ...(source === 'tool' ? { calls } : {}) },
  };
}
