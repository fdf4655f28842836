/** Side calls and the turns beside which they were made. They cost, but tell nothing of the story. */
import { before, type CallFacts } from './facts.ts';
import type { Places } from './places.ts';
import type { Subagents } from './subagents.ts';
import type { ThreadStory } from './thread.ts';
import type { Beside, TurnState } from './turns.ts';

interface SideCall {
  readonly call: CallFacts;
  readonly threadId: string;
  turn: TurnState | null;
}

export class SideCalls {
  readonly #threads: ReadonlyMap<string, ThreadStory>;
  readonly #subagents: Subagents;
  readonly #places: Places;
  readonly #dirty: Set<TurnState>;
  /** In order of time. */
  readonly #all: SideCall[] = [];
  readonly #byTurn = new Map<TurnState, Set<SideCall>>();
  readonly #unsettled = new Set<SideCall>();

  constructor(threads: ReadonlyMap<string, ThreadStory>, subagents: Subagents, places: Places, dirty: Set<TurnState>) {
    this.#threads = threads;
    this.#subagents = subagents;
    this.#places = places;
    this.#dirty = dirty;
  }

  add(call: CallFacts, threadId: string): void {
    const side: SideCall = { call, threadId, turn: null };
    let at = this.#all.length;
    while (at > 0 && before(call, this.#all[at - 1]!.call)) at--;
    this.#all.splice(at, 0, side);
    this.#unsettled.add(side);
  }

  /** Side calls since then, and those beside the turn before, may belong to this turn. */
  turnBegan(turn: TurnState): void {
    const since = this.#threads.get(turn.threadId)?.turns[turn.ordinal - 2]?.started ?? turn.started;
    for (let i = this.#all.length - 1; i >= 0; i--) {
      const side = this.#all[i]!;
      this.#unsettled.add(side);
      if (side.turn !== null && side.call.start < since && side.turn !== turn) break;
    }
  }

  settle(): void {
    for (const side of this.#unsettled) {
      const turn = this.#turnBeside(side);
      const root = turn === null ? null : this.#subagents.rootOf(turn);
      if (turn !== side.turn) this.#move(side, turn);
      this.#places.put(side.call, side.call.threadId, root?.turnId ?? '', side.call.kind);
    }
    this.#unsettled.clear();
  }

  addTo(turn: TurnState, beside: Beside): void {
    for (const { call } of this.#byTurn.get(turn) ?? []) {
      beside.tally.add(call);
      beside.sideCalls++;
      if (call.kind === 'compaction') beside.compactions++;
    }
  }

  #move(side: SideCall, turn: TurnState | null): void {
    if (side.turn !== null) {
      this.#byTurn.get(side.turn)?.delete(side);
      this.#dirty.add(this.#subagents.rootOf(side.turn));
    }
    side.turn = turn;
    if (turn === null) return;
    let sides = this.#byTurn.get(turn);
    if (sides === undefined) this.#byTurn.set(turn, (sides = new Set()));
    sides.add(side);
    this.#dirty.add(this.#subagents.rootOf(turn));
  }

  /** Of its own thread where it has one, else of the main thread that was nearest in time. */
  #turnBeside({ call, threadId }: SideCall): TurnState | null {
    const own = this.#threads.get(threadId);
    if (own !== undefined) return turnOf(own, call);
    let found: TurnState | null = null;
    for (const thread of this.#threads.values()) {
      const turn = thread.first.kind === 'main' ? turnOf(thread, call) : null;
      if (turn !== null && (found === null || distance(turn, call) < distance(found, call))) found = turn;
    }
    return found;
  }
}

/** The turn under way; of the next one when it speaks of that one's prompt: a router comes before what it routes. */
function turnOf(thread: ThreadStory, call: CallFacts): TurnState | null {
  const turn = thread.turnAt(call.start);
  if (turn === null || call.promptHash === '' || turn.promptHash === call.promptHash) return turn;
  const next = thread.turns[turn.ordinal];
  return next !== undefined && next.promptHash === call.promptHash ? next : turn;
}

function distance(turn: TurnState, { start }: CallFacts): number {
  return Math.abs(start - turn.started);
}
