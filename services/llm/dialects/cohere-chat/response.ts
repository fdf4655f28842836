import type { RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { mapFinishReason } from '../shared/cohere-finish.ts';
import { readMeta } from '../shared/cohere-usage.ts';
import { NO_FACTS } from '../shared/facts.ts';

export function answer(json: JsonObject): ResponseFacts {
  const message = asObject(json.message);
  const toolCalls: RequestedToolCall[] = [];
  let text = '';
  for (const item of asArray(message?.content)) {
    const part = asObject(item);
    if (part?.type === 'text') text += asString(part.text);
  }
  for (const item of asArray(message?.tool_calls)) {
    const call = asObject(item);
    const tool = asObject(call?.function);
    if (tool === null) continue;
    toolCalls.push({ id: asString(call?.id), name: asString(tool.name), arguments: asString(tool.arguments) });
  }
  const raw = asString(json.finish_reason);
  const finishReason = mapFinishReason(raw, toolCalls.length > 0);
  return {
    ...NO_FACTS,
    responseId: asString(json.id),
    finishReason,
    finishReasonRaw: raw,
    refused: finishReason === 'content_filter',
    usage: readMeta(json.usage),
    toolCalls,
    text,
    error: message === null ? readApiError(json) : null,
  };
}
