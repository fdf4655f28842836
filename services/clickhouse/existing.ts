/**
 * Which rows of a batch does a table have already? Ids are hashes of what was on the wire, so a replay asks for the same ones.
 *
 * The sorting key begins with the time, so the question names the batch's time ranges: only their days and granules are read,
 * however large the table is. The ranges are widened a little, because two probes that saw the same bytes have two clocks.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { itemChunks } from './param-chunks.ts';
import { clamp } from './row-binary.ts';
import type { Table } from './tables.ts';

const CLOCK_DIFFERENCE_US = 10_000_000;
/** Rows that lie further apart than this are asked for in ranges of their own. */
const RANGE_GAP_US = 600_000_000;
const RANGES_MAX = 16;

export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

/** Which ids of a batch a table has. */
export interface Existing {
  readonly whole: ReadonlySet<string>;
  /** Of rows that give way to whole ones. */
  readonly provisional: ReadonlySet<string>;
}

/** What `table` has of `rows`. `aborted`: gives up. */
export async function existingIds<T>(
  client: ClickHouseClient,
  table: Table<T>,
  rows: readonly T[],
  aborted?: AbortSignal,
): Promise<Existing> {
  const found = { whole: new Set<string>(), provisional: new Set<string>() };
  for (const part of itemChunks(rows, table.id)) await addExisting(client, table, part, found, aborted);
  return found;
}

async function addExisting<T>(
  client: ClickHouseClient,
  table: Table<T>,
  rows: readonly T[],
  found: { readonly whole: Set<string>; readonly provisional: Set<string> },
  aborted: AbortSignal | undefined,
): Promise<void> {
  const { where, params } = conditionFor(table, rows);
  const provisional = table.provisional === undefined ? 'false' : 'provisional';
  const result = await client.query({
    query: `SELECT DISTINCT ${table.idColumn}, ${provisional} FROM ${table.name} WHERE ${where}`,
    query_params: params,
    format: 'JSONCompactEachRow',
    ...(aborted === undefined ? {} : { abort_signal: aborted }),
    // A thousand ids meet every granule's bloom filter, and the few granules of a batch are not worth a second thread.
    clickhouse_settings: { use_skip_indexes: 0, max_threads: 1 },
  });
  for (const [id, isProvisional] of await result.json<[string, boolean]>()) {
    (isProvisional ? found.provisional : found.whole).add(id);
  }
  if (table.movedTo === undefined) return;
  for (const id of await movedIds(client, table.movedTo, table.idColumn, rows.map(table.id))) found.whole.add(id);
}

/** Ids of rows that were in the table and stand elsewhere now: to store them again would count them. */
async function movedIds(
  client: ClickHouseClient,
  table: string,
  idColumn: string,
  ids: readonly string[],
): Promise<string[]> {
  const result = await client.query({
    query: `SELECT DISTINCT ${idColumn} FROM ${table} WHERE ${idColumn} IN {ids:Array(String)}`,
    query_params: { ids: [...ids] },
    format: 'JSONCompactEachRow',
    clickhouse_settings: { max_threads: 1 },
  });
  return (await result.json<[string]>()).map(([id]) => id);
}

/** Deletes the provisional rows with the ids of `rows`. Deleting what isn't there changes nothing. `aborted`: gives up. */
export async function deleteProvisional<T>(
  client: ClickHouseClient,
  table: Table<T>,
  rows: readonly T[],
  aborted?: AbortSignal,
): Promise<void> {
  for (const part of itemChunks(rows, table.id)) {
    const { where, params } = conditionFor(table, part);
    await client.command({
      query: `DELETE FROM ${table.name} WHERE provisional AND ${where}`,
      query_params: params,
      ...(aborted === undefined ? {} : { abort_signal: aborted }),
      clickhouse_settings: { lightweight_deletes_sync: '2', wait_end_of_query: 1 },
    });
  }
}

/** Rows with the ids of `rows`, looked for in their times only. */
function conditionFor<T>(table: Table<T>, rows: readonly T[]): { where: string; params: Record<string, unknown> } {
  const params: Record<string, unknown> = { ids: rows.map(table.id) };
  let where = `${table.idColumn} IN {ids:Array(String)}`;
  if (table.timeColumn !== null) {
    const ranges = timeRanges(rows.map((row) => clamp(table.time(row), Number.MAX_SAFE_INTEGER)));
    const conditions = ranges.map((range, i) => {
      params[`from${i}`] = range.from;
      params[`to${i}`] = range.to;
      const bound = (name: string) => `fromUnixTimestamp64Micro({${name}:Int64}, 'UTC')`;
      return `${table.timeColumn} BETWEEN ${bound(`from${i}`)} AND ${bound(`to${i}`)}`;
    });
    where = `(${conditions.join(' OR ')}) AND ${where}`;
  }
  return { where, params };
}

/** At most RANGES_MAX ranges that cover all times (µs): one for each cluster, or one for all when there are too many. */
export function timeRanges(times: readonly number[]): TimeRange[] {
  const sorted = [...times].sort((a, b) => a - b);
  const ranges: { from: number; to: number }[] = [];
  for (const time of sorted) {
    const last = ranges.at(-1);
    if (last !== undefined && time - last.to <= RANGE_GAP_US) last.to = time;
    else ranges.push({ from: time, to: time });
  }
  const kept = ranges.length <= RANGES_MAX ? ranges : [{ from: sorted[0]!, to: sorted.at(-1)! }];
  return kept.map(({ from, to }) => ({ from: Math.max(0, from - CLOCK_DIFFERENCE_US), to: to + CLOCK_DIFFERENCE_US }));
}
