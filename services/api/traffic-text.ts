/** Counters of the watched traffic in the Prometheus text format (services/observe/exposition.ts has its grammar). */
import { DURATION_BUCKETS, TTFT_BUCKETS } from '../clickhouse/traffic.ts';
import { escapeValue } from '../observe/exposition.ts';
import type { Histogram, TrafficGroup } from './traffic-counters.ts';

type Labels = Readonly<Record<string, string>>;

function labelsText(labels: Labels): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeValue(value)}"`)
    .join(',')}}`;
}

function labelsOf({ provider, model, dialect, agent }: TrafficGroup, byAgent: boolean): Labels {
  return { provider, model, dialect, ...(byAgent ? { agent } : {}) };
}

function histogramLines(name: string, labels: Labels, histogram: Histogram, bounds: readonly number[]): string[] {
  if (histogram.count === 0) return [];
  return [
    ...bounds.map(
      (bound, at) => `${name}_bucket${labelsText({ ...labels, le: String(bound) })} ${histogram.buckets[at] ?? 0}`,
    ),
    `${name}_bucket${labelsText({ ...labels, le: '+Inf' })} ${histogram.count}`,
    `${name}_sum${labelsText(labels)} ${histogram.seconds}`,
    `${name}_count${labelsText(labels)} ${histogram.count}`,
  ];
}

interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'histogram';
  readonly help: string;
  lines(name: string, labels: Labels, group: TrafficGroup): readonly string[];
}

export const TRAFFIC_METRICS: readonly Metric[] = [
  {
    name: 'bittern_traffic_calls_total',
    type: 'counter',
    help: 'LLM calls that were stored; also by outcome and finish reason.',
    lines: (name, labels, { calls }) =>
      [...calls].map(([kind, value]) => {
        const [outcome = '', finish_reason = ''] = kind.split('\0');
        return `${name}${labelsText({ ...labels, outcome, finish_reason })} ${value}`;
      }),
  },
  {
    name: 'bittern_traffic_tokens_total',
    type: 'counter',
    help: 'Their tokens: input (cached ones included), cache_read (of these), output (reasoning included).',
    lines: (name, labels, { tokens }) =>
      Object.entries(tokens).map(([type, value]) => `${name}${labelsText({ ...labels, type })} ${value}`),
  },
  {
    name: 'bittern_traffic_cost_usd_total',
    type: 'counter',
    help: 'What they cost, as far as prices are known, US dollars.',
    lines: (name, labels, { costUsd }) => [`${name}${labelsText(labels)} ${costUsd}`],
  },
  {
    name: 'bittern_traffic_time_to_first_token_seconds',
    type: 'histogram',
    help: 'From the last byte of the request to the first event with content; streaming calls only.',
    lines: (name, labels, { ttft }) => histogramLines(name, labels, ttft, TTFT_BUCKETS),
  },
  {
    name: 'bittern_traffic_duration_seconds',
    type: 'histogram',
    help: 'From the first byte of the request to the last one of the response.',
    lines: (name, labels, { duration }) => histogramLines(name, labels, duration, DURATION_BUCKETS),
  },
];

/** `byAgent`: with the label `agent`. */
export function trafficText(groups: readonly TrafficGroup[], byAgent: boolean): string {
  const lines = TRAFFIC_METRICS.flatMap((metric) => [
    `# HELP ${metric.name} ${metric.help}`,
    `# TYPE ${metric.name} ${metric.type}`,
    ...groups.flatMap((group) => metric.lines(metric.name, labelsOf(group, byAgent), group)),
  ]);
  return `${lines.join('\n')}\n`;
}
