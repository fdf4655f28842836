/** Values by key, each with a weight, in the order in which they were set last. */
interface Weighted<T> {
  readonly value: T;
  readonly weight: number;
}

export class WeightedLru<T> {
  readonly #values = new Map<string, Weighted<T>>();
  readonly #weightMax: number;
  #weight = 0;

  constructor(weightMax: number) {
    this.#weightMax = weightMax;
  }

  get size(): number {
    return this.#values.size;
  }

  get weight(): number {
    return this.#weight;
  }

  get(key: string): T | undefined {
    return this.#values.get(key)?.value;
  }

  set(key: string, value: T, weight: number): void {
    this.take(key);
    this.#values.set(key, { value, weight });
    this.#weight += weight;
  }

  /** Removes it. */
  take(key: string): T | undefined {
    const known = this.#values.get(key);
    if (known === undefined) return undefined;
    this.#values.delete(key);
    this.#weight -= known.weight;
    return known.value;
  }

  clear(): void {
    this.#values.clear();
    this.#weight = 0;
  }

  /** Removes those that were set longest ago until the rest weighs no more than it may. */
  excess(): [key: string, value: T][] {
    const removed: [string, T][] = [];
    for (const [key, { value }] of this.#values) {
      if (this.#weight <= this.#weightMax) break;
      this.take(key);
      removed.push([key, value]);
    }
    return removed;
  }
}
