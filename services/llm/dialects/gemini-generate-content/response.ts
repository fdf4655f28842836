import type { FinishReason, RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { unwrapped } from './unwrapped.ts';
import { readUsage } from './usage.ts';

const FINISH: Readonly<Record<string, FinishReason>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
  IMAGE_PROHIBITED_CONTENT: 'content_filter',
  IMAGE_RECITATION: 'content_filter',
  MALFORMED_FUNCTION_CALL: 'error',
  UNEXPECTED_TOOL_CALL: 'error',
};

function finishOf(raw: string, blocked: boolean, asksTools: boolean): FinishReason {
  if (raw === '') return blocked ? 'content_filter' : '';
  const finish = FINISH[raw] ?? 'other';
  // The API has no word of its own for it: a function call ends with STOP as well.
  return finish === 'stop' && asksTools ? 'tool_calls' : finish;
}

export function answer(outer: JsonObject): ResponseFacts {
  const json = unwrapped(outer);
  const toolCalls: RequestedToolCall[] = [];
  let raw = '';
  let text = '';
  for (const item of asArray(json.candidates)) {
    const candidate = asObject(item);
    raw ||= asString(candidate?.finishReason);
    for (const entry of asArray(asObject(candidate?.content)?.parts)) {
      const part = asObject(entry);
      const call = asObject(part?.functionCall);
      if (call !== null) {
        toolCalls.push({
          id: asString(call.id),
          name: asString(call.name),
          arguments: call.args === undefined ? '{}' : JSON.stringify(call.args),
        });
      } else if (part !== null && part.thought !== true) text += asString(part.text);
    }
  }
  const blockReason = asString(asObject(json.promptFeedback)?.blockReason);
  const finishReason = finishOf(raw, blockReason !== '', toolCalls.length > 0);
  return {
    model: asString(json.modelVersion),
    responseId: asString(json.responseId),
    finishReason,
    finishReasonRaw: raw || blockReason,
    refused: finishReason === 'content_filter',
    usage: readUsage(json.usageMetadata),
    toolCalls,
    text,
    error: json.error === undefined ? null : readApiError(json),
  };
}
