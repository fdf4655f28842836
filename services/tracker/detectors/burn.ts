/** Tokens of one session by the minute: `burn_rate`. The order of the calls doesn't matter. */
import type { CallFacts } from '../facts.ts';
import type { Reporter } from './detector.ts';
import { Episode } from './episode.ts';

const MINUTE = 60_000_000;
/** Minutes that are remembered. */
const MINUTES_MAX = 1440;

interface Minute {
  tokens: number;
  readonly episode: Episode;
}

export class BurnWatch {
  readonly #minutes = new Map<number, Minute>();
  #highest = 0;

  add(call: CallFacts, to: Reporter): void {
    const start = Math.floor(call.start / MINUTE);
    let minute = this.#minutes.get(start);
    if (minute === undefined) {
      minute = { tokens: 0, episode: new Episode() };
      this.#minutes.set(start, minute);
      if (this.#minutes.size > MINUTES_MAX) this.#minutes.delete(this.#minutes.keys().next().value!);
    }
    minute.tokens += call.inputTokens + call.outputTokens;
    minute.episode.happened(call, call.turnId);
    // The highest minute tells; the others would repeat it.
    if (minute.tokens <= this.#highest) return;
    this.#highest = minute.tokens;
    const thousands = Math.floor(minute.tokens / 1000);
    to.report({
      kind: 'burn_rate',
      signature: 'burn',
      toolName: '',
      episode: minute.episode,
      isWhole: true,
      weight: thousands,
      summary: `${thousands} thousand tokens went within one minute, in ${minute.episode.occurrences} calls`,
      labels: { tokens_per_minute: String(minute.tokens) },
    });
  }
}
