/**
 * Subagents and the tool calls that started them: by the subagent's id that the tool's result names, by the text that the tool call
 * handed over, or by the parent that the client tells. A subagent's calls belong to the turn of its parent, however deep.
 */
import type { Places } from './places.ts';
import type { ThreadStory } from './thread.ts';
import type { ToolLedger, ToolState } from './tools.ts';
import type { Beside, TurnState } from './turns.ts';

/** Subagents of subagents of … */
const DEPTH_MAX = 16;
/** A subagent may begin while the answer that asks for it is still streaming, µs. */
const STREAMING_SLACK = 60_000_000;

interface Candidate {
  readonly thread: ThreadStory;
  readonly turn: TurnState;
}

export class Subagents {
  readonly #threads: ReadonlyMap<string, ThreadStory>;
  readonly #ledger: ToolLedger;
  readonly #places: Places;
  readonly #dirty: Set<TurnState>;
  /** Turns whose parent isn't known, and that may have one. */
  readonly #candidates = new Set<Candidate>();
  readonly #children = new Map<TurnState, Candidate[]>();

  constructor(threads: ReadonlyMap<string, ThreadStory>, ledger: ToolLedger, places: Places, dirty: Set<TurnState>) {
    this.#threads = threads;
    this.#ledger = ledger;
    this.#places = places;
    this.#dirty = dirty;
  }

  began(thread: ThreadStory, turn: TurnState): void {
    const isFirst = thread.turns[0] === turn;
    if (thread.first.kind === 'subagent' || isFirst) this.#candidates.add({ thread, turn });
  }

  /** Looks for the parents that aren't known, and hands the calls of subagents to their root's turn. */
  link(): void {
    for (const candidate of this.#candidates) {
      const { thread, turn } = candidate;
      const parent = this.#parentOf(thread, turn);
      if (parent === null || parent === turn || this.rootOf(parent) === turn) continue;
      this.#candidates.delete(candidate);
      turn.parent = parent;
      this.#dirty.add(turn);
      const siblings = this.#children.get(parent);
      if (siblings === undefined) this.#children.set(parent, [candidate]);
      else siblings.push(candidate);
    }
    for (const turn of [...this.#dirty]) {
      if (turn.parent === null) continue;
      const root = this.rootOf(turn);
      this.#dirty.add(root);
      this.#handOver(turn, root);
      for (const child of this.below(turn)) this.#handOver(child, root);
    }
  }

  rootOf(turn: TurnState): TurnState {
    let root = turn;
    for (let depth = 0; depth < DEPTH_MAX && root.parent !== null; depth++) root = root.parent;
    return root;
  }

  /** Turns of subagents below this one, at any depth. */
  below(turn: TurnState): TurnState[] {
    return this.#below(turn).map((each) => each.turn);
  }

  addTo(turn: TurnState, beside: Beside): void {
    for (const { thread, turn: child } of this.#below(turn)) {
      beside.tally.addAll(child.tally);
      beside.subagentCalls += child.steps + child.retries;
      beside.subagents.add(thread.threadId);
      beside.toolCalls += child.toolCalls;
      beside.toolErrors += child.toolErrors;
      beside.ended = Math.max(beside.ended, child.ended);
    }
  }

  #below(turn: TurnState, depth = 0): Candidate[] {
    const children = this.#children.get(turn) ?? [];
    if (depth >= DEPTH_MAX) return children;
    return children.flatMap((child) => [child, ...this.#below(child.turn, depth + 1)]);
  }

  /** Its calls say that they belong to the root's turn; those that come later are put there at once. */
  #handOver(turn: TurnState, root: TurnState): void {
    if (turn.handedTo === root) return;
    turn.handedTo = root;
    for (const call of turn.calls) this.#places.put(call, turn.threadId, root.turnId, 'subagent');
  }

  #parentOf(thread: ThreadStory, turn: TurnState): TurnState | null {
    const tool = this.#toolOf(thread, turn);
    if (tool !== null) {
      if (tool.subagentThreadId === '') {
        const own = this.#places.sessionOf(thread.first);
        tool.subagentThreadId = thread.threadId;
        tool.subagentSessionId = thread.first.parentSessionId === '' ? '' : own;
        this.#ledger.changed(tool);
      }
      return tool.turn;
    }
    const { parentThreadId, kind } = thread.first;
    if (kind !== 'subagent' || parentThreadId === '') return null;
    return this.#threads.get(parentThreadId)?.turnAt(turn.started) ?? null;
  }

  #toolOf(thread: ThreadStory, turn: TurnState): ToolState | null {
    const tool =
      this.#ledger.naming(thread.threadId, this.#places.sessionOf(thread.first)) ??
      this.#ledger.handing(turn.promptHash, thread.threadId);
    const fits = tool !== null && tool.threadId !== thread.threadId && tool.requested <= turn.started + STREAMING_SLACK;
    return fits ? tool : null;
  }
}
