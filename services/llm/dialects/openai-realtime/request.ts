/** The request of a realtime response, as `turn.ts` puts it together from the messages before it. */
import { asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import type { RequestFields, RequestReader } from '../dialect.ts';
import { toolNames, userText } from '../openai-responses/request.ts';

function fields(json: JsonObject): RequestFields {
  const response = asObject(json.response);
  const metadata = asObject(response?.metadata);
  const limit = response?.max_output_tokens ?? response?.max_response_output_tokens ?? json.max_output_tokens;
  return {
    model: asString(json.model),
    streaming: true,
    maxOutputTokens: asNumber(limit),
    temperature: asNumber(response?.temperature ?? json.temperature),
    previousResponseId: '',
    agentId: asString(metadata?.agent_id),
    sessionId: asString(metadata?.session_id) || asString(json.session),
    userId: asString(metadata?.user_id),
  };
}

export const request: RequestReader = {
  layout: { input: 'message', instructions: 'system', tools: 'tool' },
  messages: 'input',
  isCall: (has) => has('input'),
  fields,
  userText,
  toolNames,
};
