import { asArray, asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';
import { bedrockPath, isStreaming } from '../shared/bedrock-path.ts';

/** Where the models have their limits: Titan, Nova, and those with flat bodies. */
function settingsOf(json: JsonObject): JsonObject {
  return asObject(json.textGenerationConfig) ?? asObject(json.inferenceConfig) ?? json;
}

function fields(json: JsonObject, path: string): RequestFields {
  const told = bedrockPath(path);
  const settings = settingsOf(json);
  return {
    model: told?.model ?? '',
    streaming: told !== null && isStreaming(told),
    maxOutputTokens:
      asNumber(settings.max_tokens) ??
      asNumber(settings.max_gen_len) ??
      asNumber(settings.maxTokenCount) ??
      asNumber(settings.maxTokens) ??
      asNumber(settings.max_new_tokens) ??
      asNumber(settings.max_completion_tokens),
    temperature: asNumber(settings.temperature),
    previousResponseId: '',
    agentId: '',
    sessionId: '',
    userId: asString(json.user),
  };
}

/** A message, or the whole prompt. */
function userText(value: unknown): string {
  if (typeof value === 'string') return withoutReminders(value);
  const message = asObject(value);
  if (message === null || message.role !== 'user') return '';
  if (typeof message.content === 'string') return withoutReminders(message.content);
  const texts: string[] = [];
  for (const block of asArray(message.content)) {
    const text = withoutReminders(asString(asObject(block)?.text));
    if (text !== '') texts.push(text);
  }
  return texts.join('\n');
}

function toolNames(value: unknown): readonly string[] {
  const json = asObject(value);
  const names: string[] = [];
  for (const item of Array.isArray(json?.tools) ? json.tools : [json]) {
    const tool = asObject(item);
    const name = asString(asObject(tool?.toolSpec ?? tool?.function)?.name) || asString(tool?.name);
    if (name !== '') names.push(name);
  }
  return names;
}

/** Members of the models' own bodies that hold what they are to answer. */
const PROMPTS = ['messages', 'prompt', 'inputText', 'message', 'inputs'];
/** Those of models that make no text: embeddings, rankings, pictures. */
const OTHERS = ['texts', 'inputImage', 'taskType', 'text_prompts', 'query', 'documents'];

export const request: RequestReader = {
  layout: {
    messages: 'message',
    prompt: 'message',
    inputText: 'message',
    message: 'message',
    system: 'system',
    toolConfig: 'tool',
    tools: 'tool',
  },
  messages: 'messages',
  isCall: (has) => !has('anthropic_version') && (PROMPTS.some(has) || OTHERS.some(has)),
  fields,
  userText,
  toolNames,
};
