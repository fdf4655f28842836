/**
 * One JSON object a line, or as SSE when the client asks for it. The last one brings the whole answer.
 *
 *     stream-start, { text-generation | tool-calls-chunk | tool-calls-generation | citation-generation … }*, stream-end
 */
import { asObject, asString, type JsonObject } from '../../../common/json.ts';
import type { StreamReducer, StreamResult } from '../dialect.ts';
import { answer } from './response.ts';

interface State {
  generationId: string;
  text: string;
  toolCalls: unknown;
  end: JsonObject | null;
}

function event(state: State, _type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  switch (json.event_type) {
    case 'stream-start':
      state.generationId = asString(json.generation_id);
      return false;
    case 'text-generation':
      state.text += asString(json.text);
      return asString(json.text) !== '';
    case 'tool-calls-chunk':
      return asString(json.text) !== '' || asObject(json.tool_call_delta) !== null;
    case 'tool-calls-generation':
      state.toolCalls = json.tool_calls;
      return true;
    case 'stream-end':
      state.end = json;
      return false;
    default:
      return false;
  }
}

function result(state: State): StreamResult {
  const { end } = state;
  const told = asObject(end?.response);
  const seen: JsonObject = {
    generation_id: state.generationId,
    text: state.text,
    ...(state.toolCalls === undefined ? {} : { tool_calls: state.toolCalls }),
  };
  const message: JsonObject = { ...seen, ...told, ...(end === null ? {} : { finish_reason: end.finish_reason }) };
  const facts = answer(message);
  const error = asString(end?.error) === '' ? null : { type: '', message: asString(end?.error) };
  return {
    message: state.generationId === '' && state.text === '' && end === null ? null : message,
    facts: { ...facts, error },
    end: end === null ? 'no' : 'yes',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ generationId: '', text: '', toolCalls: undefined, end: null }),
  event,
  result,
};
