import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type AskedTool, type HistoryReader, historyMessage, type ToolResult } from '../history.ts';

/** `response` is any object; by convention `output` or `result` holds what the tool said, `error` what went wrong. */
function resultOf(answer: JsonObject): ToolResult {
  const response = asObject(answer.response);
  const error = response?.error;
  const isError = error !== undefined && error !== null && error !== '';
  const told = isError ? error : (response?.output ?? response?.result ?? response?.content ?? response);
  const text = typeof told === 'string' ? told : JSON.stringify(told ?? null);
  return { id: asString(answer.id), name: asString(answer.name), text, isError: isError ? true : null };
}

/**
 * Parts of one content. The API gives tool calls no id of its own: clients make one up for their history, so that only name and
 * arguments are the same in the answer and in later requests.
 */
export const history: HistoryReader = {
  keepsIds: false,
  splitsAnswers: false,
  message(value) {
    const content = asObject(value);
    if (content === null) return historyMessage('none');
    const userTexts: string[] = [];
    const asked: AskedTool[] = [];
    const results: ToolResult[] = [];
    let answerText = '';
    const isModel = content.role === 'model';
    for (const item of asArray(content.parts)) {
      const part = asObject(item);
      const call = asObject(part?.functionCall ?? part?.function_call);
      const answer = asObject(part?.functionResponse ?? part?.function_response);
      const text = asString(part?.text);
      if (call !== null)
        asked.push({ id: asString(call.id), name: asString(call.name), arguments: JSON.stringify(call.args ?? {}) });
      else if (answer !== null) results.push(resultOf(answer));
      else if (isModel && part?.thought !== true) answerText += text;
      else if (!isModel && text !== '') userTexts.push(text);
    }
    if (isModel) return historyMessage('assistant', { answerText, asked });
    if (content.role === 'function' || (userTexts.length === 0 && results.length > 0)) {
      return historyMessage('tool', { results });
    }
    return historyMessage('user', { userTexts, results });
  },
  systemText(element) {
    if (typeof element === 'string') return element;
    const texts = asArray(asObject(element)?.parts).map((part) => asString(asObject(part)?.text));
    return texts.join('\n');
  },
};
