import type { RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { mapFinishReason } from '../shared/openai-finish.ts';
import { readTimings, readUsage } from '../shared/openai-usage.ts';

function addToolCalls(message: JsonObject, toolCalls: RequestedToolCall[]): void {
  for (const item of asArray(message.tool_calls)) {
    const call = asObject(item);
    const tool = asObject(call?.function ?? call?.custom);
    if (call === null || tool === null) continue;
    const args = tool.arguments ?? tool.input;
    toolCalls.push({
      id: asString(call.id),
      name: asString(tool.name),
      // Some servers send an object where the API has JSON text.
      arguments: typeof args === 'string' ? args : args === undefined ? '' : JSON.stringify(args),
    });
  }
  const legacy = asObject(message.function_call);
  if (legacy !== null) toolCalls.push({ id: '', name: asString(legacy.name), arguments: asString(legacy.arguments) });
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  let text = '';
  for (const part of asArray(content)) text += asString(asObject(part)?.text);
  return text;
}

/** With n > 1 the first choice gives reason and text; the tool calls of all of them count. */
export function answer(json: JsonObject): ResponseFacts {
  const toolCalls: RequestedToolCall[] = [];
  let raw = '';
  let text = '';
  let refusal = '';
  let failure: unknown;
  for (const item of asArray(json.choices)) {
    const choice = asObject(item);
    const message = asObject(choice?.message);
    if (choice === null) continue;
    raw ||= asString(choice.finish_reason);
    failure ??= choice.error;
    if (message === null) continue;
    text ||= textOf(message.content);
    refusal ||= asString(message.refusal);
    addToolCalls(message, toolCalls);
  }
  return {
    model: asString(json.model),
    responseId: asString(json.id),
    finishReason: refusal === '' ? mapFinishReason(raw) : 'refusal',
    finishReasonRaw: raw,
    refused: refusal !== '' || raw === 'content_filter',
    usage: readUsage(json.usage) ?? readTimings(json.timings),
    toolCalls,
    text: text || refusal,
    // A router that has an answer of its own tells in the choice what its provider failed with.
    error: json.choices === undefined ? readApiError(json) : failure == null ? null : readApiError({ error: failure }),
  };
}
