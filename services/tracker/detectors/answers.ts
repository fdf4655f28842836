/**
 * Nearly the same text as answer to the same words, without any tool call: `repeated_answer`. No loop: a person asks the same and gets
 * the same; who speaks again at once is a program.
 */
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode } from './episode.ts';

/** A person takes longer to read an answer and to write, µs. */
const PERSON_US = 3_000_000;

export class AnswerDetector implements Detector {
  #end = 0;
  #answer = '';
  #prompt = '';
  #episode = new Episode();

  step({ call, turnId, tools, newTurn }: Step, to: Reporter): void {
    const byPerson = newTurn && call.start - this.#end >= PERSON_US;
    this.#end = call.end;
    const same =
      !byPerson &&
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
