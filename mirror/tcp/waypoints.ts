/**
 * Where to begin looking in a long list of parked segments. Without it, whoever sends many tiny segments in an order that is bad for
 * us makes every one of them a walk over all the others.
 *
 * Every `SPACING`th segment is a waypoint. Insertions between two waypoints make the walk longer; when it has become too
 * long, the waypoints are set anew: once in some hundred insertions at most, so that it costs each of them a few steps.
 */
import type { Parked } from './stream.ts';

const SPACING = 32;
/** Steps after which the waypoints are set anew. */
export const WALK_MAX = 256;

export class Waypoints {
  readonly #list: Parked[] = [];
  /** Those before this one were delivered. */
  #first = 0;

  constructor(head: Parked | null) {
    let count = 0;
    for (let at = head; at !== null; at = at.after) if (++count % SPACING === 0) this.#list.push(at);
  }

  /** The first waypoint that ends after `offset`; null when there is none. */
  endingAfter(offset: number): Parked | null {
    let low = this.#first;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#list[middle]!.end > offset) high = middle;
      else low = middle + 1;
    }
    return this.#list[low] ?? null;
  }

  /** The list's first segment was taken out. Segments go in no other way. */
  removed(head: Parked): void {
    if (this.#list[this.#first] === head) this.#first++;
  }
}
