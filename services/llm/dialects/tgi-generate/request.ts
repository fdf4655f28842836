import { asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { withoutReminders } from '../../reminders.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';

/** A server has one model, which the request needn't name. */
function fields(json: JsonObject, path: string): RequestFields {
  const parameters = asObject(json.parameters);
  return {
    model: asString(json.model),
    streaming: path.endsWith('/generate_stream') || json.stream === true,
    maxOutputTokens: asNumber(parameters?.max_new_tokens),
    temperature: asNumber(parameters?.temperature),
    previousResponseId: '',
    agentId: '',
    sessionId: '',
    userId: '',
  };
}

export const request: RequestReader = {
  layout: { inputs: 'message' },
  messages: 'inputs',
  isCall: (has) => has('inputs'),
  fields,
  userText: (inputs) => withoutReminders(asString(inputs)),
  toolNames: () => [],
};
