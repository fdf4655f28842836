import type { FinishReason, RequestedToolCall } from '../../../../schemas/call.ts';
import { readApiError } from '../../api-error.ts';
import { asArray, asObject, asString, type JsonObject } from '../../json/value.ts';
import type { ResponseFacts } from '../dialect.ts';
import { readUsage } from './usage.ts';

const FINISH: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  error: 'error',
};

function mapFinishReason(raw: string): FinishReason {
  return raw === '' ? '' : (FINISH[raw] ?? 'other');
}

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
  for (const item of asArray(json.choices)) {
    const choice = asObject(item);
    const message = asObject(choice?.message);
    if (choice === null) continue;
    raw ||= asString(choice.finish_reason);
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
    usage: readUsage(json.usage),
    toolCalls,
    text: text || refusal,
    error: json.choices === undefined ? readApiError(json) : null,
  };
}
