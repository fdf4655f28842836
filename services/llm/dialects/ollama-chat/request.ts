import { asObject, asString } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestReader } from '../dialect.ts';
import { fields } from '../shared/ollama.ts';

function userText(value: unknown): string {
  const message = asObject(value);
  return message?.role === 'user' ? withoutReminders(asString(message.content)) : '';
}

function toolNames(value: unknown): readonly string[] {
  const name = asString(asObject(asObject(value)?.function)?.name);
  return name === '' ? [] : [name];
}

export const request: RequestReader = {
  layout: { messages: 'message', tools: 'tool' },
  messages: 'messages',
  isCall: (has) => has('messages') && has('model'),
  fields,
  userText,
  toolNames,
};
