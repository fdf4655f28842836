import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import {
  type AskedTool,
  type HistoryMessage,
  type HistoryReader,
  historyMessage,
  type ToolResult,
} from '../history.ts';
import { isToolUse } from './response.ts';

/** `content` of a message or of a tool result: a string, or a list of blocks of which the text counts. */
function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  const texts: string[] = [];
  for (const item of asArray(content)) {
    const block = asObject(item);
    if (block?.type === 'text') texts.push(asString(block.text));
  }
  return texts;
}

/** Results of tools that the API itself ran stand in the answer, as `…_tool_result`. */
function resultOf(block: JsonObject): ToolResult {
  const isError = typeof block.is_error === 'boolean' ? block.is_error : null;
  const texts = textsOf(block.content);
  const text = texts.length > 0 ? texts.join('\n') : block.content === undefined ? '' : JSON.stringify(block.content);
  return { id: asString(block.tool_use_id), name: '', text, isError: isError ?? false };
}

function userMessage(content: unknown): HistoryMessage {
  const results: ToolResult[] = [];
  for (const item of asArray(content)) {
    const block = asObject(item);
    if (block?.type === 'tool_result') results.push(resultOf(block));
  }
  const userTexts = textsOf(content);
  return historyMessage(userTexts.length === 0 && results.length > 0 ? 'tool' : 'user', { userTexts, results });
}

function assistantMessage(content: unknown): HistoryMessage {
  const asked: AskedTool[] = [];
  for (const item of asArray(content)) {
    const block = asObject(item);
    if (block === null || !isToolUse(block.type)) continue;
    asked.push({ id: asString(block.id), name: asString(block.name), arguments: JSON.stringify(block.input ?? {}) });
  }
  return historyMessage('assistant', { answerText: textsOf(content).join(''), asked });
}

export const history: HistoryReader = {
  keepsIds: true,
  splitsAnswers: false,
  message(value) {
    const message = asObject(value);
    switch (message?.role) {
      case 'user':
        return userMessage(message.content);
      case 'assistant':
        return assistantMessage(message.content);
      case 'system':
        return historyMessage('system');
      default:
        return historyMessage('none');
    }
  },
  systemText: (element) => (typeof element === 'string' ? element : asString(asObject(element)?.text)),
};
