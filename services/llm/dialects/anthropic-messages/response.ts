import type { FinishReason, RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { readUsage } from './usage.ts';

const FINISH: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  pause_turn: 'pause',
  refusal: 'refusal',
};

export function mapFinishReason(raw: string): FinishReason {
  return raw === '' ? '' : (FINISH[raw] ?? 'other');
}

/** `server_tool_use` and `mcp_tool_use` are run by the API itself, but the model asked for them all the same. */
export function isToolUse(type: unknown): boolean {
  return type === 'tool_use' || type === 'server_tool_use' || type === 'mcp_tool_use';
}

export function answer(json: JsonObject): ResponseFacts {
  const toolCalls: RequestedToolCall[] = [];
  let text = '';
  for (const item of asArray(json.content)) {
    const block = asObject(item);
    if (block === null) continue;
    if (isToolUse(block.type)) {
      const args = typeof block.input === 'string' ? block.input : JSON.stringify(block.input ?? {});
      toolCalls.push({ id: asString(block.id), name: asString(block.name), arguments: args });
    } else if (block.type === 'text') text += asString(block.text);
  }
  const raw = asString(json.stop_reason);
  return {
    model: asString(json.model),
    responseId: asString(json.id),
    finishReason: mapFinishReason(raw),
    finishReasonRaw: raw,
    refused: raw === 'refusal',
    usage: readUsage(json.usage),
    toolCalls,
    text,
    error: json.type === 'error' ? readApiError(json) : null,
  };
}
