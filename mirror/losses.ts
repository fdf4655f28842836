/** Counts what was not passed on, by reason. */
import type { Loss, LossReason } from '../schemas/frame.ts';

export const LOSS_REASONS = [
  'gap',
  'snap',
  'memory',
  'kernel',
  'malformed',
  'unsupported',
  'not_http',
  'out_of_window',
  'fragment',
  'outage',
  'flood',
] as const satisfies readonly LossReason[];

export const LOSS_GAP = 0;
export const LOSS_SNAP = 1;
export const LOSS_KERNEL = 3;
export const LOSS_MALFORMED = 4;
export const LOSS_UNSUPPORTED = 5;
export const LOSS_NOT_HTTP = 6;
export const LOSS_OUT_OF_WINDOW = 7;
export const LOSS_FRAGMENT = 8;
/** `packets` counts the outages: what they cost isn't known. */
export const LOSS_OUTAGE = 9;
export const LOSS_FLOOD = 10;

export class LossCounter {
  readonly #packets: number[] = LOSS_REASONS.map(() => 0);
  readonly #bytes: number[] = LOSS_REASONS.map(() => 0);

  /** `reason` is an index into LOSS_REASONS. `packets` 0 = not known. */
  add(reason: number, packets: number, bytes: number): void {
    this.#packets[reason]! += packets;
    this.#bytes[reason]! += bytes;
  }

  /** What was counted since the last call. */
  take(): Loss[] {
    const losses: Loss[] = [];
    for (const [index, reason] of LOSS_REASONS.entries()) {
      const packets = this.#packets[index]!;
      const bytes = this.#bytes[index]!;
      if (packets > 0 || bytes > 0) losses.push({ reason, packets, bytes });
      this.#packets[index] = 0;
      this.#bytes[index] = 0;
    }
    return losses;
  }
}
