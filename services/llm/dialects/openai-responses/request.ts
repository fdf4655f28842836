import { asArray, asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';

function fields(json: JsonObject): RequestFields {
  const metadata = asObject(json.metadata);
  // Codex tells its session here; the cache key is the next best that stays the same over a conversation.
  const client = asObject(json.client_metadata);
  const conversation = asString(json.conversation) || asString(asObject(json.conversation)?.id);
  return {
    model: asString(json.model),
    // Over WebSocket the answer comes in events always.
    streaming: json.stream === true || asString(json.type).startsWith('response.'),
    maxOutputTokens: asNumber(json.max_output_tokens),
    temperature: asNumber(json.temperature),
    previousResponseId: asString(json.previous_response_id),
    agentId: asString(metadata?.agent_id),
    sessionId:
      asString(client?.session_id) || asString(metadata?.session_id) || conversation || asString(json.prompt_cache_key),
    userId: asString(json.safety_identifier) || asString(json.user) || asString(metadata?.user_id),
  };
}

/** An input item, or the whole input when it is a string. */
export function userText(value: unknown): string {
  if (typeof value === 'string') return withoutReminders(value);
  const item = asObject(value);
  if (item === null || item.role !== 'user') return '';
  if (typeof item.content === 'string') return withoutReminders(item.content);
  const texts: string[] = [];
  for (const entry of asArray(item.content)) {
    const part = asObject(entry);
    const isText = part?.type === 'input_text' || part?.type === 'text';
    const text = isText ? withoutReminders(asString(part?.text)) : '';
    if (text !== '') texts.push(text);
  }
  return texts.join('\n');
}

/** Functions and custom tools have names, namespaces hold tools of their own, built-in tools are named by their type. */
export function toolNames(value: unknown): readonly string[] {
  const tool = asObject(value);
  if (tool === null) return [];
  if (tool.type === 'namespace' && Array.isArray(tool.tools)) {
    const space = asString(tool.name);
    return tool.tools.map((inner) => `${space}.${asString(asObject(inner)?.name)}`);
  }
  const name = asString(tool.name) || asString(asObject(tool.function)?.name) || asString(tool.type);
  return name === '' ? [] : [name];
}

export const request: RequestReader = {
  layout: { input: 'message', instructions: 'system', tools: 'tool' },
  messages: 'input',
  isCall: (has) =>
    has('input') || has('previous_response_id') || has('conversation') || (has('model') && has('prompt')),
  fields,
  userText,
  toolNames,
};
