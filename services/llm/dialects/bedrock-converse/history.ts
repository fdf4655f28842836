import { asArray, asObject, asString } from '../../../common/json.ts';
import { type AskedTool, type HistoryReader, historyMessage, type ToolResult } from '../history.ts';

/** `{"toolResult":{"toolUseId":…,"content":[{"text":…} | {"json":…}],"status":"success" | "error"}}` */
function resultOf(value: unknown): ToolResult | null {
  const result = asObject(value);
  if (result === null) return null;
  const texts = asArray(result.content).map((item) => {
    const part = asObject(item);
    return typeof part?.text === 'string' ? part.text : JSON.stringify(part?.json ?? part);
  });
  return { id: asString(result.toolUseId), name: '', text: texts.join('\n'), isError: result.status === 'error' };
}

/** Blocks have one member each, which tells their kind. */
export const history: HistoryReader = {
  keepsIds: true,
  splitsAnswers: false,
  message(value) {
    const message = asObject(value);
    const userTexts: string[] = [];
    const asked: AskedTool[] = [];
    const results: ToolResult[] = [];
    for (const item of asArray(message?.content)) {
      const block = asObject(item);
      const use = asObject(block?.toolUse);
      const result = resultOf(block?.toolResult);
      if (use !== null)
        asked.push({
          id: asString(use.toolUseId),
          name: asString(use.name),
          arguments: JSON.stringify(use.input ?? {}),
        });
      else if (result !== null) results.push(result);
      else if (typeof block?.text === 'string') userTexts.push(block.text);
    }
    if (message?.role === 'assistant') return historyMessage('assistant', { answerText: userTexts.join(''), asked });
    if (message?.role !== 'user') return historyMessage('none');
    return historyMessage(userTexts.length === 0 && results.length > 0 ? 'tool' : 'user', { userTexts, results });
  },
  systemText: (element) => asString(asObject(element)?.text),
};
