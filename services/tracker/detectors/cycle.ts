/**
 * Two to eight actions in turn, again and again: A B A B …, A B C A B C … Equal in tool and arguments, and in results as far as they
 * are known: a cycle whose results change gets on.
 */
import type { CallFacts } from '../facts.ts';
import type { ToolState } from '../tools.ts';
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode, type Moment } from './episode.ts';

const PERIODS = [2, 3, 4, 5, 6, 7, 8] as const;
const WINDOW = 32;

interface Action {
  readonly key: string;
  readonly name: string;
  readonly answer: ToolState['answer'];
  readonly call: Moment;
  readonly turnId: string;
}

interface Watch {
  readonly period: number;
  /** Actions in a row that are equal to the one a period before. */
  equal: number;
  episode: Episode | null;
  signature: string;
  keys: readonly string[];
}

/** Not a shorter cycle that went around more often. */
function isPrimitive(keys: readonly string[]): boolean {
  for (let period = 1; period <= keys.length >> 1; period++) {
    if (keys.length % period === 0 && keys.every((key, at) => key === keys[at % period])) return false;
  }
  return true;
}

export class CycleDetector implements Detector {
  #actions: Action[] = [];
  readonly #watches: Watch[] = PERIODS.map((period) => ({ period, equal: 0, episode: null, signature: '', keys: [] }));

  /** Whether the action is part of a cycle that goes on. */
  covers(key: string): boolean {
    return this.#watches.some(({ episode, keys }) => episode !== null && keys.includes(key));
  }

  step(step: Step, to: Reporter): void {
    if (step.newTurn) {
      this.#actions = [];
      for (const watch of this.#watches) this.#end(watch, step.call, to);
    }
    for (const tool of step.tools) {
      if (tool.serverSide) continue;
      this.#actions.push({
        key: tool.action,
        name: tool.asked.name,
        answer: tool.answer,
        call: step.moment,
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
      const [now, then] = [actions[i]!, actions[i - period]!];
      const known = now.answer.hash !== null && then.answer.hash !== null;
      if (known && now.key === then.key && now.answer.hash !== then.answer.hash) return true;
    }
    return false;
  }

  #around(watch: Watch, cycle: readonly Action[], keys: readonly string[], to: Reporter): void {
    if (watch.episode === null) {
      watch.episode = new Episode();
      // The first time around was seen before it was known to be one.
      const first = this.#actions.at(-watch.period * 2) ?? cycle[0]!;
      watch.episode.happened(first.call, first.turnId);
      watch.keys = keys;
      watch.signature = [...keys].sort().join(' → ');
    }
    const last = cycle.at(-1)!;
    watch.episode.happened(last.call, last.turnId);
    const names = cycle.map(({ name }) => name);
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
