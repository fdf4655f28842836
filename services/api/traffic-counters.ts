/**
 * Counters of the watched traffic, for Prometheus. They count what was stored since this process began: with every scrape, the calls that were
 * stored since the last one are added. So they only grow, whatever retention takes away, and a restart is what Prometheus knows
 * as a counter's reset: rate() and increase() go on. (Sums over the table would fall with retention, and a fall counts as a reset
 * whose whole value is new.)
 */

import type { Store } from '../clickhouse/store.ts';
import { storeSeconds, type TrafficSums, trafficSums } from '../clickhouse/traffic.ts';

export const TRAFFIC_DEFAULTS = {
  /** Rows become visible a little after the time of storing that they carry: younger ones are for the next scrape. */
  lagSeconds: 5,
  /** Provider, model, dialect and agent together; what comes beyond has OTHER as model and agent. */
  groupsMax: 500,
  /** Rows of one look; providers, models … that make more are counted by their largest rows only. */
  rowsMax: 20_000,
  labelCharsMax: 100,
} as const;

const OTHER = '_other';

export interface Histogram {
  count: number;
  seconds: number;
  readonly buckets: number[];
}

export interface TrafficGroup {
  readonly provider: string;
  readonly model: string;
  readonly dialect: string;
  /** '' where agents aren't told. */
  readonly agent: string;
  /** By outcome and finish reason, joined by a NUL. */
  readonly calls: Map<string, number>;
  readonly tokens: { input: number; cache_read: number; output: number };
  costUsd: number;
  readonly ttft: Histogram;
  readonly duration: Histogram;
}

function add(histogram: Histogram, count: number, seconds: number, buckets: readonly number[]): void {
  histogram.count += count;
  histogram.seconds += seconds;
  buckets.forEach((value, at) => {
    histogram.buckets[at] = (histogram.buckets[at] ?? 0) + value;
  });
}

const cut = (text: string): string => text.slice(0, TRAFFIC_DEFAULTS.labelCharsMax);

export class TrafficCounters {
  readonly #store: Pick<Store, 'client'>;
  readonly #byAgent: boolean;
  readonly #began = performance.now();
  readonly #groups = new Map<string, TrafficGroup>();
  /** s, by the store's clock: what was stored before is counted. */
  #until: number | null = null;
  #looking: Promise<void> | null = null;

  constructor(store: Pick<Store, 'client'>, byAgent: boolean) {
    this.#store = store;
    this.#byAgent = byAgent;
  }

  /** Counts what was stored since the last look. Throws what the store throws; nothing is counted twice or left out by that. */
  async read(): Promise<readonly TrafficGroup[]> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
    return [...this.#groups.values()];
  }

  async #look(): Promise<void> {
    const now = await storeSeconds(this.#store);
    this.#until ??= now - Math.ceil((performance.now() - this.#began) / 1000);
    const [from, to] = [this.#until, now - TRAFFIC_DEFAULTS.lagSeconds];
    if (to <= from) return;
    const { rowsMax } = TRAFFIC_DEFAULTS;
    const rows = await trafficSums(this.#store, { from, to, byAgent: this.#byAgent, rowsMax });
    for (const row of rows) this.#count(row);
    this.#until = to;
  }

  #count(row: TrafficSums): void {
    const group = this.#groupOf(row);
    const kind = `${cut(row.outcome)}\0${cut(row.finishReason)}`;
    group.calls.set(kind, (group.calls.get(kind) ?? 0) + row.calls);
    group.tokens.input += row.inputTokens;
    group.tokens.cache_read += row.cacheReadTokens;
    group.tokens.output += row.outputTokens;
    group.costUsd += row.costUsd;
    add(group.ttft, row.ttftCount, row.ttftSeconds, row.ttftBuckets);
    add(group.duration, row.durationCount, row.durationSeconds, row.durationBuckets);
  }

  #groupOf(row: TrafficSums): TrafficGroup {
    const [provider, dialect, model, agent] = [row.provider, row.dialect, row.modelName, row.agent].map(cut) as [
      string,
      string,
      string,
      string,
    ];
    const found = this.#groups.get([provider, dialect, model, agent].join('\0'));
    if (found !== undefined) return found;
    // Models and agents are what the traffic says; providers and dialects are ours.
    const full = this.#groups.size >= TRAFFIC_DEFAULTS.groupsMax;
    const names = full ? { model: OTHER, agent: agent === '' ? '' : OTHER } : { model, agent };
    const key = [provider, dialect, names.model, names.agent].join('\0');
    const group = this.#groups.get(key) ?? {
      provider,
      dialect,
      ...names,
      calls: new Map(),
      tokens: { input: 0, cache_read: 0, output: 0 },
      costUsd: 0,
      ttft: { count: 0, seconds: 0, buckets: [] },
      duration: { count: 0, seconds: 0, buckets: [] },
    };
    this.#groups.set(key, group);
    return group;
  }
}
