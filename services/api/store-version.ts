/** Tells whether the store has changed: every insert, update and deletion makes parts of other names. */
import { ask } from '../clickhouse/queries.ts';
import type { Store } from '../clickhouse/store.ts';

const PARTS = `SELECT toString(sum(cityHash64(table, name))) AS version FROM system.parts
  WHERE database = currentDatabase() AND active`;

export interface StoreVersionOptions {
  /** What is known is taken as true for so long; it is asked again from `freshMs` on, without anyone waiting for it. */
  readonly freshMs: number;
  readonly staleMs: number;
}

export class StoreVersion {
  readonly #store: Pick<Store, 'client'>;
  readonly #options: StoreVersionOptions;
  #known: { readonly version: string | null; readonly atMs: number } | null = null;
  #asked: Promise<string | null> | null = null;

  constructor(store: Pick<Store, 'client'>, options: StoreVersionOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Null when the store doesn't tell. */
  async current(): Promise<string | null> {
    const ageMs = this.#known === null ? Number.POSITIVE_INFINITY : performance.now() - this.#known.atMs;
    if (this.#known === null || ageMs >= this.#options.staleMs) return this.#ask();
    if (ageMs >= this.#options.freshMs) void this.#ask();
    return this.#known.version;
  }

  #ask(): Promise<string | null> {
    this.#asked ??= this.#read().finally(() => {
      this.#asked = null;
    });
    return this.#asked;
  }

  async #read(): Promise<string | null> {
    const atMs = performance.now();
    // A server may not let its user read system.parts; then answers are kept for a moment only.
    const rows = await ask<{ version: string }>(this.#store, PARTS, {}).catch(() => []);
    const version = rows[0]?.version ?? null;
    this.#known = { version, atMs };
    return version;
  }
}
