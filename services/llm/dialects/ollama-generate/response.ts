import { asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { NO_FACTS } from '../shared/facts.ts';
import { mapFinishReason, readUsage } from '../shared/ollama.ts';

export function answer(json: JsonObject): ResponseFacts {
  const raw = asString(json.done_reason);
  return {
    ...NO_FACTS,
    model: asString(json.model),
    finishReason: mapFinishReason(raw, false),
    finishReasonRaw: raw,
    usage: readUsage(json),
    text: asString(json.response),
    error: json.error === undefined ? null : readApiError(json),
  };
}
