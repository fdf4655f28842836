/** What a worker's stage publishes to: the main thread puts it into the bus. */
import type { Observation } from '../../../schemas/call.ts';
import { OBSERVATIONS } from '../../../schemas/topics.ts';
import type { Producer, RecordHeaders } from '../../bus/bus.ts';
import { THREAD_DEFAULTS } from './defaults.ts';
import type { PublishedObservation } from './messages.ts';

const READY = Promise.resolve();

export class Outbox implements Producer<Observation> {
  readonly #post: (records: readonly PublishedObservation[], bytes: number) => void;
  #records: PublishedObservation[] = [];
  #bytes = 0;
  /** Posted, and not in the bus yet. */
  #unreadBytes = 0;
  #waiting: { readonly done: () => boolean; readonly resolve: () => void }[] = [];

  constructor(post: (records: readonly PublishedObservation[], bytes: number) => void) {
    this.#post = post;
  }

  publish(key: string, value: Observation, headers?: RecordHeaders): Promise<void> {
    this.#records.push({ key, value, headers });
    this.#bytes += OBSERVATIONS.sizeOf(value);
    if (this.#bytes < THREAD_DEFAULTS.outboxBytesMax) return READY;
    this.send();
    return this.#until(() => this.#unreadBytes < THREAD_DEFAULTS.unreadBytesMax);
  }

  flush(): Promise<void> {
    if (this.#records.length > 0) this.send();
    return this.#until(() => this.#unreadBytes === 0);
  }

  /** Posts what was gathered, be it nothing. */
  send(): void {
    const records = this.#records;
    const bytes = this.#bytes;
    this.#records = [];
    this.#bytes = 0;
    this.#unreadBytes += bytes;
    this.#post(records, bytes);
  }

  /** So many bytes are in the bus. */
  taken(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#waiting = this.#waiting.filter(({ done, resolve }) => {
      if (!done()) return true;
      resolve();
      return false;
    });
  }

  #until(done: () => boolean): Promise<void> {
    return done() ? READY : new Promise((resolve) => this.#waiting.push({ done, resolve }));
  }
}
