/**
 * Metrics by the GenAI semantic conventions: histograms that ClickHouse makes of the calls that were stored in one window of time.
 *
 * Windows begin at multiples of their length, and each is read once it lies `settleMs` back. So a window that is sent again after a
 * crash has the same points at the same times.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Micros } from '../common/types.ts';
import { SCOPE, textAttributes } from './encode.ts';
import { SPAN_MAPPINGS } from './mapping.ts';

/** Series of one process; what comes beyond is counted and left out. Far above providers × models × errors. */
const SERIES_MAX = 5000;

const TOKEN_BOUNDS = Array.from({ length: 14 }, (_, i) => 4 ** i);
const SECOND_BOUNDS = Array.from({ length: 14 }, (_, i) => 0.01 * 2 ** i).map((bound) => Number(bound.toFixed(2)));

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly bounds: readonly number[];
  /** Of the call `r`; null: the call doesn't count. */
  readonly value: string;
  readonly meaning: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const callSql = (key: string): string => {
  const found = SPAN_MAPPINGS.call.attributes.find((attribute) => attribute.key === key);
  if (found === undefined) throw new Error(`There is no attribute ${key}.`);
  return found.sql;
};

/** Attributes of every series. Few values each: no agent, session or user. */
export const METRIC_KEYS = [
  'gen_ai.operation.name',
  'gen_ai.provider.name',
  'gen_ai.request.model',
  'gen_ai.response.model',
  'server.address',
  'error.type',
] as const;

const TOKENS = { name: 'gen_ai.client.token.usage', unit: '{token}', bounds: TOKEN_BOUNDS };

export const METRICS: readonly Metric[] = [
  {
    ...TOKENS,
    value: 'r.input_tokens',
    meaning: 'Input tokens of a call, cached included.',
    attributes: { 'gen_ai.token.type': 'input' },
  },
  {
    ...TOKENS,
    value: 'r.output_tokens',
    meaning: 'Output tokens of a call.',
    attributes: { 'gen_ai.token.type': 'output' },
  },
  {
    name: 'gen_ai.client.operation.duration',
    unit: 's',
    bounds: SECOND_BOUNDS,
    value: 'r.duration_ms / 1000',
    meaning: 'Duration of a call.',
    attributes: {},
  },
  {
    name: 'gen_ai.client.operation.time_to_first_chunk',
    unit: 's',
    bounds: SECOND_BOUNDS,
    value: callSql('gen_ai.response.time_to_first_chunk'),
    meaning: 'Time to the first token of a call that streams.',
    attributes: {},
  },
];

/** A histogram's points since some time. */
export interface Series {
  readonly metric: Metric;
  readonly attributes: Readonly<Record<string, string>>;
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly number[];
}

/** Bucket i holds what is above bound i − 1 and not above bound i. */
function metricQuery({ value, bounds }: Metric): string {
  const keys = METRIC_KEYS.map((key, i) => `toString(${callSql(key)}) AS k${i}`);
  return `SELECT [${METRIC_KEYS.map((_, i) => `k${i}`).join(', ')}] AS keys, count() AS count, sum(v) AS sum,
      sumForEach(arrayMap(i -> toUInt64(i = bucket), range(${bounds.length + 1}))) AS buckets
    FROM (
      SELECT ${keys.join(', ')}, toFloat64(assumeNotNull(${value})) AS v, arrayCount(bound -> bound < v, [${bounds.join(', ')}]) AS bucket
      FROM calls AS r
      WHERE r.stored > fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND r.stored <= fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND isNotNull(${value})
    ) GROUP BY keys ORDER BY keys`;
}

/** Calls stored after `from` and up to `until`. */
export async function readWindow(client: ClickHouseClient, from: Micros, until: Micros): Promise<Series[]> {
  const series: Series[] = [];
  for (const metric of METRICS) {
    const result = await client.query({
      query: metricQuery(metric),
      query_params: { from, until },
      format: 'JSONCompactEachRow',
      clickhouse_settings: { max_threads: 1, output_format_json_quote_64bit_integers: 0 },
    });
    for (const [keys, count, sum, buckets] of await result.json<[string[], number, number, number[]]>()) {
      const named = METRIC_KEYS.map((key, i) => [key, keys[i] ?? ''] as const).filter(([, text]) => text !== '');
      series.push({ metric, attributes: { ...Object.fromEntries(named), ...metric.attributes }, count, sum, buckets });
    }
  }
  return series;
}

/** Sums windows up: what is sent grows from the start of the process on, as Prometheus wants it. */
export class Totals {
  readonly #series = new Map<string, Series>();
  overflowed = 0;

  add(window: readonly Series[]): void {
    for (const series of window) {
      const key = JSON.stringify([series.metric.name, series.attributes]);
      const before = this.#series.get(key);
      if (before === undefined && this.#series.size >= SERIES_MAX) {
        this.overflowed++;
        continue;
      }
      this.#series.set(key, before === undefined ? series : plus(before, series));
    }
  }

  all(): readonly Series[] {
    return [...this.#series.values()];
  }
}

function plus(a: Series, b: Series): Series {
  const buckets = a.buckets.map((count, i) => count + (b.buckets[i] ?? 0));
  return { ...a, count: a.count + b.count, sum: a.sum + b.sum, buckets };
}

export interface Span {
  readonly from: Micros;
  readonly until: Micros;
  readonly temporality: 'cumulative' | 'delta';
}

const TEMPORALITY = { delta: 1, cumulative: 2 } as const;

/** Body of a request to /v1/metrics. */
export function encodeMetrics(all: readonly Series[], { from, until, temporality }: Span, exporter: string): object {
  const times = { startTimeUnixNano: `${from}000`, timeUnixNano: `${until}000` };
  const metrics = [...Map.groupBy(all, ({ metric }) => metric.name)].map(([name, series]) => ({
    name,
    unit: series[0]?.metric.unit,
    histogram: {
      aggregationTemporality: TEMPORALITY[temporality],
      dataPoints: series.map(({ metric, attributes, count, sum, buckets }) => ({
        ...times,
        attributes: textAttributes(attributes),
        count: String(count),
        sum,
        bucketCounts: buckets.map(String),
        explicitBounds: metric.bounds,
      })),
    },
  }));
  const resource = { attributes: textAttributes({ 'service.name': SCOPE.name, 'service.instance.id': exporter }) };
  return { resourceMetrics: [{ resource, scopeMetrics: [{ scope: SCOPE, metrics }] }] };
}
