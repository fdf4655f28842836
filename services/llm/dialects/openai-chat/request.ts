import { asArray, asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';
import { deploymentOf } from '../shared/azure-path.ts';
import { vertexPath } from '../shared/vertex-path.ts';

function fields(json: JsonObject, path: string): RequestFields {
  const metadata = asObject(json.metadata);
  return {
    model: asString(json.model) || deploymentOf(path) || vertexPath(path)?.model || '',
    streaming: json.stream === true || vertexPath(path)?.streaming === true,
    maxOutputTokens: asNumber(json.max_completion_tokens) ?? asNumber(json.max_tokens),
    temperature: asNumber(json.temperature),
    previousResponseId: '',
    // Mistral's agents have a path of their own and no model.
    agentId: asString(metadata?.agent_id) || asString(json.agent_id),
    sessionId: asString(metadata?.session_id) || asString(metadata?.conversation_id) || asString(json.prompt_cache_key),
    userId: asString(json.safety_identifier) || asString(json.user) || asString(metadata?.user_id),
  };
}

/** `content` is a string or a list of parts; only parts of type `text` are text. */
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

/** `tools` wrap a function or a custom tool; the legacy `functions` are bare. */
function toolNames(value: unknown): readonly string[] {
  const tool = asObject(value);
  const name = asString(asObject(tool?.function ?? tool?.custom)?.name) || asString(tool?.name);
  return name === '' ? [] : [name];
}

export const request: RequestReader = {
  layout: { messages: 'message', tools: 'tool', functions: 'tool' },
  messages: 'messages',
  isCall: (has) => has('messages'),
  fields,
  userText,
  toolNames,
};
