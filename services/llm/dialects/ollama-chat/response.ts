import type { RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { NO_FACTS } from '../shared/facts.ts';
import { mapFinishReason, readUsage } from '../shared/ollama.ts';

export function answer(json: JsonObject): ResponseFacts {
  const message = asObject(json.message);
  const toolCalls: RequestedToolCall[] = [];
  for (const item of asArray(message?.tool_calls)) {
    const call = asObject(item);
    const tool = asObject(call?.function);
    if (tool === null) continue;
    const args = typeof tool.arguments === 'string' ? tool.arguments : JSON.stringify(tool.arguments ?? {});
    toolCalls.push({ id: asString(call?.id), name: asString(tool.name), arguments: args });
  }
  const raw = asString(json.done_reason);
  return {
    ...NO_FACTS,
    model: asString(json.model),
    finishReason: mapFinishReason(raw, toolCalls.length > 0),
    finishReasonRaw: raw,
    usage: readUsage(json),
    toolCalls,
    text: asString(message?.content),
    error: json.error === undefined ? null : readApiError(json),
  };
}
