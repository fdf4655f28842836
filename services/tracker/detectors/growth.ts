/** The context grows, and nothing new happens: every action, its result and every answer was there before in this turn. `context_growth`. */
import type { ToolState } from '../tools.ts';
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode } from './episode.ts';

const SEEN_MAX = 2000;
/** Of one action. */
const RESULTS_MAX = 100;
/** Growth of the input over the episode from which on it is told. */
const GROWTH_MIN = 1.1;

export class GrowthDetector implements Detector {
  readonly #seen = new Set<string>();
  /** Results of each action. */
  readonly #results = new Map<string, string[]>();
  #gotOn = false;
  #episode = new Episode();
  #firstTokens = 0;
  #lastTokens = 0;

  /** Another result of the same action is new; its first one came with the action. */
  answered(tool: ToolState): void {
    if (tool.result === null) return;
    const { action } = tool;
    const { hash } = tool.result;
    const known = this.#results.get(action);
    if (known === undefined) {
      if (this.#results.size < SEEN_MAX) this.#results.set(action, [hash]);
    } else if (!known.includes(hash)) {
      this.#gotOn = true;
      if (known.length < RESULTS_MAX) known.push(hash);
    }
  }

  step(step: Step, to: Reporter): void {
    const { call, turnId, tools } = step;
    if (step.newTurn) {
      this.#seen.clear();
      this.#results.clear();
    }
    const keys = tools.map(({ action }) => action);
    if (tools.length === 0 && call.answerHash !== '') keys.push(call.answerHash);
    const isNew = step.newTurn || this.#gotOn || keys.length === 0 || keys.some((key) => !this.#seen.has(key));
    this.#gotOn = false;
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
