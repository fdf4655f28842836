/**
 * Events of a streamed response. The last one carries the whole response; the items are put together from the others so
 * that a stream which breaks off still tells what it brought, and for servers whose last event leaves the output out.
 *
 *     response.created, response.in_progress,
 *     { response.output_item.added, response.*.delta*, response.output_item.done }*      by output_index
 *     response.completed | response.incomplete | response.failed, or `error`
 */

import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { byIndex, itemAt, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer } from './response.ts';

interface Item {
  /** As `added`, or as `done` when that came. */
  json: JsonObject | null;
  done: boolean;
  /** Texts by content or summary index. */
  readonly texts: Map<number, { text: string; refusal: string }>;
  reasoning: string;
  summary: string;
  arguments: string;
}

interface State {
  response: JsonObject | null;
  readonly items: Map<number, Item>;
  error: ApiError | null;
  ended: boolean;
}

function newItem(): Item {
  return { json: null, done: false, texts: new Map(), reasoning: '', summary: '', arguments: '' };
}

function onDelta(state: State, type: string, json: JsonObject): boolean {
  const delta = asString(json.delta);
  if (delta === '') return false;
  const item = itemAt(state.items, json.output_index, newItem);
  if (item === null) return true;
  if (type === 'response.output_text.delta' || type === 'response.refusal.delta') {
    const part = itemAt(item.texts, json.content_index, () => ({ text: '', refusal: '' }));
    if (part === null) return true;
    if (type === 'response.refusal.delta') part.refusal += delta;
    else part.text += delta;
  } else if (type === 'response.reasoning_summary_text.delta') item.summary += delta;
  else if (type === 'response.reasoning_text.delta') item.reasoning += delta;
  else item.arguments += delta;
  return true;
}

function onItem(state: State, json: JsonObject, done: boolean): void {
  const item = itemAt(state.items, json.output_index, newItem);
  const value = asObject(json.item);
  if (item === null || value === null || (item.done && !done)) return;
  item.json = value;
  item.done = done;
}

function onEnd(state: State, json: JsonObject): void {
  state.response = asObject(json.response) ?? state.response;
  state.ended = true;
}

function event(state: State, type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  const name = asString(json.type) || type;
  switch (name) {
    case 'response.created':
    case 'response.in_progress':
    case 'response.queued':
      state.response ??= asObject(json.response);
      return false;
    case 'response.output_item.added':
    case 'response.output_item.done':
      onItem(state, json, name.endsWith('done'));
      return false;
    case 'response.completed':
    case 'response.incomplete':
    // What an incomplete response lacks is told in its own `incomplete_details`.
    case 'response.done':
      onEnd(state, json);
      return false;
    case 'response.failed':
      onEnd(state, json);
      state.error = readApiError(json.response) ?? { type: '', message: '' };
      return false;
    case 'error':
      state.error = readApiError(json) ?? { type: '', message: '' };
      return false;
    default:
      if (name.endsWith('.delta')) return onDelta(state, name, json);
      if (name === '' && json.error !== undefined) state.error = readApiError(json);
      return false;
  }
}

function itemJson(item: Item): JsonObject {
  if (item.done && item.json !== null) return item.json;
  const json: Record<string, unknown> = { type: item.texts.size > 0 ? 'message' : 'reasoning', ...item.json };
  if (item.texts.size > 0) {
    json.role ??= 'assistant';
    json.content = byIndex(item.texts).map(({ text, refusal }) =>
      refusal === '' ? { type: 'output_text', text } : { type: 'refusal', refusal },
    );
  }
  if (item.summary !== '') json.summary = [{ type: 'summary_text', text: item.summary }];
  if (item.reasoning !== '') json.content = [{ type: 'reasoning_text', text: item.reasoning }];
  if (item.arguments !== '') json[json.type === 'custom_tool_call' ? 'input' : 'arguments'] = item.arguments;
  return json;
}

function result(state: State): StreamResult {
  const told = asArray(state.response?.output);
  const output = state.ended && told.length > 0 ? told : byIndex(state.items).map(itemJson);
  const message: JsonObject = { object: 'response', ...state.response, output };
  const facts = answer(message);
  return {
    message: state.response === null && state.items.size === 0 ? null : message,
    facts: { ...facts, error: state.error ?? facts.error },
    end: state.ended ? 'yes' : 'no',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ response: null, items: new Map(), error: null, ended: false }),
  event,
  result,
};
