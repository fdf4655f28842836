/** What the tracker reads of a stored call. Hashes and ids as in `schemas/story.ts`; times in µs. */
import type { FinishReason, IdentitySource, Outcome } from '../../schemas/call.ts';
import type { CallKind } from '../../schemas/story.ts';
import type { CallId, Micros } from '../common/types.ts';

export interface AskedFacts {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  readonly argumentsHash: string;
  readonly promptHash: string;
}

export interface ResultFacts {
  readonly id: string;
  readonly name: string;
  readonly hash: string;
  readonly isError: boolean;
  readonly agent: string;
  readonly preview: string;
}

/** Where the call's stored row says that it belongs. */
export interface RowPlace {
  readonly sessionId: string;
  readonly threadId: string;
  readonly turnId: string;
  readonly kind: CallKind;
}

/** What the story is told from. */
export interface CallFacts {
  readonly row: RowPlace;
  readonly callId: CallId;
  readonly sessionId: string;
  readonly sessionSource: IdentitySource;
  readonly turnId: string;
  readonly kind: CallKind;
  readonly threadId: string;
  readonly parentSessionId: string;
  readonly parentThreadId: string;
  readonly agentId: string;
  readonly identitySource: IdentitySource;
  readonly userId: string;
  readonly teamId: string;
  readonly clientName: string;
  readonly credential: string;
  readonly model: string;
  readonly outcome: Outcome;
  readonly finishReason: FinishReason;
  readonly start: Micros;
  /** Last byte of the answer that was seen, else of the request, else `start`. */
  readonly end: Micros;
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly outputTokens: number;
  /** Null: the price isn't known. */
  readonly costUsd: number | null;
  readonly userMessageCount: number;
  readonly promptHash: string;
  readonly openingHash: string;
  readonly stepId: string;
  readonly answerHash: string;
  readonly answerTextHash: string;
  readonly asked: readonly AskedFacts[];
  readonly results: readonly ResultFacts[];
  readonly promptPreview: string;
  readonly answerPreview: string;
}

/** What is read of a stored call: besides, by what its session is found. */
export interface StoredFacts extends CallFacts {
  readonly network: string;
  readonly clientIp: string;
  readonly responseId: string;
  readonly previousResponseId: string;
  readonly messageCount: number;
  readonly threadPromptHash: string;
  readonly retryCount: number;
}

/** Whether the request got what it asked for: a call that didn't may be tried again. */
export function succeeded(call: CallFacts): boolean {
  return call.outcome === 'ok' || call.outcome === 'refused';
}

/** Steps of a conversation, in contrast to what stands beside it. */
export function isStep(call: CallFacts): boolean {
  return call.kind === 'main' || call.kind === 'subagent';
}

/** Order in which a thread's calls happened. */
export function before(a: Pick<CallFacts, 'callId' | 'start'>, b: Pick<CallFacts, 'callId' | 'start'>): boolean {
  return a.start !== b.start ? a.start < b.start : a.callId < b.callId;
}

export function byTime(a: CallFacts, b: CallFacts): number {
  return before(a, b) ? -1 : 1;
}

/** What is needed of a call to put it into another place. */
export type Placeable = Pick<CallFacts, 'callId' | 'start' | 'sessionId' | 'sessionSource' | 'parentSessionId' | 'row'>;

export function placeable(call: CallFacts): Placeable {
  const { callId, start, sessionId, sessionSource, parentSessionId, row } = call;
  return { callId, start, sessionId, sessionSource, parentSessionId, row };
}
