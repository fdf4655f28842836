/** A map that forgets what was used longest ago. A `Map` keeps insertion order, so its first key is the oldest. */
export class Lru<K, V> {
  readonly #map = new Map<K, V>();
  readonly #entriesMax: number;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    const value = this.#map.get(key);
    if (value === undefined) return undefined;
    // Touching is only worth its cost once something may be forgotten soon.
    if (this.#map.size * 2 > this.#entriesMax) {
      this.#map.delete(key);
      this.#map.set(key, value);
    }
    return value;
  }

  set(key: K, value: V): void {
    if (this.#entriesMax === 0) return;
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size <= this.#entriesMax) return;
    const oldest = this.#map.keys().next();
    if (!oldest.done) this.#map.delete(oldest.value);
  }
}
