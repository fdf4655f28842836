import { asNumber, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';
import { deploymentOf } from '../shared/azure-path.ts';

function fields(json: JsonObject, path: string): RequestFields {
  return {
    model: asString(json.model) || deploymentOf(path),
    streaming: json.stream === true,
    maxOutputTokens: asNumber(json.max_tokens),
    temperature: asNumber(json.temperature),
    previousResponseId: '',
    agentId: '',
    sessionId: '',
    userId: asString(json.user),
  };
}

export const request: RequestReader = {
  // A text, a list of texts, or the numbers of tokens.
  layout: { prompt: 'message' },
  messages: 'prompt',
  isCall: (has) => has('prompt'),
  fields,
  userText: (prompt) => withoutReminders(asString(prompt)),
  toolNames: () => [],
};
