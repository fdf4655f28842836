/** How much of something there may be in a time: what wasn't used is saved, up to a limit. */
/** What may come at once, in seconds of what may come in time. */
const AT_ONCE_SECONDS = 2;

export function allowanceOf(perSecond: number): Allowance {
  return new Allowance(perSecond, Math.max(1, perSecond * AT_ONCE_SECONDS));
}

export class Allowance {
  readonly #perMicro: number;
  readonly #most: number;
  #left: number;
  #at = 0;

  /** @param most at once, and at the beginning */
  constructor(perSecond: number, most: number) {
    this.#perMicro = perSecond / 1e6;
    this.#most = most;
    this.#left = most;
  }

  /** False: nothing is left at `now`, µs of the capture's clock. One that was set back gives nothing. */
  take(now: number): boolean {
    if (now > this.#at) this.#left = Math.min(this.#most, this.#left + (now - this.#at) * this.#perMicro);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
