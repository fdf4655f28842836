import type { FinishReason, RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { readUsage } from './usage.ts';

const FINISH: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  tool_use: 'tool_calls',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  guardrail_intervened: 'content_filter',
  content_filtered: 'content_filter',
  malformed_model_output: 'error',
  malformed_tool_use: 'error',
};

export function answer(json: JsonObject): ResponseFacts {
  const toolCalls: RequestedToolCall[] = [];
  let text = '';
  for (const item of asArray(asObject(asObject(json.output)?.message)?.content)) {
    const block = asObject(item);
    const use = asObject(block?.toolUse);
    text += asString(block?.text);
    if (use === null) continue;
    const args = typeof use.input === 'string' ? use.input : JSON.stringify(use.input ?? {});
    toolCalls.push({ id: asString(use.toolUseId), name: asString(use.name), arguments: args });
  }
  const raw = asString(json.stopReason);
  const finishReason = raw === '' ? '' : (FINISH[raw] ?? 'other');
  return {
    // The answer names neither its model nor itself.
    model: '',
    responseId: '',
    finishReason,
    finishReasonRaw: raw,
    refused: finishReason === 'content_filter',
    usage: readUsage(json.usage),
    toolCalls,
    text,
    error: json.output === undefined ? readApiError(json) : null,
  };
}
