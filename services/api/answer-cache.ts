/**
 * Answers of lists, kept for a moment: many clients that look at the same page cost one query. An answer is at most
 * `staleMs` (and the time of a query) old; from `freshMs` on the next one is asked for while the old one is given.
 */
export interface AnswerCacheOptions {
  readonly freshMs: number;
  readonly staleMs: number;
  readonly entriesMax: number;
  /** Characters of all answers. */
  readonly charsMax: number;
}

interface Entry {
  readonly text: string;
  readonly madeMs: number;
}

export class AnswerCache {
  readonly #options: AnswerCacheOptions;
  readonly #now: () => number;
  /** The one that was made the longest ago first. */
  readonly #entries = new Map<string, Entry>();
  readonly #asked = new Map<string, Promise<string>>();
  #chars = 0;

  constructor(options: AnswerCacheOptions, now: () => number = performance.now.bind(performance)) {
    this.#options = options;
    this.#now = now;
  }

  /** The answer of `key`; `make` is called when there is none that is fresh, and once for all who wait. Failures aren't kept. */
  async get(key: string, make: () => Promise<string>): Promise<string> {
    const entry = this.#entries.get(key);
    const ageMs = entry === undefined ? Number.POSITIVE_INFINITY : this.#now() - entry.madeMs;
    if (entry === undefined || ageMs >= this.#options.staleMs) return this.#ask(key, make);
    // Who gets the old answer isn't told that the new one failed: who comes after it is old is.
    if (ageMs >= this.#options.freshMs) this.#ask(key, make).catch(() => {});
    return entry.text;
  }

  #ask(key: string, make: () => Promise<string>): Promise<string> {
    const under = this.#asked.get(key);
    if (under !== undefined) return under;
    const asked = make()
      .then((text) => {
        this.#keep(key, text);
        return text;
      })
      .finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  #keep(key: string, text: string): void {
    this.#drop(key);
    this.#entries.set(key, { text, madeMs: this.#now() });
    this.#chars += text.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.entriesMax && this.#chars <= this.#options.charsMax) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#chars -= this.#entries.get(key)?.text.length ?? 0;
    this.#entries.delete(key);
  }
}
