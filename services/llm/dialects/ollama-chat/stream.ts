/** Each line is an answer with the next piece of the message; the last one is `done` and has the counts. Tool calls come whole. */

import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { STREAM_ITEMS_MAX, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer } from './response.ts';

interface State {
  last: JsonObject | null;
  role: string;
  content: string;
  thinking: string;
  readonly toolCalls: unknown[];
  error: ApiError | null;
  done: boolean;
}

function event(state: State, _type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  if (json.error !== undefined) {
    state.error ??= readApiError(json);
    return false;
  }
  state.last = json;
  if (json.done === true) state.done = true;
  const message = asObject(json.message);
  if (message === null) return false;
  const content = asString(message.content);
  const thinking = asString(message.thinking);
  const toolCalls = asArray(message.tool_calls);
  state.role ||= asString(message.role);
  state.content += content;
  state.thinking += thinking;
  for (const call of toolCalls) if (state.toolCalls.length < STREAM_ITEMS_MAX) state.toolCalls.push(call);
  return content !== '' || thinking !== '' || toolCalls.length > 0;
}

function result(state: State): StreamResult {
  const message: Record<string, unknown> = { role: state.role || 'assistant', content: state.content };
  if (state.thinking !== '') message.thinking = state.thinking;
  if (state.toolCalls.length > 0) message.tool_calls = state.toolCalls;
  const whole: JsonObject = { ...state.last, message };
  return {
    message: state.last === null ? null : whole,
    facts: { ...answer(whole), error: state.error },
    end: state.done ? 'yes' : 'no',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ last: null, role: '', content: '', thinking: '', toolCalls: [], error: null, done: false }),
  event,
  result,
};
