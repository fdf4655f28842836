/** What each receiver was told of each watched finding: in memory, and written behind to ClickHouse. */
import { type Delivery, deliveriesOf, storeDeliveries } from '../clickhouse/alert-deliveries.ts';
import type { Store } from '../clickhouse/store.ts';

const IDS_A_QUERY = 1_000;

function emptyDelivery(receiver: string, findingId: string): Delivery {
  return {
    receiver,
    findingId,
    status: 'waiting',
    toldState: '',
    toldLevel: '',
    toldOccurrences: 0,
    toldAt: 0,
    sequence: 0,
    alertId: '',
    groupKey: '',
    attempts: 0,
    problem: '',
  };
}

export class DeliveryBook {
  readonly #store: Pick<Store, 'client'>;
  readonly #byFinding = new Map<string, Map<string, Delivery>>();
  readonly #dirty = new Map<string, Delivery>();
  #writing: Promise<void> | null = null;
  #version = 0;

  constructor(store: Pick<Store, 'client'>) {
    this.#store = store;
  }

  get(receiver: string, findingId: string): Delivery | undefined {
    return this.#byFinding.get(findingId)?.get(receiver);
  }

  of(findingId: string): Iterable<Delivery> {
    return this.#byFinding.get(findingId)?.values() ?? [];
  }

  /** Reads what was told of these findings before; what isn't written yet is newer. */
  async load(findingIds: readonly string[]): Promise<void> {
    for (let at = 0; at < findingIds.length; at += IDS_A_QUERY) {
      const rows = await deliveriesOf(this.#store, findingIds.slice(at, at + IDS_A_QUERY));
      for (const row of rows) this.#put(row);
    }
    const wanted = new Set(findingIds);
    for (const row of this.#dirty.values()) if (wanted.has(row.findingId)) this.#put(row);
  }

  change(receiver: string, findingId: string, change: Partial<Delivery>): void {
    const row = { ...(this.get(receiver, findingId) ?? emptyDelivery(receiver, findingId)), ...change };
    this.#put(row);
    this.#dirty.set(keyOf(row), row);
  }

  forget(findingId: string): void {
    this.#byFinding.delete(findingId);
  }

  clear(): void {
    this.#byFinding.clear();
  }

  /** Writes what has changed; what changes meanwhile is written right after. @throws when the store can't be written; it is kept for the next time */
  async flush(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    while (this.#dirty.size > 0) {
      this.#writing = this.#write();
      try {
        await this.#writing;
      } finally {
        this.#writing = null;
      }
    }
  }

  async #write(): Promise<void> {
    const rows = [...this.#dirty.values()];
    this.#version = Math.max(Date.now() * 1000, this.#version + 1);
    await storeDeliveries(this.#store, rows, this.#version);
    for (const row of rows) if (this.#dirty.get(keyOf(row)) === row) this.#dirty.delete(keyOf(row));
  }

  #put(row: Delivery): void {
    const rows = this.#byFinding.get(row.findingId);
    if (rows === undefined) this.#byFinding.set(row.findingId, new Map([[row.receiver, row]]));
    else rows.set(row.receiver, row);
  }
}

function keyOf(row: Delivery): string {
  return `${row.receiver} ${row.findingId}`;
}
