/** Each event is one token; the last one has the whole text and the details, an error comes as an event of its own. */

import { asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import type { StreamReducer, StreamResult } from '../dialect.ts';
import { plainUsage } from '../shared/facts.ts';
import { answer } from './response.ts';

interface State {
  text: string;
  tokens: number;
  last: JsonObject | null;
  error: ApiError | null;
}

function event(state: State, _type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  if (json.error != null) {
    state.error ??= readApiError(json);
    return false;
  }
  const token = asObject(json.token);
  if (token !== null) state.tokens++;
  // Special tokens, such as the end of the text, are none of it.
  const text = token?.special === true ? '' : asString(token?.text);
  state.text += text;
  if (typeof json.generated_text === 'string') state.last = json;
  return text !== '';
}

function result(state: State): StreamResult {
  const { last } = state;
  const message: JsonObject = { generated_text: last?.generated_text ?? state.text, details: last?.details ?? null };
  const facts = answer(message);
  return {
    message: state.tokens === 0 ? null : message,
    // A token an event: what came out can be counted, whatever is told.
    facts: {
      ...facts,
      usage: facts.usage ?? plainUsage(null, last === null ? null : state.tokens),
      error: state.error,
    },
    end: last === null ? 'no' : 'yes',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ text: '', tokens: 0, last: null, error: null }),
  event,
  result,
};
