/**
 * Live updates: one look at the store for all who listen, and the last events, so that a stream can go on where it broke off.
 *
 * An event's id is `EPOCH-NUMBER`: the numbers of one epoch have no hole. A new epoch begins with the process, and when nobody listened for a
 * while. Who comes with an id that can't be gone on after is told so (`gap`) and reads the lists again.
 */
import { randomBytes } from 'node:crypto';
import { type FeedEvent, StoredFeed } from '../clickhouse/feed.ts';
import type { Store } from '../clickhouse/store.ts';
import { API_DEFAULTS } from './defaults.ts';

export interface LiveEvent {
  readonly type: FeedEvent['type'] | 'gap';
  readonly agentId: string;
  /** As it goes over the wire: one copy for all who listen. */
  readonly bytes: Buffer;
}

export interface Listener {
  take(event: LiveEvent): void;
}

function eventOf(id: string, type: LiveEvent['type'], agentId: string, data: object): LiveEvent {
  return { type, agentId, bytes: Buffer.from(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`) };
}

const ID = /^([0-9a-f]{8})-(\d{1,15})$/;

export class Live {
  readonly #feed: StoredFeed;
  readonly #listeners = new Set<Listener>();
  #epoch = '';
  /** Number of the event that comes next. */
  #number = 1;
  #kept: LiveEvent[] = [];
  #keptBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #starting: Promise<void> | null = null;
  #closed = false;

  constructor(store: Pick<Store, 'client'>) {
    this.#feed = new StoredFeed(store, API_DEFAULTS.liveRowsMax);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Events since `lastId` (if there is one), then all that come. The function that it returns ends it. */
  async listen(listener: Listener, lastId: string | null): Promise<() => void> {
    await this.#start();
    for (const event of this.#since(lastId)) listener.take(event);
    this.#listeners.add(listener);
    this.#timer ??= setTimeout(() => void this.#look(), API_DEFAULTS.livePollMs);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  /** One look, then the next one as long as somebody listens. */
  async #look(): Promise<void> {
    try {
      const { events, more } = await this.#feed.next();
      this.#lookedMs = performance.now();
      for (const { type, row } of events) this.#tell(type, row.agentId, row);
      if (more) this.#tell('gap', '', { reason: 'more was stored at once than can be told' });
    } catch {
      // The store is away: what is stored meanwhile is found when it is back.
    }
    this.#timer = null;
    if (this.#listeners.size > 0 && !this.#closed)
      this.#timer = setTimeout(() => void this.#look(), API_DEFAULTS.livePollMs);
  }

  #start(): Promise<void> {
    const pausedMs = performance.now() - this.#lookedMs;
    if (this.#timer !== null || pausedMs < API_DEFAULTS.livePauseMs) return Promise.resolve();
    this.#starting ??= this.#feed
      .begin()
      .then(() => {
        this.#epoch = randomBytes(4).toString('hex');
        this.#number = 1;
        this.#kept = [];
        this.#keptBytes = 0;
        this.#lookedMs = performance.now();
      })
      .finally(() => {
        this.#starting = null;
      });
    return this.#starting;
  }

  #since(lastId: string | null): readonly LiveEvent[] {
    if (lastId === null) return [];
    const [, epoch, text] = ID.exec(lastId) ?? [];
    const after = Number(text);
    const first = this.#number - this.#kept.length;
    if (epoch === this.#epoch && after >= first - 1 && after < this.#number) return this.#kept.slice(after - first + 1);
    const reason = 'the events since then are not kept: read the lists again';
    return [eventOf(`${this.#epoch}-${this.#number - 1}`, 'gap', '', { reason })];
  }

  #tell(type: LiveEvent['type'], agentId: string, row: object): void {
    const event = eventOf(`${this.#epoch}-${this.#number++}`, type, agentId, row);
    this.#kept.push(event);
    this.#keptBytes += event.bytes.length;
    while (this.#kept.length > API_DEFAULTS.liveEventsKept || this.#keptBytes > API_DEFAULTS.liveBytesKept)
      this.#keptBytes -= this.#kept.shift()!.bytes.length;
    for (const listener of this.#listeners) listener.take(event);
  }
}
