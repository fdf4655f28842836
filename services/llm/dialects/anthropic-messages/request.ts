import { asArray, asNumber, asObject, asString, type JsonObject, parseJson } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';
import { bedrockPath, isStreaming } from '../shared/bedrock-path.ts';
import { vertexPath } from '../shared/vertex-path.ts';

/** Claude Code puts JSON with its session id into `metadata.user_id`; anybody else's is an id of the user as it is. */
function readUserId(value: unknown): { readonly userId: string; readonly sessionId: string } {
  const text = asString(value);
  if (text.startsWith('{')) {
    const json = asObject(parseJson(text));
    if (json !== null) {
      const userId = asString(json.user_id) || asString(json.account_uuid) || asString(json.device_id);
      return { userId, sessionId: asString(json.session_id) };
    }
  }
  // Older releases of Claude Code: user_HASH_account_UUID_session_UUID.
  const marker = text.lastIndexOf('_session_');
  if (text.startsWith('user_') && marker > 0) {
    return { userId: text.slice(0, marker), sessionId: text.slice(marker + '_session_'.length) };
  }
  return { userId: text, sessionId: '' };
}

/** Vertex and Bedrock have the model in the path, and whether the answer is a stream. */
function fields(json: JsonObject, path: string): RequestFields {
  const metadata = asObject(json.metadata);
  const ids = readUserId(metadata?.user_id);
  const vertex = vertexPath(path);
  const bedrock = bedrockPath(path);
  const streams = vertex?.streaming === true || (bedrock !== null && isStreaming(bedrock));
  return {
    model: asString(json.model) || vertex?.model || bedrock?.model || '',
    streaming: json.stream === true || streams,
    maxOutputTokens: asNumber(json.max_tokens),
    temperature: asNumber(json.temperature),
    previousResponseId: '',
    agentId: asString(metadata?.agent_id),
    sessionId: ids.sessionId || asString(metadata?.session_id),
    userId: ids.userId,
  };
}

function userText(value: unknown): string {
  const message = asObject(value);
  if (message === null || message.role !== 'user') return '';
  if (typeof message.content === 'string') return withoutReminders(message.content);
  const texts: string[] = [];
  for (const item of asArray(message.content)) {
    const block = asObject(item);
    if (block?.type !== 'text') continue;
    const text = withoutReminders(asString(block.text));
    if (text !== '') texts.push(text);
  }
  return texts.join('\n');
}

function toolNames(value: unknown): readonly string[] {
  const name = asString(asObject(value)?.name);
  return name === '' ? [] : [name];
}

export const request: RequestReader = {
  layout: { messages: 'message', system: 'system', tools: 'tool' },
  messages: 'messages',
  isCall: (has, path) => {
    if (!has('messages')) return false;
    // Bedrock wants the version; without it the body is that of another model.
    return has('anthropic_version') || (bedrockPath(path) === null && (has('model') || has('max_tokens')));
  },
  fields,
  userText,
  toolNames,
};
