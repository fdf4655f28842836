/** Nearly the same text as answer to the same words, without any tool call: `repeated_answer`. */
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode } from './episode.ts';

export class AnswerDetector implements Detector {
  #answer = '';
  #prompt = '';
  #episode = new Episode();

  step({ call, turnId, tools }: Step, to: Reporter): void {
    const same =
      tools.length === 0 &&
      call.answerHash !== '' &&
      call.answerHash === this.#answer &&
      call.promptHash === this.#prompt;
    if (!same) {
      if (this.#episode.occurrences > 1) to.ended('repeated_answer', this.#answer, call.start);
      this.#episode = new Episode();
      this.#answer = tools.length === 0 ? call.answerHash : '';
      this.#prompt = call.promptHash;
    }
    if (this.#answer === '') return;
    this.#episode.happened(call, turnId);
    const { occurrences } = this.#episode;
    if (occurrences < 2) return;
    to.report({
      kind: 'repeated_answer',
      signature: this.#answer,
      toolName: '',
      episode: this.#episode,
      summary: `The model gave nearly the same answer ${occurrences} times in a row, without a tool call`,
    });
  }
}
