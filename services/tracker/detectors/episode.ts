/** One time that something goes on: how often, which calls, what it cost beyond the first occurrence. */
import type { Micros } from '../../common/types.ts';
import type { CallFacts } from '../facts.ts';

/** Ids of calls that are kept as evidence: so many of the first, and of the last. */
const FIRST_MAX = 20;
const LAST_MAX = 20;

const NO_IDS: string[] = [];

/** What is kept of a call. */
export type Moment = Pick<CallFacts, 'callId' | 'start' | 'end' | 'inputTokens' | 'outputTokens' | 'costUsd'>;

export function momentOf({ callId, start, end, inputTokens, outputTokens, costUsd }: Moment): Moment {
  return { callId, start, end, inputTokens, outputTokens, costUsd };
}

export class Episode {
  occurrences = 0;
  firstSeen: Micros = 0;
  lastSeen: Micros = 0;
  turnId = '';
  wastedTokens = 0;
  wastedCostNanos = 0;
  // Most episodes are of one occurrence: lists are made when they are needed.
  #first: string[] = NO_IDS;
  #last: string[] = NO_IDS;
  #wasted: Set<string> | null = null;
  #wastedCalls = 0;

  /** One more occurrence. */
  happened(call: Moment, turnId: string): void {
    this.occurrences++;
    if (this.occurrences === 1) this.firstSeen = call.start;
    else this.#waste(call);
    this.lastSeen = Math.max(this.lastSeen, call.end);
    this.turnId = turnId;
    this.#keep(call.callId);
  }

  get wastedCalls(): number {
    return this.#wastedCalls;
  }

  get callIds(): string[] {
    return [...this.#first, ...this.#last];
  }

  /** A call with several of the occurrences is wasted once. */
  #waste(call: Moment): void {
    if (this.#first[0] === call.callId || this.#wasted?.has(call.callId) === true) return;
    const wasted = (this.#wasted ??= new Set());
    if (wasted.size >= LAST_MAX) wasted.delete(wasted.values().next().value!);
    wasted.add(call.callId);
    this.#wastedCalls++;
    this.wastedTokens += call.inputTokens + call.outputTokens;
    this.wastedCostNanos += Math.round((call.costUsd ?? 0) * 1e9);
  }

  #keep(callId: string): void {
    if (this.#first.at(-1) === callId || this.#last.at(-1) === callId) return;
    if (this.#first.length === 0) this.#first = [callId];
    else if (this.#first.length < FIRST_MAX) this.#first.push(callId);
    else {
      this.#last = [...this.#last.slice(1 - LAST_MAX), callId];
    }
  }
}
