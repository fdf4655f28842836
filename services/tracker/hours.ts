/**
 * Keeps the hours of `call_hours` equal to what `calls` holds (docs/decisions/0019).
 *
 *     hours of calls that were stored or moved since ─► each computed anew from `calls` ─► rows under a new version
 *                                                   ─► the version is written down: from here on the view shows it
 *
 * A crash in between leaves rows of a version that nobody reads. A whole hour is computed at a time, so it doesn't matter how often or in
 * which pieces, nor why its calls have changed.
 */
import type { ClickHouseClient, ClickHouseSettings } from '@clickhouse/client';

const NAME = 'hours';
/** How often the hours are looked at while calls come, ms. */
const INTERVAL_MS = 30_000;
/** Rows become visible a while after their time of storing: every look goes back so far, s. */
const OVERLAP_S = 60;
/** Hours of one statement: bounds the memory of the digests. */
const HOURS_MAX = 6;
const HOUR_S = 3600;
/** At the start and so often all hours of the last days are computed, whatever has changed them, ms. */
const ALL_EVERY_MS = 3_600_000;
const ALL_S = 2 * 86_400;
/** A version is written down within this time of its begin or never, and only versions that are older are cleared away, µs. */
const COMMIT_WITHIN = 300_000_000;
const CLEAR_AFTER = 2 * COMMIT_WITHIN;
const CLEAR_EVERY_MS = 600_000;

const COMPUTE = `INSERT INTO call_hour_rows (hour, version, agent_id, team_id, client_name, provider, model, calls, errors, client_aborts,
    incomplete, streams, unpriced, tool_requests, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
    cost_usd, stalls, ttft, duration, speed)
  SELECT toStartOfHour(request_start) AS hour, {version:UInt64}, agent_id, team_id, client_name, provider, model, count(),
    countIf(outcome IN ('http_error', 'stream_error', 'upstream_abort', 'timeout')), countIf(outcome = 'client_abort'),
    countIf(completeness != 'full'), countIf(streaming), countIf(cost_usd IS NULL), sum(length(tool_names)),
    sum(ifNull(input_tokens, 0)), sum(ifNull(cache_read_tokens, 0)), sum(ifNull(cache_write_tokens, 0)),
    sum(ifNull(output_tokens, 0)), sum(ifNull(reasoning_tokens, 0)), sum(ifNull(cost_usd, 0)), countIf(token_gap_max_ms > 5000),
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(ifNull(ttft_ms, 0), ttft_ms IS NOT NULL),
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(ifNull(duration_ms, 0), duration_ms IS NOT NULL),
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(ifNull(output_tokens_per_second, 0), output_tokens_per_second IS NOT NULL)
  FROM calls
  WHERE request_start >= toDateTime64({from:UInt32}, 6, 'UTC') AND request_start < toDateTime64({to:UInt32}, 6, 'UTC')
    AND toUnixTimestamp(toStartOfHour(request_start)) IN {hours:Array(UInt32)}
  GROUP BY hour, agent_id, team_id, client_name, provider, model`;

export class Hours {
  readonly #client: ClickHouseClient;
  readonly #settings: ClickHouseSettings;
  #at = Number.NEGATIVE_INFINITY;
  #allAt = Number.NEGATIVE_INFINITY;
  #clearedAt = performance.now();

  /** `settings`: of the statement that computes hours. */
  constructor(client: ClickHouseClient, settings: ClickHouseSettings = {}) {
    this.#client = client;
    this.#settings = settings;
  }

  /** Computes the hours that may have changed. `patient`: not more often than every 30 s. */
  async refresh(patient: boolean): Promise<void> {
    if (patient && performance.now() - this.#at < INTERVAL_MS) return;
    this.#at = performance.now();
    const all = performance.now() - this.#allAt > ALL_EVERY_MS;
    const [[version] = ['0']] = await this.#rows<[string]>('SELECT toString(toUnixTimestamp64Micro(now64(6)))', {});
    const hours = await this.#changed(all ? Math.floor(Number(version) / 1e6) - ALL_S : null);
    for (let at = 0; at < hours.length; at += HOURS_MAX) await this.#compute(hours.slice(at, at + HOURS_MAX));
    if (hours.length > 0) await this.#save(Math.floor(Number(version) / 1e6));
    if (all) this.#allAt = performance.now();
    if (performance.now() - this.#clearedAt > CLEAR_EVERY_MS) await this.clear();
  }

  /** Hours as s since the epoch, in order. `since`: also all hours with calls, or with rows, that began later. */
  async #changed(since: number | null): Promise<number[]> {
    const every = `UNION DISTINCT SELECT toStartOfHour(request_start) FROM calls WHERE request_start >= toDateTime({since:UInt32}, 'UTC')
      UNION DISTINCT SELECT hour FROM call_hours WHERE hour >= toDateTime({since:UInt32}, 'UTC')`;
    const query = `SELECT DISTINCT toUnixTimestamp(hour) FROM (
      SELECT toStartOfHour(request_start) AS hour FROM calls WHERE stored >= toDateTime({from:UInt32}, 'UTC')
      UNION DISTINCT SELECT toStartOfHour(request_start) FROM call_hops WHERE stored >= toDateTime({from:UInt32}, 'UTC')
      ${since === null ? '' : every}) ORDER BY 1`;
    const [[place] = [0]] = await this.#rows<[number]>(
      'SELECT toUnixTimestamp(max(stored_until)) FROM tracker_state WHERE name = {name:String}',
      { name: NAME },
    );
    const from = Math.max(0, Number(place) - OVERLAP_S);
    return (await this.#rows<[number]>(query, { from, since: since ?? 0 })).map(([hour]) => Number(hour));
  }

  async #compute(hours: readonly number[]): Promise<void> {
    // The version is older than what is read: of two computations that overlap, the next look mends what the later version lacks.
    const [[version] = ['0']] = await this.#rows<[string]>('SELECT toString(toUnixTimestamp64Micro(now64(6)))', {});
    const from = hours[0]!;
    const params = { hours: [...hours], version, from, to: hours.at(-1)! + HOUR_S };
    await this.#client.command({ query: COMPUTE, query_params: params, clickhouse_settings: this.#settings });
    await this.#client.command({
      query: `INSERT INTO call_hour_versions (hour, version) SELECT toDateTime(arrayJoin({hours:Array(UInt32)}), 'UTC'), {version:UInt64}
        WHERE toUnixTimestamp64Micro(now64(6)) - {version:UInt64} < {within:UInt64}`,
      query_params: { ...params, within: COMMIT_WITHIN },
    });
  }

  /** Deletes rows of versions that nobody reads any more, when these are `olderThan` µs old. */
  async clear(olderThan = CLEAR_AFTER): Promise<void> {
    this.#clearedAt = performance.now();
    await this.#client.command({
      query: `DELETE FROM call_hour_rows WHERE version < toUnixTimestamp64Micro(now64(6)) - {age:UInt64}
        AND (hour, version) NOT IN (SELECT hour, max(version) FROM call_hour_versions GROUP BY hour)`,
      query_params: { age: olderThan },
      clickhouse_settings: { lightweight_deletes_sync: '2' },
    });
  }

  async #save(until: number): Promise<void> {
    const values = [{ name: NAME, stored_until: until, version: until * 1e6 }];
    await this.#client.insert({ table: 'tracker_state', values, format: 'JSONEachRow' });
  }

  async #rows<Row>(query: string, params: Readonly<Record<string, unknown>>): Promise<Row[]> {
    const result = await this.#client.query({ query, query_params: { ...params }, format: 'JSONCompactEachRow' });
    return (await result.json()) as Row[];
  }
}
