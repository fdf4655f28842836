import type { FinishReason, RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asCount, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import type { ResponseFacts, Usage } from '../dialect.ts';

const INCOMPLETE: Readonly<Record<string, FinishReason>> = {
  max_output_tokens: 'length',
  content_filter: 'content_filter',
};

/** `input_tokens` includes the cached ones; audio tokens are in both. Reasoning isn't told. */
export function readUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  if (usage === null) return null;
  const input = asObject(usage.input_token_details);
  return {
    input: asCount(usage.input_tokens),
    cacheRead: asCount(input?.cached_tokens),
    cacheWrite: null,
    cacheWrite5m: null,
    cacheWrite1h: null,
    output: asCount(usage.output_tokens),
    reasoning: asCount(asObject(usage.output_token_details)?.reasoning_tokens),
  };
}

function finish(status: string, reason: string, tools: number): FinishReason {
  switch (status) {
    case 'completed':
      return tools > 0 ? 'tool_calls' : 'stop';
    case 'incomplete':
      return INCOMPLETE[reason] ?? 'other';
    case 'failed':
      return 'error';
    case 'cancelled':
      return 'other';
    default:
      return '';
  }
}

function errorOf(details: JsonObject | null, failed: boolean): ApiError | null {
  if (!failed) return null;
  return readApiError(details) ?? { type: '', message: '' };
}

/** A response (`realtime.response`), from `response.done` or put together. Of audio the transcript is the text. */
export function answer(json: JsonObject): ResponseFacts {
  const toolCalls: RequestedToolCall[] = [];
  let text = '';
  for (const entry of asArray(json.output)) {
    const item = asObject(entry);
    if (item?.type === 'function_call') {
      const id = asString(item.call_id) || asString(item.id);
      toolCalls.push({ id, name: asString(item.name), arguments: asString(item.arguments) });
    }
    for (const part of asArray(item?.content)) {
      text += asString(asObject(part)?.text) || asString(asObject(part)?.transcript);
    }
  }
  const status = asString(json.status);
  const details = asObject(json.status_details);
  const reason = asString(details?.reason);
  const finishReason = finish(status, reason, toolCalls.length);
  return {
    model: asString(json.model),
    responseId: asString(json.id),
    finishReason,
    finishReasonRaw: reason || (finishReason === '' ? '' : status),
    refused: reason === 'content_filter',
    usage: readUsage(json.usage),
    toolCalls,
    text,
    error: errorOf(details, status === 'failed'),
  };
}
