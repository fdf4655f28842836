/**
 * Tells whether the store has changed: every insert, update and deletion makes parts of other names.
 *
 *   part       = partition "_" first block "_" last block "_" level [ "_" mutation ]
 *   patch part = "patch-" hash "-" part            what a lightweight update or deletion changes in others
 *
 * Calls that are stored already read otherwise after a patch or a mutation only. Each part takes a mutation on for itself, so what is told is
 * a sum over its parts. A merge may look like a change, never the other way round.
 */
import { ask } from '../clickhouse/queries.ts';
import type { Store } from '../clickhouse/store.ts';

const PARTS = `SELECT toString(sum(cityHash64(table, name))) AS version,
    toString((sumIf(cityHash64(name), table = 'calls' AND startsWith(name, 'patch-')),
      sumIf(rows * cityHash64(extract(name, '_([0-9]+)$')), table = 'calls' AND match(name, '^[^_]+(_[0-9]+){4}$')))) AS calls
  FROM system.parts WHERE database = currentDatabase() AND active`;

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

  #ask(): Promise<Known | null> {
    this.#asked ??= this.#read().finally(() => {
      this.#asked = null;
    });
    return this.#asked;
  }

  async #read(): Promise<Known | null> {
    const atMs = performance.now();
    // A server may not let its user read system.parts; then answers are kept for a moment only.
    const rows = await ask<Known>(this.#store, PARTS, {}).catch(() => []);
    const state = rows[0] ?? null;
    this.#known = { state, atMs };
    return state;
  }
}
