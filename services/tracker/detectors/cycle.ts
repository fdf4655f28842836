/**
 * Two to four actions in turn, again and again: A B A B …, A B C A B C … Equal in tool and arguments, and in results as far as they
 * are known: a cycle whose results change gets on.
 */
import type { CallFacts } from '../facts.ts';
import type { ToolState } from '../tools.ts';
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode } from './episode.ts';

const PERIODS = [2, 3, 4] as const;
const WINDOW = 16;

interface Action {
  readonly key: string;
  readonly tool: ToolState;
  readonly call: CallFacts;
  readonly turnId: string;
}

interface Watch {
  readonly period: number;
  /** Actions in a row that are equal to the one a period before. */
  equal: number;
  episode: Episode | null;
  signature: string;
}

function isPrimitive(keys: readonly string[]): boolean {
  if (new Set(keys).size === 1) return false;
  return !(keys.length === 4 && keys[0] === keys[2] && keys[1] === keys[3]);
}

export class CycleDetector implements Detector {
  #actions: Action[] = [];
  readonly #watches: Watch[] = PERIODS.map((period) => ({ period, equal: 0, episode: null, signature: '' }));

  step(step: Step, to: Reporter): void {
    if (step.newTurn) {
      this.#actions = [];
      for (const watch of this.#watches) this.#end(watch, step.call, to);
    }
    for (const tool of step.tools) {
      if (tool.serverSide) continue;
      this.#actions.push({
        key: `${tool.asked.name} ${tool.asked.argumentsHash}`,
        tool,
        call: step.call,
        turnId: step.turnId,
      });
      for (const watch of this.#watches) this.#look(watch, step.call, to);
    }
    if (this.#actions.length > WINDOW) this.#actions = this.#actions.slice(-WINDOW);
  }

  #look(watch: Watch, call: CallFacts, to: Reporter): void {
    const { period } = watch;
    const actions = this.#actions;
    const newest = actions.length - 1;
    const same = newest >= period && actions[newest]!.key === actions[newest - period]!.key;
    if (!same || this.#gotOn(period)) {
      this.#end(watch, call, to);
      if (!same) return;
    }
    watch.equal++;
    if (watch.equal % period !== 0) return;
    const cycle = actions.slice(-period);
    const keys = cycle.map(({ key }) => key);
    if (isPrimitive(keys)) this.#around(watch, cycle, keys, to);
    else this.#end(watch, call, to);
  }

  /** Whether the last whole cycle of which the results are known had another result than the one before. */
  #gotOn(period: number): boolean {
    const actions = this.#actions;
    for (let i = actions.length - 1; i >= Math.max(period, actions.length - 1 - period); i--) {
      const [now, then] = [actions[i]!.tool.result, actions[i - period]!.tool.result];
      if (now !== null && then !== null && now.hash !== then.hash) return true;
    }
    return false;
  }

  #around(watch: Watch, cycle: readonly Action[], keys: readonly string[], to: Reporter): void {
    if (watch.episode === null) {
      watch.episode = new Episode();
      // The first time around was seen before it was known to be one.
      const first = this.#actions.at(-watch.period * 2) ?? cycle[0]!;
      watch.episode.happened(first.call, first.turnId);
      watch.signature = [...keys].sort().join(' → ');
    }
    const last = cycle.at(-1)!;
    watch.episode.happened(last.call, last.turnId);
    const names = cycle.map(({ tool }) => tool.asked.name);
    to.report({
      kind: 'cycle',
      signature: watch.signature,
      toolName: names.join(','),
      episode: watch.episode,
      summary: `${names.join(' → ')} went around ${watch.episode.occurrences} times with the same arguments and results`,
      labels: { length: String(watch.period) },
    });
  }

  #end(watch: Watch, call: CallFacts, to: Reporter): void {
    if (watch.episode !== null) to.ended('cycle', watch.signature, call.start);
    watch.equal = 0;
    watch.episode = null;
  }
}
