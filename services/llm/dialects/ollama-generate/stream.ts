/** Each line is an answer with the next piece of the text; the last one is `done` and has the counts. */

import { asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import type { StreamReducer, StreamResult } from '../dialect.ts';
import { answer } from './response.ts';

interface State {
  last: JsonObject | null;
  response: string;
  thinking: string;
  error: ApiError | null;
  done: boolean;
}

function event(state: State, _type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  if (json.error !== undefined) {
    state.error ??= readApiError(json);
    return false;
  }
  const response = asString(json.response);
  const thinking = asString(json.thinking);
  state.last = json;
  state.response += response;
  state.thinking += thinking;
  if (json.done === true) state.done = true;
  return response !== '' || thinking !== '';
}

function result(state: State): StreamResult {
  const thought = state.thinking === '' ? {} : { thinking: state.thinking };
  const whole: JsonObject = { ...state.last, response: state.response, ...thought };
  return {
    message: state.last === null ? null : whole,
    facts: { ...answer(whole), error: state.error },
    end: state.done ? 'yes' : 'no',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ last: null, response: '', thinking: '', error: null, done: false }),
  event,
  result,
};
