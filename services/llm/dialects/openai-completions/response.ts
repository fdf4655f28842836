import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { NO_FACTS } from '../shared/facts.ts';
import { mapFinishReason } from '../shared/openai-finish.ts';
import { readTimings, readUsage } from '../shared/openai-usage.ts';

/** The text of a choice; Mistral's fill-in-the-middle has a message instead. */
export function textOf(choice: JsonObject | null): string {
  return asString(choice?.text) || asString(asObject(choice?.message ?? choice?.delta)?.content);
}

/** With several choices the first one gives reason and text. */
export function answer(json: JsonObject): ResponseFacts {
  const first = asObject(asArray(json.choices)[0]);
  const raw = asString(first?.finish_reason);
  return {
    ...NO_FACTS,
    model: asString(json.model),
    responseId: asString(json.id),
    finishReason: mapFinishReason(raw),
    finishReasonRaw: raw,
    refused: raw === 'content_filter',
    usage: readUsage(json.usage) ?? readTimings(json.timings),
    text: textOf(first),
    error: json.choices === undefined ? readApiError(json) : null,
  };
}
