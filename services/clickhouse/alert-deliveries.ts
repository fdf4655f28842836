/** What each receiver was told of each finding, so that a restart or another process goes on where the last one stopped. */
import { ask } from './queries.ts';
import type { Store } from './store.ts';

type Client = Pick<Store, 'client'>;

export type DeliveryStatus = 'waiting' | 'told' | 'retrying' | 'dropped';

export interface Delivery {
  readonly receiver: string;
  readonly findingId: string;
  readonly status: DeliveryStatus;
  /** '' = nothing was told yet. */
  readonly toldState: '' | 'open' | 'resolved';
  readonly toldLevel: string;
  readonly toldOccurrences: number;
  /** ms since the epoch; 0 = never. */
  readonly toldAt: number;
  /** How often it was told. */
  readonly sequence: number;
  readonly alertId: string;
  readonly groupKey: string;
  /** Failed attempts since it was last told. */
  readonly attempts: number;
  readonly problem: string;
}

const FIELDS = `receiver, finding_id AS findingId, status, told_state AS toldState, told_level AS toldLevel,
  told_occurrences AS toldOccurrences, toUnixTimestamp64Milli(told_at) AS toldAt, sequence, alert_id AS alertId,
  group_key AS groupKey, attempts, problem`;

/** Of these findings. */
export async function deliveriesOf(store: Client, findingIds: readonly string[]): Promise<Delivery[]> {
  if (findingIds.length === 0) return [];
  return ask<Delivery>(
    store,
    `SELECT ${FIELDS} FROM alert_delivery_rows FINAL WHERE finding_id IN {ids:Array(String)}`,
    { ids: findingIds },
  );
}

/** Findings of which some receiver was told that they are open, and not yet that they ended; at most `limit`. */
export async function unsettledFindings(store: Client, receivers: readonly string[], limit: number): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    store,
    `SELECT DISTINCT finding_id AS id FROM alert_delivery_rows FINAL
     WHERE receiver IN {receivers:Array(String)} AND status != 'dropped' AND told_state != 'resolved' LIMIT {limit:UInt32}`,
    { receivers, limit },
  );
  return rows.map((row) => row.id);
}

/** The newest row of a receiver and finding counts. `version`: µs. */
export async function storeDeliveries(store: Client, deliveries: readonly Delivery[], version: number): Promise<void> {
  if (deliveries.length === 0) return;
  const values = deliveries.map((row) => ({
    receiver: row.receiver,
    finding_id: row.findingId,
    status: row.status,
    told_state: row.toldState,
    told_level: row.toldLevel,
    told_occurrences: row.toldOccurrences,
    told_at: new Date(row.toldAt).toISOString(),
    sequence: row.sequence,
    alert_id: row.alertId,
    group_key: row.groupKey,
    attempts: row.attempts,
    problem: row.problem,
    version,
  }));
  await store.client.insert({ table: 'alert_delivery_rows', format: 'JSONEachRow', values });
}

/** Seconds since the epoch until which findings are known; null: nobody was there yet. */
export async function alertPosition(store: Client): Promise<number | null> {
  const rows = await ask<{ until: number }>(
    store,
    "SELECT toUnixTimestamp(stored_until) AS until FROM alert_positions FINAL WHERE name = 'alerts'",
    {},
  );
  return rows[0]?.until ?? null;
}

export async function storeAlertPosition(store: Client, storedUntil: number): Promise<void> {
  await store.client.command({
    query:
      "INSERT INTO alert_positions SELECT 'alerts', toDateTime({until:UInt32}, 'UTC'), toUnixTimestamp64Micro(now64(6))",
    query_params: { until: storedUntil },
  });
}

/** The server's clock, which `stored` is taken from: seconds since the epoch. */
export async function storeTime(store: Client): Promise<number> {
  const [row] = await ask<{ now: number }>(store, 'SELECT toUnixTimestamp(now()) AS now', {});
  return row?.now ?? 0;
}
