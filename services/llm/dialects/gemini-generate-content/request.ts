import { asArray, asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';

const MODELS = '/models/';

/** `/v1beta/models/MODEL:generateContent` */
function modelOf(path: string): string {
  const at = path.lastIndexOf(MODELS);
  const colon = path.lastIndexOf(':');
  return at < 0 || colon < at ? '' : path.slice(at + MODELS.length, colon);
}

/** Code Assist has the model beside the request, and a session inside of it. */
function fields(outer: JsonObject, path: string): RequestFields {
  const json = asObject(outer.request) ?? outer;
  const config = asObject(json.generationConfig ?? json.generation_config);
  const labels = asObject(json.labels);
  return {
    model: modelOf(path) || asString(outer.model),
    streaming: path.endsWith(':streamGenerateContent'),
    maxOutputTokens: asNumber(config?.maxOutputTokens ?? config?.max_output_tokens),
    temperature: asNumber(config?.temperature),
    previousResponseId: '',
    agentId: asString(labels?.agent_id),
    sessionId: asString(labels?.session_id) || asString(json.session_id),
    userId: asString(labels?.user_id),
  };
}

/** Role `user` may be left out; parts with a `functionResponse` are results, not text. */
function userText(value: unknown): string {
  const content = asObject(value);
  if (content === null || (content.role !== undefined && content.role !== 'user')) return '';
  const texts: string[] = [];
  for (const part of asArray(content.parts)) {
    const text = withoutReminders(asString(asObject(part)?.text));
    if (text !== '') texts.push(text);
  }
  return texts.join('\n');
}

/** One element declares many functions, or is a built-in tool such as `{"googleSearch":{}}`. */
function toolNames(value: unknown): readonly string[] {
  const tool = asObject(value);
  if (tool === null) return [];
  const names: string[] = [];
  for (const [key, inner] of Object.entries(tool)) {
    if (key !== 'functionDeclarations' && key !== 'function_declarations') names.push(key);
    else for (const declared of asArray(inner)) names.push(asString(asObject(declared)?.name));
  }
  return names;
}

export const request: RequestReader = {
  layout: {
    contents: 'message',
    systemInstruction: 'system',
    system_instruction: 'system',
    tools: 'tool',
    request: 'inside',
  },
  messages: 'contents',
  isCall: (has) => has('contents'),
  fields,
  userText,
  toolNames,
};
