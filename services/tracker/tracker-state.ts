/** How far the tracker has come, and what it wrote before. */
import type { ClickHouseClient } from '@clickhouse/client';
import { paramChunks } from '../clickhouse/param-chunks.ts';
import type { Micros } from '../common/types.ts';
import type { CallReader } from './reader.ts';

const NAME = 'tracker';
/** How often the place is written down, ms. What was done since is done again after a crash. */
const SAVE_INTERVAL_MS = 5000;
/** How often findings that have become quiet are looked for, ms. */
const QUIET_INTERVAL_MS = 5000;
/** Rows become visible a while after their time of storing: so far every look goes back, and every now and then one goes further, s. */
const OVERLAP_S = 3;
const LONG_OVERLAP_S = 60;
const LONG_EVERY_MS = 10_000;
/** Ids of calls that were taken and may be met again. */
const SEEN_S = LONG_OVERLAP_S + 5;

export interface Fresh {
  /** None was stored before, s since the epoch. */
  readonly from: number;
  readonly ids: readonly string[];
  /** Time of storing of the newest one, s; 0 when there is none. */
  readonly newest: number;
  readonly more: boolean;
}

export class TrackerState {
  readonly #client: ClickHouseClient;
  /** Calls stored before are done, s since the epoch. */
  #since: number | null = null;
  /** Id → time of storing. */
  readonly #seen = new Map<string, number>();
  #longAt = Number.NEGATIVE_INFINITY;
  #savedAt = 0;
  #saved = 0;
  #quietAt = Number.NEGATIVE_INFINITY;

  constructor(client: ClickHouseClient) {
    this.#client = client;
  }

  async #place(): Promise<number> {
    if (this.#since === null) {
      const query = `SELECT toUnixTimestamp(max(stored_until)) FROM tracker_state WHERE name = {name:String}`;
      const [[stored] = [0]] = await this.#rows<[number]>(query, { name: NAME });
      this.#since = this.#saved = Number(stored);
    }
    return this.#since;
  }

  /** Begins again at the place that was saved last. */
  reset(): void {
    this.#since = null;
    this.#seen.clear();
    this.#longAt = Number.NEGATIVE_INFINITY;
  }

  /** Calls that were stored since and not taken yet. */
  async fresh(reader: CallReader, limit: number): Promise<Fresh> {
    const long = performance.now() - this.#longAt > LONG_EVERY_MS;
    if (long) this.#longAt = performance.now();
    const from = Math.max(0, (await this.#place()) - (long ? LONG_OVERLAP_S : OVERLAP_S));
    const stored = await reader.storedSince(from, limit + this.#seen.size);
    const ids: string[] = [];
    let newest = 0;
    for (const [id, time] of stored) {
      if (ids.length >= limit) break;
      newest = time;
      if (this.#seen.has(id)) continue;
      this.#seen.set(id, time);
      ids.push(id);
    }
    return { ids, from, newest, more: ids.length >= limit };
  }

  async done({ newest }: Fresh, version: Micros): Promise<void> {
    if (newest > (this.#since ?? 0)) this.#since = newest;
    const since = this.#since ?? 0;
    for (const [id, time] of this.#seen) {
      if (time >= since - SEEN_S) break;
      this.#seen.delete(id);
    }
    if (since === this.#saved || performance.now() - this.#savedAt < SAVE_INTERVAL_MS) return;
    const values = [{ name: NAME, stored_until: since, version }];
    await this.#client.insert({ table: 'tracker_state', values, format: 'JSONEachRow' });
    this.#savedAt = performance.now();
    this.#saved = since;
  }

  /** When those of the sessions began that have a row. */
  async known(sessionIds: readonly string[]): Promise<ReadonlyMap<string, Micros>> {
    const query = `SELECT session_id, toUnixTimestamp64Micro(min(started)) FROM session_rows WHERE session_id IN {ids:Array(String)} GROUP BY session_id`;
    const began = new Map<string, Micros>();
    for (const ids of paramChunks(sessionIds)) {
      for (const [id, started] of await this.#rows<[string, string | number]>(query, { ids }))
        began.set(id, Number(started));
    }
    return began;
  }

  /** Turns of these sessions that have rows, by session. */
  async turnsOf(sessionIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const query =
      'SELECT session_id, groupUniqArray(turn_id) FROM turn_rows WHERE session_id IN {ids:Array(String)} GROUP BY session_id';
    const turns = new Map<string, readonly string[]>();
    for (const ids of paramChunks(sessionIds)) {
      for (const [id, list] of await this.#rows<[string, string[]]>(query, { ids })) turns.set(id, list);
    }
    return turns;
  }

  /** Resolves findings whose agents have gone quiet. */
  async resolveQuiet(quietMs: number): Promise<void> {
    if (performance.now() - this.#quietAt < QUIET_INTERVAL_MS) return;
    this.#quietAt = performance.now();
    const open = `SELECT * FROM finding_rows FINAL WHERE state = 'open' AND kind != 'rule' AND last_seen < now64(6) - toIntervalMillisecond({quiet:UInt64})`;
    const [[count] = [0]] = await this.#rows<[number]>(`SELECT count() FROM (${open})`, { quiet: quietMs });
    if (Number(count) === 0) return;
    const resolved = `'resolved' AS state, last_seen + toIntervalMillisecond({quiet:UInt64}) AS resolved_at, toUnixTimestamp64Micro(now64(6)) AS version, now() AS stored`;
    await this.#client.command({
      query: `INSERT INTO finding_rows SELECT * REPLACE (${resolved}) FROM (${open})`,
      query_params: { quiet: quietMs },
    });
  }

  async #rows<Row>(query: string, params: Readonly<Record<string, unknown>>): Promise<Row[]> {
    const result = await this.#client.query({ query, query_params: { ...params }, format: 'JSONCompactEachRow' });
    return (await result.json()) as Row[];
  }
}
