/**
 * Items that fall due a constant delay after they were added: a queue, so that both ends cost nothing.
 */
const COMPACT_AT = 1024;

export class DeadlineQueue<T> {
  /** µs of the capture's clock. */
  readonly #delay: number;
  readonly #items: (T | undefined)[] = [];
  readonly #deadlines: number[] = [];
  #head = 0;
  /** Deadline of the oldest item; Infinity when there is none. Kept as a field for the check at every packet. */
  next = Number.POSITIVE_INFINITY;

  constructor(delayMs: number) {
    this.#delay = delayMs * 1000;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  add(item: T, now: number): void {
    if (this.length === 0) this.next = now + this.#delay;
    this.#items.push(item);
    this.#deadlines.push(now + this.#delay);
  }

  clear(): void {
    this.#items.length = 0;
    this.#deadlines.length = 0;
    this.#head = 0;
    this.next = Number.POSITIVE_INFINITY;
  }

  /** The oldest item if it is due at `now`. */
  takeDue(now: number): T | undefined {
    return this.next > now ? undefined : this.takeOldest();
  }

  takeOldest(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head++;
    if (this.#head >= COMPACT_AT && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#deadlines.splice(0, this.#head);
      this.#head = 0;
    }
    this.next = this.length === 0 ? Number.POSITIVE_INFINITY : this.#deadlines[this.#head]!;
    return item;
  }
}
