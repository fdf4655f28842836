/** Each event is an answer with the next piece of text; the last one says `stop` and has the counts. */

import { asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import type { StreamReducer, StreamResult } from '../dialect.ts';
import { answer } from './response.ts';

interface State {
  text: string;
  last: JsonObject | null;
  error: ApiError | null;
  done: boolean;
}

function event(state: State, _type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  if (json.error != null) {
    state.error ??= readApiError(json);
    return false;
  }
  const text = asString(json.content);
  state.text += text;
  state.last = json;
  if (json.stop === true) state.done = true;
  return text !== '';
}

function result(state: State): StreamResult {
  const message: JsonObject = { ...state.last, content: state.text };
  const facts = answer(message);
  return {
    message: state.last === null ? null : message,
    // Before its end each event counts only what came so far.
    facts: { ...facts, usage: state.done ? facts.usage : null, error: state.error },
    end: state.done ? 'yes' : 'no',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ text: '', last: null, error: null, done: false }),
  event,
  result,
};
