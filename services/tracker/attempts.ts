/**
 * A first request that failed has no answer that would name its conversation: its thread is one of failures only, until an attempt
 * of the same request succeeds. Then it belongs to that one's thread and turn, whose ids any later call tells by itself.
 */
import { before, type CallFacts, isStep, succeeded } from './facts.ts';

/** A failed request is tried again within this time, µs. */
export const RETRY_SPAN = 900_000_000;

/** Whether `call` may be a later attempt of the request that failed. */
export function tries(call: CallFacts, failed: CallFacts): boolean {
  return (
    failed.stepId !== '' &&
    call.stepId === failed.stepId &&
    before(failed, call) &&
    call.start - failed.start <= RETRY_SPAN
  );
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
    const later = byStep.get(call.stepId)?.filter((other) => tries(other, call)) ?? [];
    const [first] = later.sort((a, b) => (before(a, b) ? -1 : 1));
    return first === undefined ? call : { ...call, threadId: first.threadId, turnId: first.turnId };
  });
}
