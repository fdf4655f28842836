import { asNumber, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';

function fields(json: JsonObject): RequestFields {
  return {
    model: asString(json.model),
    streaming: json.stream === true,
    maxOutputTokens: asNumber(json.n_predict) ?? asNumber(json.max_tokens),
    temperature: asNumber(json.temperature),
    previousResponseId: '',
    agentId: '',
    sessionId: '',
    userId: '',
  };
}

export const request: RequestReader = {
  layout: { prompt: 'message' },
  messages: 'prompt',
  isCall: (has) => has('prompt'),
  fields,
  userText: (prompt) => withoutReminders(asString(prompt)),
  toolNames: () => [],
};
