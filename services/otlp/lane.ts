/** The way of one signal to the receiver: what is ready is sent every so often, one round after the other. */
import { toldOf } from '../common/errors.ts';
import type { Micros } from '../common/types.ts';

/** Sends all that is ready, and says of each request since when the oldest of it has been ready, µs since the epoch. */
export type Round = (sending: (oldest: Micros) => void) => Promise<void>;

export class Lane {
  /** What went wrong with the last round, beside the receiver; '' when all is well. */
  problem = '';
  /** When all that was ready was sent last, ms since the epoch; before the first time: when this began. */
  caughtUpMs = Date.now();
  /** Since when the oldest of what waits has been ready, ms since the epoch; null: nothing waits. */
  oldestMs: number | null = null;
  readonly #round: Round;
  readonly #aborted: AbortSignal;
  #running: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;

  constructor(round: Round, aborted: AbortSignal) {
    this.#round = round;
    this.#aborted = aborted;
  }

  start(pollMs: number): void {
    const again = (): void => {
      if (this.#aborted.aborted) return;
      this.#timer = setTimeout(() => {
        void this.catchUp()
          .catch(() => {})
          .then(again);
      }, pollMs);
    };
    again();
  }

  /** One at a time: a second call waits for the first. */
  catchUp(): Promise<void> {
    const work = this.#running.then(() => this.#catchUp());
    this.#running = work.catch(() => {});
    return work;
  }

  /** Resolves when what is under way has ended, which the abort brings about. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  async #catchUp(): Promise<void> {
    try {
      await this.#round((oldest) => {
        this.oldestMs = oldest / 1000;
      });
      this.oldestMs = null;
      this.problem = '';
      this.caughtUpMs = Date.now();
    } catch (error) {
      this.problem = this.#aborted.aborted ? '' : toldOf(error);
      throw error;
    }
  }
}
