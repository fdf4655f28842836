/** The course of a conversation in messages with `role`, `content` and `tool_calls`, as OpenAI's chat API has it and others after it. */
import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type AskedTool, type HistoryMessage, type HistoryReader, historyMessage } from '../history.ts';

/** `content` is a string or a list of parts. */
function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  const texts: string[] = [];
  for (const item of asArray(content)) {
    const part = asObject(item);
    if (part?.type === 'text') texts.push(asString(part.text));
  }
  return texts;
}

function askedIn(message: JsonObject): AskedTool[] {
  const asked: AskedTool[] = [];
  for (const item of asArray(message.tool_calls)) {
    const call = asObject(item);
    const tool = asObject(call?.function ?? call?.custom);
    if (call === null || tool === null) continue;
    const args = tool.arguments ?? tool.input;
    const text = typeof args === 'string' ? args : JSON.stringify(args ?? {});
    asked.push({ id: asString(call.id), name: asString(tool.name), arguments: text });
  }
  const legacy = asObject(message.function_call);
  if (legacy !== null) asked.push({ id: '', name: asString(legacy.name), arguments: asString(legacy.arguments) });
  return asked;
}

function read(value: unknown): HistoryMessage {
  const message = asObject(value);
  if (message === null) return historyMessage('none');
  switch (message.role) {
    case 'user':
      return historyMessage('user', { userTexts: textsOf(message.content) });
    case 'assistant':
      return historyMessage('assistant', { answerText: textsOf(message.content).join(''), asked: askedIn(message) });
    case 'tool':
    case 'function': {
      const texts = textsOf(message.content);
      // Cohere's results are documents.
      const text = texts.length > 0 ? texts.join('\n') : JSON.stringify(message.content ?? '');
      const name = asString(message.name) || asString(message.tool_name);
      const result = { id: asString(message.tool_call_id), name, text, isError: null };
      return historyMessage('tool', { results: [result] });
    }
    case 'system':
    case 'developer':
      return historyMessage('system');
    default:
      return historyMessage('none');
  }
}

/** `keepsIds`: whether answers bring ids of tool calls that come back in later requests. */
export function chatHistory(keepsIds: boolean): HistoryReader {
  return {
    keepsIds,
    splitsAnswers: false,
    message: read,
    /** The system prompt is a message. */
    systemText(element) {
      const message = asObject(element);
      return message?.role === 'system' || message?.role === 'developer' ? textsOf(message.content).join('\n') : '';
    },
  };
}
