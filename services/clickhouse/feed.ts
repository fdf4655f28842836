/** What was stored since: calls, turns and findings, for those who watch. */
import type { Finding, Turn } from '../../schemas/story.ts';
import { ask, LISTED, type ListedCall } from './queries.ts';
import type { Store } from './store.ts';
import { FINDING_ROWS, TURN_ROWS } from './story-tables.ts';
import type { Column, Table } from './tables.ts';

type Client = Pick<Store, 'client'>;

/** Rows become visible a little after the time of storing that they carry. */
const OVERLAP_S = 3;

export type FeedEvent =
  | { readonly type: 'call'; readonly row: ListedCall }
  | { readonly type: 'turn'; readonly row: Turn }
  | { readonly type: 'finding'; readonly row: Finding };

interface Stamped {
  readonly stored: number;
  readonly version?: number;
}

function fieldsOf<T>(table: Table<T>): string {
  const fieldOf = ({ name, kind, key }: Column<T>): string =>
    kind === 'time' || kind === 'time?' ? `toUnixTimestamp64Micro(${name}) AS ${key}` : `${name} AS ${key}`;
  return table.columns.map(fieldOf).join(', ');
}

const STORED = 'toUnixTimestamp(stored) AS stored';
const SINCE = "stored >= toDateTime({since:UInt32}, 'UTC')";
const QUERIES = {
  call: `SELECT ${LISTED}, ${STORED} FROM calls WHERE calls.${SINCE} ORDER BY calls.stored, calls.request_start, call_id LIMIT {limit:UInt32}`,
  turn: `SELECT ${fieldsOf(TURN_ROWS)}, ${STORED} FROM turn_rows WHERE turn_rows.${SINCE} ORDER BY turn_rows.stored, version, turn_id LIMIT {limit:UInt32}`,
  finding: `SELECT ${fieldsOf(FINDING_ROWS)}, ${STORED} FROM finding_rows WHERE finding_rows.${SINCE} ORDER BY finding_rows.stored, version, finding_id LIMIT {limit:UInt32}`,
} as const;

/** Looks for rows that were stored since the last look; each comes once. A turn or finding comes again when it has changed. */
export class StoredFeed {
  readonly #store: Client;
  readonly #rowsMax: number;
  /** What was told, with its time of storing, as far as it may be read again. */
  readonly #seen = new Map<string, number>();
  #since = 0;

  /** `rowsMax`: of each kind in one look. */
  constructor(store: Client, rowsMax: number) {
    this.#store = store;
    this.#rowsMax = rowsMax;
  }

  /** What is stored from now on counts, by the store's clock. What is stored already isn't told. */
  async begin(): Promise<void> {
    const [now] = await ask<{ seconds: number }>(this.#store, 'SELECT toUnixTimestamp(now()) AS seconds', {});
    this.#since = now!.seconds;
    this.#seen.clear();
    await this.next();
  }

  /** `more`: there was more than can be told; what is stored from now on counts. */
  async next(): Promise<{ readonly events: readonly FeedEvent[]; readonly more: boolean }> {
    const params = { since: this.#since - OVERLAP_S, limit: this.#rowsMax };
    const read = <T>(query: string): Promise<(T & Stamped)[]> => ask<T & Stamped>(this.#store, query, params);
    const [calls, turns, findings] = await Promise.all([
      read<ListedCall>(QUERIES.call),
      read<Turn>(QUERIES.turn),
      read<Finding>(QUERIES.finding),
    ]);
    const events: FeedEvent[] = [
      ...this.#fresh(calls, ({ callId }) => callId).map((row) => ({ type: 'call', row }) as const),
      ...this.#fresh(turns, ({ turnId }) => turnId).map((row) => ({ type: 'turn', row }) as const),
      ...this.#fresh(findings, ({ findingId }) => findingId).map((row) => ({ type: 'finding', row }) as const),
    ];
    const more = [calls, turns, findings].some(({ length }) => length === this.#rowsMax);
    if (more) {
      const [now] = await ask<{ seconds: number }>(this.#store, 'SELECT toUnixTimestamp(now()) AS seconds', {});
      // Beyond the overlap too: what comes before may be more than can be read.
      this.#since = now!.seconds + OVERLAP_S + 1;
    }
    for (const [key, stored] of this.#seen) if (stored < this.#since - 2 * OVERLAP_S) this.#seen.delete(key);
    return { events, more };
  }

  #fresh<T extends Stamped>(rows: readonly T[], idOf: (row: T) => string): Omit<T, keyof Stamped>[] {
    return rows.flatMap(({ stored, version, ...row }) => {
      const key = `${idOf(row as unknown as T)}/${version ?? ''}`;
      this.#since = Math.max(this.#since, stored);
      if (this.#seen.has(key)) return [];
      this.#seen.set(key, stored);
      return [row];
    });
  }
}
