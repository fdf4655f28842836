import { asArray, asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
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
    sessionId: '',
    userId: '',
  };
}

function userText(value: unknown): string {
  const message = asObject(value);
  if (message === null || message.role !== 'user') return '';
  if (typeof message.content === 'string') return withoutReminders(message.content);
  const texts: string[] = [];
  for (const item of asArray(message.content)) {
    const part = asObject(item);
    const text = part?.type === 'text' ? withoutReminders(asString(part.text)) : '';
    if (text !== '') texts.push(text);
  }
  return texts.join('\n');
}

function toolNames(value: unknown): readonly string[] {
  const name = asString(asObject(asObject(value)?.function)?.name);
  return name === '' ? [] : [name];
}

export const request: RequestReader = {
  layout: { messages: 'message', tools: 'tool' },
  messages: 'messages',
  isCall: (has) => has('messages'),
  fields,
  userText,
  toolNames,
};
