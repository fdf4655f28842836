import type { ResponseFacts } from '../dialect.ts';

/** What an answer says that says nothing: a beginning for the facts of others. */
export const NO_FACTS: ResponseFacts = {
  model: '',
  responseId: '',
  finishReason: '',
  finishReasonRaw: '',
  refused: false,
  usage: null,
  toolCalls: [],
  text: '',
  error: null,
};

/** Counts that come without any more detail; null when neither is told. */
export function plainUsage(input: number | null, output: number | null): ResponseFacts['usage'] {
  if (input === null && output === null) return null;
  return {
    input,
    cacheRead: null,
    cacheWrite: null,
    cacheWrite5m: null,
    cacheWrite1h: null,
    output,
    reasoning: null,
  };
}
