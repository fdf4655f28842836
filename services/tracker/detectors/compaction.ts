/** The history is summed up again and again, with hardly a step in between: `compaction_loop`. */
import type { CallFacts } from '../facts.ts';
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode } from './episode.ts';

/** So many steps between two compactions are progress. */
const STEPS_OF_PROGRESS = 3;

export class CompactionDetector implements Detector {
  #episode = new Episode();
  #steps = 0;

  step({ call }: Step, to: Reporter): void {
    this.#steps++;
    if (this.#steps < STEPS_OF_PROGRESS || this.#episode.occurrences === 0) return;
    to.ended('compaction_loop', 'compaction', call.start);
    this.#episode = new Episode();
  }

  compacted(call: CallFacts, turnId: string, to: Reporter): void {
    this.#steps = 0;
    this.#episode.happened(call, turnId);
    const { occurrences } = this.#episode;
    to.report({
      kind: 'compaction_loop',
      signature: 'compaction',
      toolName: '',
      episode: this.#episode,
      summary: `The history was summed up ${occurrences} times with hardly a step in between`,
    });
  }
}
