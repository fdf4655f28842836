import { asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';

function fields(json: JsonObject): RequestFields {
  return {
    model: asString(json.model),
    streaming: json.stream === true,
    maxOutputTokens: asNumber(json.max_tokens),
    temperature: asNumber(json.temperature),
    previousResponseId: '',
    agentId: '',
    sessionId: asString(json.conversation_id),
    userId: '',
  };
}

/** The last message stands apart from the history, as a text; it is empty when tools' results are sent. */
function userText(value: unknown): string {
  if (typeof value === 'string') return withoutReminders(value);
  const message = asObject(value);
  return asString(message?.role).toUpperCase() === 'USER' ? withoutReminders(asString(message?.message)) : '';
}

function toolNames(value: unknown): readonly string[] {
  const name = asString(asObject(value)?.name);
  return name === '' ? [] : [name];
}

export const request: RequestReader = {
  layout: { message: 'message', chat_history: 'message', preamble: 'system', tools: 'tool', tool_results: 'message' },
  messages: 'message',
  isCall: (has) => has('message'),
  fields,
  userText,
  toolNames,
};
