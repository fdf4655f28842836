/** Turns of one thread, in the order in which they began. */
import type { Turn, TurnOutcome } from '../../schemas/story.ts';
import type { Micros } from '../common/types.ts';
import { type CallFacts, type Placeable, placeable, succeeded } from './facts.ts';
import { Tally } from './tally.ts';

/** Calls of one turn that can still move; a subagent is known as one long before it has made so many. */
const CALLS_MAX = 500;

export class TurnState {
  readonly turnId: string;
  readonly threadId: string;
  readonly ordinal: number;
  readonly first: CallFacts;
  /** Own steps, without side calls and subagents. */
  readonly tally = new Tally();
  /** Its calls, which move to the turn of its parent when that is found. */
  readonly calls: Placeable[] = [];
  started: Micros;
  ended: Micros;
  steps = 0;
  retries = 0;
  compactions = 0;
  toolCalls = 0;
  toolErrors = 0;
  promptHash: string;
  promptPreview: string;
  answerPreview = '';
  outcome: TurnOutcome = 'open';
  userMessageCount: number;
  /** Turn of the tool call that started it, when it is a subagent's. */
  parent: TurnState | null = null;
  /** The turn whose its calls say that they are, when it is a subagent's. */
  handedTo: TurnState | null = null;

  constructor(turnId: string, threadId: string, ordinal: number, first: CallFacts) {
    this.turnId = turnId;
    this.threadId = threadId;
    this.ordinal = ordinal;
    this.first = first;
    this.started = first.start;
    this.ended = first.end;
    this.promptHash = first.promptHash;
    this.promptPreview = first.promptPreview;
    this.userMessageCount = first.userMessageCount;
  }

  step(call: CallFacts, isRetry: boolean): void {
    this.tally.add(call);
    if (this.calls.length < CALLS_MAX) this.calls.push(placeable(call));
    if (isRetry) this.retries++;
    else this.steps++;
    this.ended = Math.max(this.ended, call.end);
    this.outcome = outcomeOf(call);
    if (call.answerPreview !== '') this.answerPreview = call.answerPreview;
    this.toolCalls += call.asked.length;
    this.userMessageCount = call.userMessageCount;
  }
}

/** Tools by which real agents say that they are done: no request follows that would show a result. */
const FINISHING: ReadonlySet<string> = new Set(['attempt_completion', 'submit_and_exit', 'complete_task']);

/** How the turn stands after this step. */
function outcomeOf(call: CallFacts): TurnOutcome {
  if (call.outcome === 'refused') return 'refused';
  if (call.outcome === 'client_abort') return 'aborted';
  if (!succeeded(call)) return call.outcome === 'partial_capture' ? 'open' : 'error';
  switch (call.finishReason) {
    case 'stop':
      return 'answered';
    case 'length':
      return 'length';
    case 'refusal':
    case 'content_filter':
      return 'refused';
    case 'error':
      return 'error';
    case '':
    case 'other':
    case 'tool_calls':
    case 'pause':
      return call.asked.some(({ name }) => FINISHING.has(name)) ? 'answered' : 'open';
  }
}

/** What belongs to a turn besides its own steps. */
export interface Beside {
  readonly tally: Tally;
  sideCalls: number;
  subagentCalls: number;
  compactions: number;
  toolCalls: number;
  toolErrors: number;
  readonly subagents: Set<string>;
  ended: Micros;
}

export function nothingBeside(): Beside {
  const counts = { sideCalls: 0, subagentCalls: 0, compactions: 0, toolCalls: 0, toolErrors: 0, ended: 0 };
  return { tally: new Tally(), subagents: new Set(), ...counts };
}

export function turnRow(turn: TurnState, sessionId: string, beside: Beside): Turn {
  const { first } = turn;
  const tally = new Tally();
  tally.addAll(turn.tally);
  tally.addAll(beside.tally);
  return {
    turnId: turn.turnId,
    sessionId,
    threadId: turn.threadId,
    agentId: first.agentId,
    userId: first.userId,
    teamId: first.teamId,
    clientName: first.clientName,
    ordinal: turn.ordinal,
    started: turn.started,
    ended: Math.max(turn.ended, beside.ended),
    outcome: turn.outcome,
    calls: turn.steps,
    retries: turn.retries,
    sideCalls: beside.sideCalls,
    subagentCalls: beside.subagentCalls,
    subagents: beside.subagents.size,
    compactions: beside.compactions,
    toolCalls: turn.toolCalls + beside.toolCalls,
    toolErrors: turn.toolErrors + beside.toolErrors,
    ...tally.sums(),
    promptPreview: turn.promptPreview,
    answerPreview: turn.answerPreview,
  };
}
