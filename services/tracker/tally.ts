/** Sums over calls. The order of the calls doesn't matter. */
import type { CallFacts } from './facts.ts';

export class Tally {
  inputTokens = 0;
  cacheReadTokens = 0;
  outputTokens = 0;
  /** Billionths of a dollar, whole, so that the sum doesn't depend on the order. */
  costNanos = 0;
  costComplete = true;
  readonly models = new Set<string>();

  add(call: CallFacts): void {
    this.inputTokens += call.inputTokens;
    this.cacheReadTokens += call.cacheReadTokens;
    this.outputTokens += call.outputTokens;
    if (call.costUsd !== null) this.costNanos += Math.round(call.costUsd * 1e9);
    else if (call.inputTokens + call.outputTokens > 0) this.costComplete = false;
    if (call.model !== '') this.models.add(call.model);
  }

  addAll(other: Tally): void {
    this.inputTokens += other.inputTokens;
    this.cacheReadTokens += other.cacheReadTokens;
    this.outputTokens += other.outputTokens;
    this.costNanos += other.costNanos;
    this.costComplete &&= other.costComplete;
    for (const model of other.models) this.models.add(model);
  }

  /** As columns. */
  sums() {
    return {
      inputTokens: this.inputTokens,
      cacheReadTokens: this.cacheReadTokens,
      outputTokens: this.outputTokens,
      costUsd: this.costNanos / 1e9,
      costComplete: this.costComplete,
      models: [...this.models].sort(),
    };
  }
}
