import type { RequestedToolCall } from '../../../../schemas/call.ts';
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { NO_FACTS } from '../shared/facts.ts';
import { readUsage } from '../shared/openai-usage.ts';

/** A text, or a list of parts of which only those of type `text` are text. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  let text = '';
  for (const part of Array.isArray(content) ? content : [content]) text += asString(asObject(part)?.text);
  return text;
}

/** Functions are to be run by the client; `tool.execution` entries were run by the server and are no requests. */
export function answer(json: JsonObject): ResponseFacts {
  const toolCalls: RequestedToolCall[] = [];
  let text = '';
  let model = '';
  for (const item of asArray(json.outputs)) {
    const entry = asObject(item);
    if (entry === null) continue;
    model ||= asString(entry.model);
    if (entry.type === 'message.output') text += textOf(entry.content);
    if (entry.type !== 'function.call') continue;
    const args = typeof entry.arguments === 'string' ? entry.arguments : JSON.stringify(entry.arguments ?? {});
    toolCalls.push({ id: asString(entry.tool_call_id), name: asString(entry.name), arguments: args });
  }
  const ended = asArray(json.outputs).length > 0;
  return {
    ...NO_FACTS,
    model,
    responseId: asString(json.conversation_id),
    // The API tells no reason.
    finishReason: !ended ? '' : toolCalls.length > 0 ? 'tool_calls' : 'stop',
    usage: readUsage(json.usage),
    toolCalls,
    text,
    error: json.outputs === undefined ? readApiError(json) : null,
  };
}
