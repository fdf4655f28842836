/**
 * A partition's clock, for limits on how long things may last: the time at which its records were published.
 *
 * Not the capture times in the frames: a replayed capture would end the connections of a live one, and two replays each other's.
 * And not this process's time: a successor that reads the same records must come to the same conclusions.
 */

/** A record moves the clock by no more than this, ms: a publisher whose clock is wrong must not end the others' connections. */
const STEP_MS_MAX = 60_000;

export class PartitionClock {
  readonly #stepMsMax: number;
  #nowMs = 0;
  #latestMs = 0;

  constructor(stepMsMax = STEP_MS_MAX) {
    this.#stepMsMax = stepMsMax;
  }

  /** ms since the first record. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** `publishedMs`: of the next record. One from before the latest moves nothing. */
  advance(publishedMs: number): void {
    if (publishedMs <= this.#latestMs) return;
    if (this.#latestMs > 0) this.#nowMs += Math.min(publishedMs - this.#latestMs, this.#stepMsMax);
    this.#latestMs = publishedMs;
  }
}
