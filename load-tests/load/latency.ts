/** How long after its last byte a call can be queried: looked at from outside, as a user would. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../services/clickhouse/store.ts';

const LOOK_MS = 100;

export class LatencyWatch {
  readonly #seen = new Map<string, number>();
  readonly #store: Store;
  readonly #network: string;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  /** `network`: of the calls. Their capture's clock must be this machine's. */
  constructor(store: Store, network: string) {
    this.#store = store;
    this.#network = network;
  }

  start(): void {
    this.#running = this.#watch();
  }

  /** Milliseconds, lowest first. */
  async stop(): Promise<number[]> {
    this.#stopped = true;
    await this.#running;
    return [...this.#seen.values()].sort((a, b) => a - b);
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      const answer = await this.#store.client.query({
        query:
          'SELECT call_id, toUnixTimestamp64Micro(response_end) AS ended FROM calls WHERE network = {network:String} AND stored > now() - 5',
        query_params: { network: this.#network },
        format: 'JSONEachRow',
      });
      const rows = await answer.json<{ call_id: string; ended: number }>();
      const nowMs = Date.now();
      for (const { call_id, ended } of rows)
        if (!this.#seen.has(call_id)) this.#seen.set(call_id, nowMs - ended / 1000);
      await sleep(LOOK_MS);
    }
  }
}

/** `share` 0.5: the median. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
