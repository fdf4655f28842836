/** Sends the histograms of one window after the other. */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Micros } from '../common/types.ts';
import { encodeMetrics, readWindow, Totals } from './metrics.ts';
import type { OtlpOptions } from './options.ts';
import { loadPosition, savePosition } from './position.ts';
import type { Sender } from './sender.ts';

const SOURCE = 'metrics';

export class MetricWindows {
  readonly #client: ClickHouseClient;
  readonly #sender: Sender;
  readonly #options: OtlpOptions;
  readonly #length: Micros;
  readonly #totals = new Totals();
  /** End of the last window that was sent. */
  #done: Micros | null = null;
  /** Start of the first window of this process. */
  #began: Micros | null = null;

  constructor(client: ClickHouseClient, sender: Sender, options: OtlpOptions) {
    this.#client = client;
    this.#sender = sender;
    this.#options = options;
    this.#length = options.metricsMs * 1000;
  }

  /** Windows that end at `until` or before. */
  async catchUp(now: Micros, until: Micros, sending: (oldest: Micros) => void): Promise<void> {
    const { name, temporality } = this.#options;
    this.#done ??= (await loadPosition(this.#client, name, SOURCE)) ?? (await this.#first(now));
    while (this.#done + this.#length <= until) {
      const from: Micros = this.#done;
      const end = from + this.#length;
      const window = await readWindow(this.#client, from, end);
      this.#began ??= from;
      // A window that fails to be sent is sent with the next attempt of the sender, never added twice: the sender doesn't give up.
      this.#totals.add(window);
      const series = temporality === 'delta' ? window : this.#totals.all();
      const span = { from: temporality === 'delta' ? from : this.#began, until: end, temporality };
      sending(from);
      await this.#sender.send(series, (some) => encodeMetrics(some, span, name));
      this.#done = end;
      await savePosition(this.#client, name, SOURCE, end);
    }
  }

  async #first(now: Micros): Promise<Micros> {
    let first = now;
    if (this.#options.backfill) {
      const query = 'SELECT toUnixTimestamp(min(stored)), count() FROM calls';
      const result = await this.#client.query({ query, format: 'JSONCompactEachRow' });
      const [[oldest, count] = [0, 0]] = await result.json<[number, string | number]>();
      // A window doesn't hold the time that it begins at.
      if (Number(count) > 0) first = Number(oldest) * 1_000_000 - 1;
    }
    return Math.floor(first / this.#length) * this.#length;
  }
}
