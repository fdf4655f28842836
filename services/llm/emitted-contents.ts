/**
 * Hashes of the contents that were emitted lately and needn't be emitted again: a request brings its whole history.
 *
 * What is forgotten is emitted once more, which changes nothing but the work. Twice a day all is forgotten, so that the store
 * hears of the contents that are in use, and renews them before their retention ends.
 */
import type { ContentHash } from '../common/types.ts';

const RENEW_MS = 12 * 3600 * 1000;

/** What a reader of contents asks. `epoch`: changes whenever something was forgotten; until then what is known stays known. */
export interface KnownHashes {
  readonly epoch: number;
  has(hash: ContentHash): boolean;
}

export class EmittedContents implements KnownHashes {
  readonly #entriesMax: number;
  readonly #now: () => number;
  /** Two generations: the older one is dropped whole when the younger is full. */
  #young = new Set<ContentHash>();
  #old = new Set<ContentHash>();
  #epoch = 0;
  #begun: number;

  /** At most `entriesMax` hashes. `now`: ms. */
  constructor(entriesMax: number, now: () => number = Date.now) {
    this.#entriesMax = entriesMax;
    this.#now = now;
    this.#begun = now();
  }

  get epoch(): number {
    const now = this.#now();
    if (now - this.#begun >= RENEW_MS) {
      this.#begun = now;
      this.#young = new Set();
      this.#old = new Set();
      this.#epoch++;
    }
    return this.#epoch;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  has(hash: ContentHash): boolean {
    if (this.#young.has(hash)) return true;
    if (!this.#old.has(hash)) return false;
    this.add(hash);
    return true;
  }

  add(hash: ContentHash): void {
    if (this.#entriesMax < 2) return;
    if (this.#young.size >= this.#entriesMax / 2 && !this.#young.has(hash)) {
      this.#old = this.#young;
      this.#young = new Set();
      this.#epoch++;
    }
    this.#young.add(hash);
  }
}
