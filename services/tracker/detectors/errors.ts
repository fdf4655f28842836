/**
 * The same tool fails in the same way again and again, even with changing arguments: `retry_storm`. No loop: something else was
 * changed in between (test, edit, test).
 */
import type { CallFacts } from '../facts.ts';
import type { ToolState } from '../tools.ts';
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode } from './episode.ts';
import { mayChange } from './tool-nature.ts';

const TOOLS_MAX = 64;

interface Storm {
  readonly signature: string;
  readonly episode: Episode;
}

export class ErrorDetector implements Detector {
  readonly #storms = new Map<string, Storm>();

  step(step: Step, to: Reporter): void {
    if (!step.newTurn) return;
    for (const name of [...this.#storms.keys()]) this.#end(name, step.call, to);
  }

  answered(tool: ToolState, call: CallFacts, turnId: string, to: Reporter): void {
    const { name } = tool.asked;
    const { result } = tool;
    if (result === null) return;
    const signature = `${name} ${result.hash}`;
    if (!result.isError || this.#storms.get(name)?.signature !== signature) this.#end(name, call, to);
    if (!result.isError) {
      if (mayChange(name)) for (const other of [...this.#storms.keys()]) this.#end(other, call, to);
      return;
    }
    let storm = this.#storms.get(name);
    if (storm === undefined) {
      storm = { signature, episode: new Episode() };
      this.#storms.set(name, storm);
      if (this.#storms.size > TOOLS_MAX) this.#storms.delete(this.#storms.keys().next().value!);
    }
    storm.episode.happened(call, turnId);
    to.report({
      kind: 'retry_storm',
      signature,
      toolName: name,
      episode: storm.episode,
      summary: `${name} failed ${storm.episode.occurrences} times in the same way`,
    });
  }

  #end(name: string, call: CallFacts, to: Reporter): void {
    const storm = this.#storms.get(name);
    if (storm === undefined) return;
    this.#storms.delete(name);
    to.ended('retry_storm', storm.signature, call.start);
  }
}
