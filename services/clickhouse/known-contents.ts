/**
 * Hashes of contents that are stored for sure, so that a conversation's history isn't sent with every call again.
 *
 * Only a saving: a hash that was forgotten (bounded memory, restart) is inserted once more and folded by ReplacingMergeTree.
 * A hash is trusted for a day, then stored again: that renews its `stored`, so that a content in use outlives its retention.
 */
const TRUST_MS = 24 * 3600 * 1000;

export class KnownContents {
  readonly #entriesMax: number;
  readonly #now: () => number;
  /** Two generations: the older one is dropped whole when the younger is full. */
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  /** At most `entriesMax` hashes (about 150 bytes each). `now`: ms. */
  constructor(entriesMax: number, now: () => number = Date.now) {
    this.#entriesMax = entriesMax;
    this.#now = now;
  }

  has(hash: string): boolean {
    let stored = this.#young.get(hash);
    if (stored === undefined) {
      stored = this.#old.get(hash);
      if (stored !== undefined) this.#set(hash, stored);
    }
    return stored !== undefined && this.#now() - stored < TRUST_MS;
  }

  /** Remembers that `hash` was stored just now. */
  add(hash: string): void {
    this.#set(hash, this.#now());
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #set(hash: string, stored: number): void {
    if (this.#young.size >= this.#entriesMax / 2 && !this.#young.has(hash)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(hash, stored);
  }
}
