import { asCount, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { NO_FACTS, plainUsage } from '../shared/facts.ts';
import { mapFinishReason } from '../shared/openai-finish.ts';

/** Details come only when asked for; then the prompt's tokens (`prefill`) needn't be among them, and the head has the counts. */
export function answer(json: JsonObject): ResponseFacts {
  const details = asObject(json.details);
  const raw = asString(details?.finish_reason);
  const input = asCount(details?.input_length);
  return {
    ...NO_FACTS,
    finishReason: mapFinishReason(raw),
    finishReasonRaw: raw,
    usage: input === null ? null : plainUsage(input, asCount(details?.generated_tokens)),
    text: asString(json.generated_text),
    error: json.error === undefined ? null : readApiError(json),
  };
}
