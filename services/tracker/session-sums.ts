/** Row of one session: sums over its calls in any order, and what its threads say. */
import type { Session, TurnOutcome } from '../../schemas/story.ts';
import type { Micros } from '../common/types.ts';
import { before, type CallFacts, isStep } from './facts.ts';
import { Tally } from './tally.ts';
import type { ThreadStory } from './thread.ts';

export class SessionSums {
  readonly sessionId: string;
  readonly #tally = new Tally();
  #first: CallFacts | null = null;
  /** The earliest call that says who it is. */
  #named: CallFacts | null = null;
  #ended: Micros = 0;
  #sides = 0;
  #compactions = 0;
  #asked = 0;
  #main: ThreadStory[] = [];
  #started: ThreadStory[] = [];
  #counts = { turns: 0, calls: 0, retries: 0, subagentCalls: 0, subagents: 0, toolErrors: 0 };
  #ambiguous = false;

  constructor(sessionId: string) {
    this.sessionId = sessionId;
  }

  add(call: CallFacts): void {
    this.#tally.add(call);
    if (this.#first === null || before(call, this.#first)) this.#first = call;
    if (call.agentId !== '' && (this.#named === null || before(call, this.#named))) this.#named = call;
    this.#ended = Math.max(this.#ended, call.end);
    this.#asked += isStep(call) ? call.asked.length : 0;
    if (!isStep(call)) this.#sides++;
    if (call.kind === 'compaction') this.#compactions++;
  }

  /** The threads are told anew. */
  begin(): void {
    this.#main = [];
    this.#started = [];
    this.#counts = { turns: 0, calls: 0, retries: 0, subagentCalls: 0, subagents: 0, toolErrors: 0 };
    this.#ambiguous = false;
  }

  thread(thread: ThreadStory): void {
    const counts = this.#counts;
    counts.toolErrors += thread.toolErrors;
    if (thread.overlaps) this.#ambiguous = true;
    if (thread.first.kind === 'subagent' || thread.turns[0]?.parent != null) {
      counts.subagents++;
      counts.subagentCalls += thread.steps + thread.retries;
      this.#started.push(thread);
      return;
    }
    counts.retries += thread.retries;
    counts.turns += thread.turns.length;
    counts.calls += thread.steps;
    this.#main.push(thread);
  }

  row(): Session {
    const first = this.#first!;
    const who = this.#named ?? first;
    // A subagent's own session has no other threads.
    const own = this.#main.length > 0 ? this.#main : this.#started;
    const threads = own.sort((a, b) => (before(a.first, b.first) ? -1 : 1));
    const newest = threads.reduce<ThreadStory | null>(
      (latest, thread) => (latest === null || before(latest.last!, thread.last!) ? thread : latest),
      null,
    );
    const outcome: TurnOutcome = newest?.current?.outcome ?? 'open';
    return {
      sessionId: this.sessionId,
      sessionSource: first.sessionSource,
      parentSessionId: first.parentSessionId,
      agentId: who.agentId,
      identitySource: who.identitySource,
      userId: who.userId,
      teamId: who.teamId,
      clientName: who.clientName,
      credential: first.credential,
      started: first.start,
      ended: this.#ended,
      ...this.#counts,
      sideCalls: this.#sides,
      compactions: this.#compactions,
      toolCalls: this.#asked,
      ...this.#tally.sums(),
      firstPrompt: threads[0]?.turns[0]?.promptPreview ?? '',
      lastAnswer: newest?.lastAnswer ?? '',
      outcome,
      ambiguous: this.#ambiguous,
    };
  }
}
