/** The context grows, and nothing new happens: every action and answer was there before in this turn. `context_growth`. */
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode } from './episode.ts';

const SEEN_MAX = 2000;
/** Growth of the input over the episode from which on it is told. */
const GROWTH_MIN = 1.1;

export class GrowthDetector implements Detector {
  readonly #seen = new Set<string>();
  #episode = new Episode();
  #firstTokens = 0;
  #lastTokens = 0;

  step(step: Step, to: Reporter): void {
    const { call, turnId, tools } = step;
    if (step.newTurn) this.#seen.clear();
    const keys = tools.map((tool) => `${tool.asked.name} ${tool.asked.argumentsHash}`);
    if (tools.length === 0 && call.answerHash !== '') keys.push(call.answerHash);
    const isNew = step.newTurn || keys.length === 0 || keys.some((key) => !this.#seen.has(key));
    for (const key of keys) if (this.#seen.size < SEEN_MAX) this.#seen.add(key);
    if (isNew || call.inputTokens < this.#lastTokens) {
      if (this.#episode.occurrences > 0) to.ended('context_growth', 'growth', call.start);
      this.#episode = new Episode();
      this.#firstTokens = call.inputTokens;
    } else this.#episode.happened(call, turnId);
    this.#lastTokens = call.inputTokens;
    const { occurrences } = this.#episode;
    if (occurrences === 0 || call.inputTokens < this.#firstTokens * GROWTH_MIN) return;
    to.report({
      kind: 'context_growth',
      signature: 'growth',
      toolName: '',
      episode: this.#episode,
      summary: `${occurrences} steps brought nothing new while the context grew from ${this.#firstTokens} to ${call.inputTokens} tokens`,
      labels: { tokens_from: String(this.#firstTokens), tokens_to: String(call.inputTokens) },
    });
  }
}
