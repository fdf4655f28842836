import type { Micros } from '../common/types.ts';

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
    const sorted = new Float64Array(this.#gaps).sort();
    return { p50Ms: sorted[(sorted.length - 1) >> 1]! / 1000, maxMs: this.#gapMax / 1000 };
  }
}
