import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type HistoryMessage, type HistoryReader, historyMessage, type ToolResult } from '../history.ts';
import { isToolCall, toolCallOf } from './response.ts';

function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  const texts: string[] = [];
  for (const item of asArray(content)) {
    const text = asString(asObject(item)?.text);
    if (text !== '') texts.push(text);
  }
  return texts;
}

function said(item: JsonObject): HistoryMessage {
  switch (item.role) {
    case 'user':
      return historyMessage('user', { userTexts: textsOf(item.content) });
    case 'assistant':
      return historyMessage('assistant', { answerText: textsOf(item.content).join('') });
    case 'system':
    case 'developer':
      return historyMessage('system');
    default:
      return historyMessage('none');
  }
}

/** `output` is text, a list of parts, or JSON in text with an exit code (`{"output":"…","metadata":{"exit_code":1}}`). */
function resultOf(item: JsonObject): ToolResult {
  const { output } = item;
  const texts = textsOf(output);
  const text = texts.length > 0 ? texts.join('\n') : output === undefined ? '' : JSON.stringify(output);
  const status = asString(item.status);
  const isError = status === 'failed' || item.is_error === true || item.success === false ? true : null;
  return { id: asString(item.call_id), name: '', text, isError };
}

/** Input items: messages, tool calls and their outputs stand beside each other. */
export const history: HistoryReader = {
  keepsIds: true,
  splitsAnswers: true,
  message(value) {
    if (typeof value === 'string') return historyMessage('user', { userTexts: [value] });
    const item = asObject(value);
    if (item === null) return historyMessage('none');
    const type = asString(item.type);
    if (type === 'message' || (type === '' && item.role !== undefined)) return said(item);
    if (type.endsWith('_output') || type === 'mcp_approval_response') {
      return historyMessage('tool', { results: [resultOf(item)] });
    }
    if (isToolCall(type)) return historyMessage('assistant', { asked: [toolCallOf(item, type)] });
    return historyMessage('none');
  },
  systemText: (element) => asString(element),
};
