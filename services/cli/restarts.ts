/** When to start a capture tool again that ended by itself. */

/** Longest and shortest wait before it. */
const DELAY_MS_FIRST = 250;
const DELAY_MS_MAX = 8_000;
/** So many ends in a row are no accident. */
export const RESTARTS_MAX = 5;
/** A run of this length ends a row. */
const STABLE_MS = 60_000;

export class Restarts {
  #inRow = 0;

  /** `ranMs`: how long the tool captured. Returns how long to wait before it is started again, in ms; null: don't. */
  delayAfter(ranMs: number): number | null {
    if (ranMs >= STABLE_MS) this.#inRow = 0;
    if (this.#inRow >= RESTARTS_MAX) return null;
    return Math.min(DELAY_MS_MAX, DELAY_MS_FIRST * 2 ** this.#inRow++);
  }
}
