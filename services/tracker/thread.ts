/** One line of conversation: its turns, the attempts of its steps, and what its detectors saw. Calls come in order of time. */
import type { Micros } from '../common/types.ts';
import type { Detector, Reporter } from './detectors/detector.ts';
import { momentOf } from './detectors/episode.ts';
import { threadDetectors } from './detectors/index.ts';
import { before, type CallFacts, succeeded } from './facts.ts';
import { digest } from './ids.ts';
import type { ToolLedger, ToolState } from './tools.ts';
import { TurnState } from './turns.ts';

/** Steps whose attempts are remembered. */
const STEPS_MAX = 64;

export interface Placed {
  readonly turn: TurnState;
  /** Its first call. */
  readonly isNew: boolean;
}

export class ThreadStory {
  readonly threadId: string;
  readonly first: CallFacts;
  readonly turns: TurnState[] = [];
  readonly #byRawId = new Map<string, TurnState>();
  /** Whether the newest attempt of a step got an answer. */
  readonly #attempts = new Map<string, boolean>();
  readonly #detectors: readonly Detector[] = threadDetectors();
  #last: CallFacts | null = null;
  /** Newest step or compaction. */
  #newest: CallFacts | null = null;
  #ledTo: TurnState | null = null;
  /** Calls of it overlap: several agents that nothing tells apart. */
  overlaps = false;
  steps = 0;
  retries = 0;
  toolErrors = 0;
  lastAnswer = '';

  constructor(threadId: string, first: CallFacts) {
    this.threadId = threadId;
    this.first = first;
  }

  get last(): CallFacts | null {
    return this.#last;
  }

  get current(): TurnState | null {
    return this.turns.at(-1) ?? null;
  }

  /** Whether this call comes before one that was added. */
  isLate(call: CallFacts): boolean {
    return this.#newest !== null && before(call, this.#newest);
  }

  add(call: CallFacts, ledger: ToolLedger, to: Reporter): Placed {
    const turnsBefore = this.turns.length;
    const turn = this.#turnOf(call);
    const isRetry = this.#attempts.get(call.stepId) === false;
    if (call.stepId !== '') this.#remember(call.stepId, succeeded(call));
    this.#overlap(call, isRetry);
    this.#last = this.#newest = call;
    turn.step(call, isRetry);
    if (isRetry) this.retries++;
    else this.steps++;
    if (call.answerPreview !== '') this.lastAnswer = call.answerPreview;
    this.#results(call, turn.turnId, ledger, to);
    const tools = ledger.ask(call, this.threadId, turn);
    this.#detect(call, turn, tools, to);
    return { turn, isNew: this.turns.length > turnsBefore };
  }

  /** The summed up history may show results that no later one has. */
  compacted(call: CallFacts, ledger: ToolLedger, to: Reporter): void {
    this.#newest = call;
    this.#results(call, this.current?.turnId ?? '', ledger, to);
    for (const detector of this.#detectors) detector.compacted?.(call, this.current?.turnId ?? '', to);
  }

  /** The turn under way at this time; the first one for what came before. */
  turnAt(time: Micros): TurnState | null {
    let [low, high] = [0, this.turns.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.turns[middle]!.started <= time) low = middle;
      else high = middle - 1;
    }
    return this.turns[low] ?? null;
  }

  #results(call: CallFacts, turnId: string, ledger: ToolLedger, to: Reporter): void {
    for (const tool of ledger.answer(call, this.threadId)) {
      if (tool.result?.isError === true) {
        tool.turn.toolErrors++;
        this.toolErrors++;
      }
      for (const detector of this.#detectors) detector.answered?.(tool, call, turnId, to);
    }
  }

  #detect(call: CallFacts, turn: TurnState, tools: readonly ToolState[], to: Reporter): void {
    if (tools.length === 0 && call.answerHash === '') return;
    const newTurn = this.#ledTo !== turn;
    this.#ledTo = turn;
    const step = { call, moment: momentOf(call), turnId: turn.turnId, tools, newTurn };
    for (const detector of this.#detectors) detector.step(step, to);
  }

  #turnOf(call: CallFacts): TurnState {
    const { current } = this;
    const raw = call.turnId;
    const known = raw === '' ? current : (this.#byRawId.get(raw) ?? null);
    if (known !== null) return known;
    // The history was rewritten (compaction, a sliding window): the same words of the user still wait for their answer.
    const goesOn =
      current !== null &&
      call.userMessageCount <= current.userMessageCount &&
      (call.promptHash === current.promptHash || call.promptHash === '');
    if (goesOn) {
      this.#byRawId.set(raw, current);
      return current;
    }
    const turnId = raw === '' ? digest('turn', this.threadId, 'unknown') : raw;
    const turn = new TurnState(turnId, this.threadId, this.turns.length + 1, call);
    this.turns.push(turn);
    this.#byRawId.set(raw, turn);
    return turn;
  }

  #remember(stepId: string, success: boolean): void {
    this.#attempts.delete(stepId);
    this.#attempts.set(stepId, success);
    if (this.#attempts.size > STEPS_MAX) this.#attempts.delete(this.#attempts.keys().next().value!);
  }

  #overlap(call: CallFacts, isRetry: boolean): void {
    const last = this.#last;
    if (last !== null && !isRetry && succeeded(last) && call.start < last.end) this.overlaps = true;
  }
}
