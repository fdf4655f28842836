import { withoutReminders } from '../../json/text.ts';
import { asArray, asNumber, asObject, asString, type JsonObject } from '../../json/value.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';

const DEPLOYMENTS = '/deployments/';

/** Azure has the model's deployment in the path. */
function deploymentOf(path: string): string {
  const at = path.indexOf(DEPLOYMENTS);
  if (at < 0) return '';
  const from = at + DEPLOYMENTS.length;
  const to = path.indexOf('/', from);
  return to < 0 ? path.slice(from) : path.slice(from, to);
}

function fields(json: JsonObject, path: string): RequestFields {
  const metadata = asObject(json.metadata);
  return {
    model: asString(json.model) || deploymentOf(path),
    streaming: json.stream === true,
    maxOutputTokens: asNumber(json.max_completion_tokens) ?? asNumber(json.max_tokens),
    temperature: asNumber(json.temperature),
    previousResponseId: '',
    agentId: asString(metadata?.agent_id),
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
