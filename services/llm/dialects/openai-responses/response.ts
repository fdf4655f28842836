import type { FinishReason, RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { readUsage } from './usage.ts';

/** Calls that the client must answer: a response with one of these is complete, but its turn isn't. */
const PENDING = new Set([
  'function_call',
  'custom_tool_call',
  'local_shell_call',
  'shell_call',
  'apply_patch_call',
  'computer_call',
  'mcp_approval_request',
]);

const INCOMPLETE: Readonly<Record<string, FinishReason>> = {
  max_output_tokens: 'length',
  max_tokens: 'length',
  content_filter: 'content_filter',
};

const CALL_SUFFIX = '_call';

export function isToolCall(type: string): boolean {
  return type.endsWith(CALL_SUFFIX) || type === 'mcp_approval_request';
}

/** Built-in tools have no name: they are called by their type, `web_search_call` → `web_search`. */
export function toolCallOf(item: JsonObject, type: string): RequestedToolCall {
  const bare = type.endsWith(CALL_SUFFIX) ? type.slice(0, -CALL_SUFFIX.length) : type;
  const args = item.arguments ?? item.input ?? item.action ?? item.operation ?? item.code ?? item.queries;
  return {
    id: asString(item.call_id) || asString(item.id),
    name: asString(item.name) || bare,
    arguments: typeof args === 'string' ? args : args === undefined ? '' : JSON.stringify(args),
  };
}

function finish(status: string, reason: string, pending: boolean): FinishReason {
  switch (status) {
    case 'completed':
      return pending ? 'tool_calls' : 'stop';
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

interface Output {
  readonly toolCalls: RequestedToolCall[];
  text: string;
  refusal: string;
  pending: boolean;
}

function readOutput(items: unknown): Output {
  const output: Output = { toolCalls: [], text: '', refusal: '', pending: false };
  for (const entry of asArray(items)) {
    const item = asObject(entry);
    const type = asString(item?.type);
    if (item === null) continue;
    if (isToolCall(type)) {
      output.toolCalls.push(toolCallOf(item, type));
      if (PENDING.has(type)) output.pending = true;
    } else if (type === 'message') {
      for (const part of asArray(item.content)) {
        output.text += asString(asObject(part)?.text);
        output.refusal += asString(asObject(part)?.refusal);
      }
    }
  }
  return output;
}

export function answer(json: JsonObject): ResponseFacts {
  const { toolCalls, text, refusal, pending } = readOutput(json.output);
  const status = asString(json.status);
  const reason = asString(asObject(json.incomplete_details)?.reason);
  const finishReason = finish(status, reason, pending);
  return {
    model: asString(json.model),
    responseId: asString(json.id),
    finishReason: refusal === '' ? finishReason : 'refusal',
    finishReasonRaw: reason || (finishReason === '' ? '' : status),
    refused: refusal !== '' || reason === 'content_filter',
    usage: readUsage(json.usage),
    toolCalls,
    text: text || refusal,
    error: asObject(json.error) === null ? null : readApiError(json),
  };
}
