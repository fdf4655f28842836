import { asArray, asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';

const CONVERSATION = /\/conversations\/([^/]+)/;

function fields(json: JsonObject, path: string): RequestFields {
  const args = asObject(json.completion_args);
  return {
    model: asString(json.model),
    streaming: json.stream === true,
    maxOutputTokens: asNumber(args?.max_tokens),
    temperature: asNumber(args?.temperature),
    previousResponseId: '',
    agentId: asString(json.agent_id),
    sessionId: CONVERSATION.exec(path)?.[1] ?? '',
    userId: '',
  };
}

/** An input entry, or the whole input when it is a text. Results of functions have a type of their own. */
function userText(value: unknown): string {
  if (typeof value === 'string') return withoutReminders(value);
  const entry = asObject(value);
  if (entry === null || entry.role !== 'user') return '';
  if (typeof entry.content === 'string') return withoutReminders(entry.content);
  const texts: string[] = [];
  for (const part of asArray(entry.content)) {
    const text = withoutReminders(asString(asObject(part)?.text));
    if (text !== '') texts.push(text);
  }
  return texts.join('\n');
}

/** Functions have names, built-in tools are named by their type. */
function toolNames(value: unknown): readonly string[] {
  const tool = asObject(value);
  const name = asString(asObject(tool?.function)?.name) || asString(tool?.type);
  return name === '' ? [] : [name];
}

export const request: RequestReader = {
  layout: { inputs: 'message', instructions: 'system', tools: 'tool' },
  messages: 'inputs',
  isCall: (has) => has('inputs'),
  fields,
  userText,
  toolNames,
};
