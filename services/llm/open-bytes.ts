/**
 * What all open exchanges hold together, with a ceiling. Each holder tells its bytes when they change, so that nobody ever
 * walks all of them; above the ceiling one after the other has to let go of what it holds.
 */

export interface ByteHolder {
  readonly heldBytes: number;
  /** What the sum has counted of it; only the sum changes it. */
  countedBytes: number;
  /** Lets go of what it holds, for good: it holds nothing any more, and says so in what becomes of it. */
  drop(): void;
}

/** Holders that are looked at for the largest, the oldest ones first: looking at all of them would take long under a flood. */
const CANDIDATES_MAX = 32;

export class OpenBytes {
  dropped = 0;
  droppedBytes = 0;
  readonly #bytesMax: number;
  /** Those that hold something, in the order in which they began to. */
  readonly #holders = new Set<ByteHolder>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  update(holder: ByteHolder): void {
    const held = holder.heldBytes;
    if (held === holder.countedBytes) return;
    if (holder.countedBytes === 0) this.#holders.add(holder);
    this.#bytes += held - holder.countedBytes;
    holder.countedBytes = held;
    if (held === 0) this.#holders.delete(holder);
    else if (this.#bytes > this.#bytesMax) this.#shed();
  }

  /** The holder is done with: what it holds goes with it. */
  close(holder: ByteHolder): void {
    if (holder.countedBytes === 0) return;
    this.#bytes -= holder.countedBytes;
    holder.countedBytes = 0;
    this.#holders.delete(holder);
  }

  #shed(): void {
    while (this.#bytes > this.#bytesMax) {
      const holder = this.#largestOfOldest();
      if (holder === null) return;
      this.dropped++;
      this.droppedBytes += holder.countedBytes;
      this.close(holder);
      holder.drop();
    }
  }

  #largestOfOldest(): ByteHolder | null {
    let largest: ByteHolder | null = null;
    let left = CANDIDATES_MAX;
    for (const holder of this.#holders) {
      if (largest === null || holder.countedBytes > largest.countedBytes) largest = holder;
      if (--left === 0) break;
    }
    return largest;
  }
}
