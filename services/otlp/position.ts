/**
 * What has become ready to be sent since the last look, from ClickHouse alone.
 *
 * A row is ready at a time by the server's clock: when it was stored or evaluated, or, as long as it is open, when it has been quiet for
 * a while after that. So the position is one time a source, and a row that changes later becomes ready again. Rows may become
 * visible after their time: every look goes back a little, every now and then further, and what was taken is remembered for so long.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Micros } from '../common/types.ts';

const SECOND = 1_000_000;
const OVERLAP = 3 * SECOND;
const LONG_OVERLAP = 60 * SECOND;
const LONG_EVERY_MS = 10_000;
/** How often the place is written down, ms. What was sent since is sent again after a crash, with the same ids. */
const SAVE_INTERVAL_MS = 5000;

export interface Ready {
  /** Key of the row and its version: equal when it has not changed. */
  readonly key: string;
  readonly version: string;
  readonly at: Micros;
}

/** Finds rows that became ready after `from` and up to `until`, the earliest first. */
export type FindReady = (from: Micros, until: Micros, limit: number) => Promise<readonly Ready[]>;

export interface Taken {
  readonly rows: readonly Ready[];
  readonly newest: Micros;
  readonly more: boolean;
}

export class Position {
  readonly #client: ClickHouseClient;
  readonly #exporter: string;
  readonly #source: string;
  readonly #find: FindReady;
  #done: Micros | null = null;
  readonly #seen = new Map<string, Ready>();
  #longAt = Number.NEGATIVE_INFINITY;
  #savedAt = Number.NEGATIVE_INFINITY;
  #saved: Micros = 0;

  constructor(client: ClickHouseClient, exporter: string, source: string, find: FindReady) {
    this.#client = client;
    this.#exporter = exporter;
    this.#source = source;
    this.#find = find;
  }

  /** `start`: where an exporter begins that has no place yet. */
  async load(start: Micros): Promise<Micros> {
    if (this.#done !== null) return this.#done;
    const stored = await loadPosition(this.#client, this.#exporter, this.#source);
    this.#done = stored ?? start;
    this.#saved = stored ?? -1;
    return this.#done;
  }

  /** Rows that are ready up to `until` and weren't taken yet. */
  async take(until: Micros, limit: number): Promise<Taken> {
    const long = performance.now() - this.#longAt > LONG_EVERY_MS;
    if (long) this.#longAt = performance.now();
    const from = Math.max(0, (this.#done ?? 0) - (long ? LONG_OVERLAP : OVERLAP));
    const ready = await this.#find(from, until, limit + this.#seen.size);
    const rows: Ready[] = [];
    let newest = 0;
    for (const row of ready) {
      if (rows.length >= limit) break;
      newest = row.at;
      if (this.#seen.get(row.key)?.version === row.version) continue;
      // Put at the end: the map is in order of time, nearly.
      this.#seen.delete(row.key);
      this.#seen.set(row.key, row);
      rows.push(row);
    }
    return { rows, newest, more: rows.length >= limit };
  }

  /** These are with the receiver. */
  async done({ newest }: Taken): Promise<void> {
    const place = (this.#done = Math.max(this.#done ?? 0, newest));
    for (const [key, { at }] of this.#seen) {
      if (at >= place - LONG_OVERLAP - OVERLAP) break;
      this.#seen.delete(key);
    }
    if (performance.now() - this.#savedAt >= SAVE_INTERVAL_MS) await this.save();
  }

  async save(): Promise<void> {
    const place = this.#done;
    if (place === null || place === this.#saved) return;
    await savePosition(this.#client, this.#exporter, this.#source, place);
    this.#savedAt = performance.now();
    this.#saved = place;
  }

  /** Begins again at the place that was saved last: what was taken may not have been sent. */
  reset(): void {
    this.#done = null;
    this.#seen.clear();
    this.#longAt = Number.NEGATIVE_INFINITY;
  }
}

export async function loadPosition(client: ClickHouseClient, exporter: string, source: string): Promise<Micros | null> {
  const result = await client.query({
    query: `SELECT toString(toUnixTimestamp64Micro(max(done_until))), count() FROM otlp_state
      WHERE exporter = {exporter:String} AND source = {source:String}`,
    query_params: { exporter, source },
    format: 'JSONCompactEachRow',
  });
  const [[place, count] = ['0', 0]] = await result.json<[string, string | number]>();
  return Number(count) === 0 ? null : Number(place);
}

export async function savePosition(
  client: ClickHouseClient,
  exporter: string,
  source: string,
  place: Micros,
): Promise<void> {
  await client.command({
    query: `INSERT INTO otlp_state SELECT {exporter:String}, {source:String}, fromUnixTimestamp64Micro({place:Int64}, 'UTC'), toUnixTimestamp64Micro(now64(6))`,
    query_params: { exporter, source, place },
  });
}
