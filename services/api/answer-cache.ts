/**
 * Answers of lists, kept while the store doesn't change: many clients that look at the same pages cost one query a page and change.
 * After a change an answer is given for at most `staleMs` more, while the new one is asked for; so is every answer where
 * nobody can tell whether the store changed. While the store can't keep up, old answers are given for at most `busyStaleMs`.
 */
export interface AnswerCacheOptions {
  /** No answer is asked for again sooner. */
  readonly freshMs: number;
  readonly staleMs: number;
  /** While so many answers are being made, old ones are given for longer. */
  readonly askedMax: number;
  readonly busyStaleMs: number;
  readonly entriesMax: number;
  /** Of all answers. */
  readonly bytesMax: number;
  /** Which state the store is in; null when that isn't known. */
  readonly version: () => Promise<string | null>;
}

interface Entry {
  readonly bytes: Buffer;
  /** Of the store, before it was asked. */
  readonly version: string | null;
  readonly madeMs: number;
  /** When it was known the last time that nothing had changed. */
  validMs: number;
}

export class AnswerCache {
  readonly #options: AnswerCacheOptions;
  readonly #now: () => number;
  /** The one that was made the longest ago first. */
  readonly #entries = new Map<string, Entry>();
  readonly #asked = new Map<string, Promise<Buffer>>();
  #size = 0;

  constructor(options: AnswerCacheOptions, now: () => number = performance.now.bind(performance)) {
    this.#options = options;
    this.#now = now;
  }

  /** The answer of `key`; `make` is called when there is none that holds, and once for all who wait. Failures aren't kept. */
  async get(key: string, make: () => Promise<Buffer>): Promise<Buffer> {
    const version = await this.#options.version();
    const entry = this.#entries.get(key);
    if (entry === undefined) return this.#ask(key, version, make);
    const now = this.#now();
    if (version !== null && entry.version === version) {
      entry.validMs = now;
      return entry.bytes;
    }
    const busy = this.#asked.size >= this.#options.askedMax;
    if (now - entry.validMs >= (busy ? this.#options.busyStaleMs : this.#options.staleMs))
      return this.#ask(key, version, make);
    // Who gets the old answer isn't told that the new one failed: who comes when it is too old is.
    if (!busy && now - entry.madeMs >= this.#options.freshMs) this.#ask(key, version, make).catch(() => {});
    return entry.bytes;
  }

  #ask(key: string, version: string | null, make: () => Promise<Buffer>): Promise<Buffer> {
    const under = this.#asked.get(key);
    if (under !== undefined) return under;
    const asked = make()
      .then((bytes) => {
        this.#keep(key, bytes, version);
        return bytes;
      })
      .finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  #keep(key: string, bytes: Buffer, version: string | null): void {
    this.#drop(key);
    const now = this.#now();
    this.#entries.set(key, { bytes, version, madeMs: now, validMs: now });
    this.#size += bytes.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.entriesMax && this.#size <= this.#options.bytesMax) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#size -= this.#entries.get(key)?.bytes.length ?? 0;
    this.#entries.delete(key);
  }
}
