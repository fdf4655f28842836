import type { RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { mapFinishReason } from '../shared/cohere-finish.ts';
import { readMeta } from '../shared/cohere-usage.ts';
import { NO_FACTS } from '../shared/facts.ts';

/** Tool calls have no ids here. */
export function answer(json: JsonObject): ResponseFacts {
  const toolCalls: RequestedToolCall[] = [];
  for (const item of asArray(json.tool_calls)) {
    const call = asObject(item);
    if (call === null) continue;
    toolCalls.push({ id: '', name: asString(call.name), arguments: JSON.stringify(call.parameters ?? {}) });
  }
  const raw = asString(json.finish_reason);
  const finishReason = mapFinishReason(raw, toolCalls.length > 0);
  return {
    ...NO_FACTS,
    responseId: asString(json.response_id) || asString(json.generation_id),
    finishReason,
    finishReasonRaw: raw,
    refused: finishReason === 'content_filter',
    usage: readMeta(json.meta),
    toolCalls,
    text: asString(json.text),
    error: json.text === undefined ? readApiError(json) : null,
  };
}
