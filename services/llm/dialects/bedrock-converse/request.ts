import { asArray, asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';
import { bedrockPath, isStreaming } from '../shared/bedrock-path.ts';

function fields(json: JsonObject, path: string): RequestFields {
  const config = asObject(json.inferenceConfig);
  const metadata = asObject(json.requestMetadata);
  const told = bedrockPath(path);
  return {
    model: told?.model ?? '',
    streaming: told !== null && isStreaming(told),
    maxOutputTokens: asNumber(config?.maxTokens),
    temperature: asNumber(config?.temperature),
    previousResponseId: '',
    agentId: asString(metadata?.agent_id),
    sessionId: asString(metadata?.session_id),
    userId: asString(metadata?.user_id),
  };
}

/** Blocks have one member each, which tells their kind; a `toolResult` is no text of the user. */
function userText(value: unknown): string {
  const message = asObject(value);
  if (message === null || message.role !== 'user') return '';
  const texts: string[] = [];
  for (const block of asArray(message.content)) {
    const text = withoutReminders(asString(asObject(block)?.text));
    if (text !== '') texts.push(text);
  }
  return texts.join('\n');
}

/** `toolConfig` is one part: `{"tools":[{"toolSpec":{"name":…}}, {"systemTool":…}, {"cachePoint":…}],"toolChoice":…}` */
function toolNames(value: unknown): readonly string[] {
  const names: string[] = [];
  for (const item of asArray(asObject(value)?.tools)) {
    const tool = asObject(item);
    const name = asString(asObject(tool?.toolSpec ?? tool?.systemTool)?.name);
    if (name !== '') names.push(name);
  }
  return names;
}

export const request: RequestReader = {
  layout: { messages: 'message', system: 'system', toolConfig: 'tool' },
  messages: 'messages',
  // A stored prompt (an ARN in the path) brings its own messages.
  isCall: (has, path) => has('messages') || has('promptVariables') || isCallOfPrompt(path),
  fields,
  userText,
  toolNames,
};

function isCallOfPrompt(path: string): boolean {
  return bedrockPath(path)?.model.includes(':prompt/') === true;
}
