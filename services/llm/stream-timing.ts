import type { Micros } from '../common/types.ts';

const ROUNDS_MAX = 64;

/** When the content events of one stream came: the first, and the gaps between them (stalls). */
export class StreamTiming {
  first: Micros | null = null;
  /** Content events. */
  count = 0;
  readonly #gapsMax: number;
  readonly #gaps: number[] = [];
  #last: Micros = 0;
  #gapMax = 0;

  /** `gapsMax`: gaps beyond it count for the maximum alone. */
  constructor(gapsMax: number) {
    this.#gapsMax = gapsMax;
  }

  content(time: Micros): void {
    this.count++;
    if (this.first === null) this.first = time;
    else {
      const gap = Math.max(0, time - this.#last);
      if (this.#gaps.length < this.#gapsMax) this.#gaps.push(gap);
      if (gap > this.#gapMax) this.#gapMax = gap;
    }
    this.#last = time;
  }

  /** Median by the lower of the two middle values; null with fewer than two events. */
  gaps(): { readonly p50Ms: number; readonly maxMs: number } | null {
    if (this.#gaps.length === 0) return null;
    const p50 = kthSmallest(this.#gaps, (this.#gaps.length - 1) >> 1);
    return { p50Ms: p50 / 1000, maxMs: this.#gapMax / 1000 };
  }
}

/** Hoare's selection (CACM 4, algorithm 65); a number of rounds that only made-up gaps need is left to sorting. */
function kthSmallest(values: readonly number[], k: number): number {
  const some = values.slice();
  let [left, right] = [0, some.length - 1];
  for (let round = 0; left < right; round++) {
    if (round === ROUNDS_MAX) return new Float64Array(values).sort()[k]!;
    const pivot = some[(left + right) >> 1]!;
    let [low, high] = [left, right];
    while (low <= high) {
      while (some[low]! < pivot) low++;
      while (some[high]! > pivot) high--;
      if (low > high) break;
      const swapped = some[low]!;
      some[low++] = some[high]!;
      some[high--] = swapped;
    }
    if (k <= high) right = high;
    else if (k >= low) left = low;
    else break;
  }
  return some[k]!;
}
