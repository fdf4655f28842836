/** Chunks of a streamed completion: `choices[i].text`, the usage in a last chunk if it was asked for, then `[DONE]`. */

import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { byIndex, itemAt, type StreamEnd, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer, textOf } from './response.ts';

interface Choice {
  index: number;
  text: string;
  finishReason: string;
}

interface State {
  readonly choices: Map<number, Choice>;
  /** The first chunk, for what all of them have alike. */
  first: JsonObject | null;
  usage: JsonObject | null;
  timings: JsonObject | null;
  error: ApiError | null;
  done: boolean;
}

function event(state: State, type: string, data: string, json: JsonObject | null): boolean {
  if (json === null) {
    if (data.trim() === '[DONE]') state.done = true;
    return false;
  }
  if (json.error != null || json.object === 'error' || type === 'error') {
    state.error ??= readApiError(json) ?? { type: '', message: '' };
    return false;
  }
  state.first ??= { id: json.id, object: json.object, created: json.created, model: json.model };
  state.usage = asObject(json.usage) ?? state.usage;
  state.timings = asObject(json.timings) ?? state.timings;
  let content = false;
  for (const item of asArray(json.choices)) {
    const part = asObject(item);
    const choice = itemAt(state.choices, part?.index, () => ({ index: 0, text: '', finishReason: '' }));
    if (part === null || choice === null) continue;
    if (typeof part.index === 'number') choice.index = part.index;
    choice.finishReason = asString(part.finish_reason) || choice.finishReason;
    const text = textOf(part);
    choice.text += text;
    if (text !== '') content = true;
  }
  return content;
}

function endOf(state: State): StreamEnd {
  if (state.done) return 'yes';
  if (state.choices.size === 0) return 'no';
  for (const choice of state.choices.values()) if (choice.finishReason === '') return 'no';
  return state.usage === null ? 'if_closed' : 'yes';
}

function result(state: State): StreamResult {
  const choices = byIndex(state.choices).map(({ index, text, finishReason }) => {
    return { index, text, finish_reason: finishReason || null };
  });
  const message: JsonObject = {
    ...state.first,
    choices,
    ...(state.usage === null ? {} : { usage: state.usage }),
    ...(state.timings === null ? {} : { timings: state.timings }),
  };
  return {
    message: state.first === null ? null : message,
    facts: { ...answer(message), error: state.error },
    end: endOf(state),
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ choices: new Map(), first: null, usage: null, timings: null, error: null, done: false }),
  event,
  result,
};
