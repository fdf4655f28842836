/**
 * A first request that failed has no answer that would name its conversation: its thread is one of failures only, until an attempt
 * of the same request succeeds. Then it belongs to that one's thread and turn, whose ids any later call tells by itself.
 */
import type { Micros } from '../common/types.ts';
import { before, type CallFacts, isStep, succeeded } from './facts.ts';

/** A failed request is tried again within this time, µs. */
export const RETRY_SPAN = 900_000_000;
/** For how long, by the calls' own times, attempts are known to calls that come late, µs. */
const KNOWN_SPAN = 2 * RETRY_SPAN;
/** How many calls are added before what is older is looked for. */
const SWEEP_CALLS = 256;

/** What is known of an attempt of a step. */
interface Attempt extends Pick<CallFacts, 'callId' | 'start' | 'threadId'> {
  readonly succeeded: boolean;
}

/** Whether `later` may be an attempt of the same request after the one that failed. */
function follows(later: Pick<Attempt, 'callId' | 'start'>, failed: Pick<Attempt, 'callId' | 'start'>): boolean {
  return before(failed, later) && later.start - failed.start <= RETRY_SPAN;
}

/** The attempts of a story's steps, in whatever order they come. */
export class Attempts {
  /** Threads of which a step succeeded. */
  readonly #alive = new Set<string>();
  readonly #bySteps = new Map<string, Attempt[]>();
  #newest: Micros = 0;
  #added = 0;

  /** Whether this call, or one that was added, has its place elsewhere now that both are known. */
  displaces(call: CallFacts): boolean {
    if (!isStep(call) || call.stepId === '') return false;
    const known = this.#bySteps.get(call.stepId);
    if (known === undefined) return false;
    if (succeeded(call)) return known.some((each) => this.#isLost(each, call.threadId) && follows(call, each));
    if (this.#alive.has(call.threadId)) return false;
    return known.some((each) => each.succeeded && follows(each, call));
  }

  add(call: CallFacts): void {
    if (!isStep(call)) return;
    if (succeeded(call)) this.#alive.add(call.threadId);
    if (call.stepId === '') return;
    const { callId, start, threadId } = call;
    const attempt = { callId, start, threadId, succeeded: succeeded(call) };
    const known = this.#bySteps.get(call.stepId);
    if (known === undefined) this.#bySteps.set(call.stepId, [attempt]);
    else known.push(attempt);
    this.#newest = Math.max(this.#newest, start);
    if (++this.#added % SWEEP_CALLS === 0) this.#sweep(this.#newest - KNOWN_SPAN);
  }

  /** It failed, and so did all else of its thread, which isn't this one. */
  #isLost(attempt: Attempt, threadId: string): boolean {
    return !attempt.succeeded && attempt.threadId !== threadId && !this.#alive.has(attempt.threadId);
  }

  #sweep(since: Micros): void {
    for (const [stepId, known] of this.#bySteps) {
      const kept = known.filter(({ start }) => start >= since);
      if (kept.length === 0) this.#bySteps.delete(stepId);
      else if (kept.length < known.length) this.#bySteps.set(stepId, kept);
    }
  }
}

/** The same calls, those of threads of failures put where the first attempt that succeeded is. */
export function withAttempts(calls: readonly CallFacts[]): CallFacts[] {
  const alive = new Set<string>();
  const byStep = new Map<string, CallFacts[]>();
  for (const call of calls) {
    if (!isStep(call) || !succeeded(call)) continue;
    alive.add(call.threadId);
    const known = byStep.get(call.stepId);
    if (known === undefined) byStep.set(call.stepId, [call]);
    else known.push(call);
  }
  return calls.map((call) => {
    if (!isStep(call) || succeeded(call) || alive.has(call.threadId)) return call;
    const later = call.stepId === '' ? [] : (byStep.get(call.stepId)?.filter((other) => follows(other, call)) ?? []);
    const [first] = later.sort((a, b) => (before(a, b) ? -1 : 1));
    return first === undefined ? call : { ...call, threadId: first.threadId, turnId: first.turnId };
  });
}
