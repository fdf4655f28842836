/**
 * Tells whether the store has changed: every insert, update and deletion makes parts of other names (store-changes.ts).
 *
 * Calls that are stored already read otherwise after a patch or a mutation only. Each part takes a mutation on for itself, so what is told is
 * a sum over its parts. A merge may look like a change, never the other way round.
 */
import { ask } from '../clickhouse/queries.ts';
import type { Store } from '../clickhouse/store.ts';
import { ChangeLog, type Part } from './store-changes.ts';

/** Tables whose changes are told by their times. */
const LISTED_TABLES = ['calls', 'exchanges', 'session_rows', 'turn_rows', 'tool_call_rows'] as const;
export type ListedTable = (typeof LISTED_TABLES)[number];

const PARTS = `SELECT table, toString(sum(cityHash64(table, name))) AS version,
    toString((sumIf(cityHash64(name), startsWith(name, 'patch-')), sumIf(rows * cityHash64(extract(name, '_([0-9]+)$')), match(name, '^[^_]+(_[0-9]+){4}$')))) AS rewritten,
    groupArrayIf(tuple(name, rows, toUnixTimestamp(min_time), toUnixTimestamp(max_time)), table IN {listed:Array(String)}) AS parts
  FROM system.parts WHERE database = currentDatabase() AND active GROUP BY table ORDER BY table`;

interface TableParts {
  readonly table: string;
  readonly version: string;
  readonly rewritten: string;
  readonly parts: readonly (readonly [name: string, rows: number, from: number, to: number])[];
}

export interface Known {
  /** Of everything. */
  readonly version: string;
  /** Of the calls that were stored before: new ones don't change it. */
  readonly calls: string;
}

export interface StoreVersionOptions {
  /** What is known is taken as true for so long; it is asked again from `freshMs` on, without anyone waiting for it. */
  readonly freshMs: number;
  readonly staleMs: number;
}

export class StoreVersion {
  readonly #store: Pick<Store, 'client'>;
  readonly #options: StoreVersionOptions;
  #known: { readonly state: Known | null; readonly atMs: number } | null = null;
  #asked: Promise<Known | null> | null = null;
  readonly #logs = new Map<ListedTable, ChangeLog>(LISTED_TABLES.map((table) => [table, new ChangeLog()]));

  constructor(store: Pick<Store, 'client'>, options: StoreVersionOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Null when the store doesn't tell. */
  async current(): Promise<Known | null> {
    const ageMs = this.#known === null ? Number.POSITIVE_INFINITY : performance.now() - this.#known.atMs;
    if (this.#known === null || ageMs >= this.#options.staleMs) return this.#ask();
    if (ageMs >= this.#options.freshMs) void this.#ask();
    return this.#known.state;
  }

  /** What has changed in a table, as far as is known now. */
  async changes(table: ListedTable): Promise<ChangeLog> {
    await this.current();
    return this.#logs.get(table)!;
  }

  #ask(): Promise<Known | null> {
    this.#asked ??= this.#read().finally(() => {
      this.#asked = null;
    });
    return this.#asked;
  }

  async #read(): Promise<Known | null> {
    const atMs = performance.now();
    // A server may not let its user read system.parts; then answers are kept for a moment only.
    const rows = await ask<TableParts>(this.#store, PARTS, { listed: LISTED_TABLES }).catch(() => null);
    for (const [table, log] of this.#logs) {
      if (rows === null) log.lose();
      else log.look(partsOf(rows.find((row) => row.table === table)));
    }
    const state = rows && {
      version: versionOf(rows),
      calls: rows.find(({ table }) => table === 'calls')?.rewritten ?? '',
    };
    this.#known = { state, atMs };
    return state;
  }
}

const versionOf = (rows: readonly TableParts[]): string => rows.map(({ version }) => version).join(' ');

const partsOf = (row: TableParts | undefined): Part[] =>
  (row?.parts ?? []).map(([name, rows, from, to]) => ({ name, rows, from, to }));
