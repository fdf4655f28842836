/**
 * Events of one realtime response. `response.done` carries all of it but the audio; the items are put together from the others
 * so that a response which breaks off still tells what it brought.
 *
 *     response.created,
 *     { response.output_item.added, response.content_part.added, response.*.delta*, response.*.done, response.output_item.done }*
 *     response.done
 *
 * The beta says `text`, `audio` and `audio_transcript` where the general form says `output_text`, `output_audio` and
 * `output_audio_transcript`. Audio comes by its size (see socket.ts).
 */

import { asArray, asCount, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { byIndex, itemAt, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer } from './response.ts';

interface Part {
  text: string;
  transcript: string;
  audioBytes: number;
  audioMs: number;
}

interface Item {
  json: JsonObject | null;
  readonly parts: Map<number, Part>;
  arguments: string;
}

interface State {
  response: JsonObject | null;
  model: string;
  readonly items: Map<number, Item>;
  error: ApiError | null;
  ended: boolean;
}

const newItem = (): Item => ({ json: null, parts: new Map(), arguments: '' });
const newPart = (): Part => ({ text: '', transcript: '', audioBytes: 0, audioMs: 0 });

function onDelta(state: State, type: string, json: JsonObject): boolean {
  const delta = asString(json.delta);
  const audioBytes = asCount(json.audio_bytes) ?? 0;
  if (delta === '' && audioBytes === 0) return false;
  const item = itemAt(state.items, json.output_index, newItem);
  if (item === null) return true;
  if (type === 'response.function_call_arguments.delta') {
    item.arguments += delta;
    return true;
  }
  const part = itemAt(item.parts, json.content_index, newPart);
  if (part === null) return true;
  if (audioBytes > 0) {
    part.audioBytes += audioBytes;
    part.audioMs += asCount(json.audio_ms) ?? 0;
  } else if (type.endsWith('transcript.delta')) part.transcript += delta;
  else part.text += delta;
  return true;
}

function event(state: State, type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  const name = asString(json.type) || type;
  switch (name) {
    case 'response.created':
      state.response = asObject(json.response);
      state.model = asString(json.model);
      return false;
    case 'response.done':
      state.response = asObject(json.response) ?? state.response;
      state.ended = true;
      return false;
    case 'error':
      state.error = readApiError(json) ?? { type: '', message: '' };
      return false;
    case 'response.output_item.added':
    case 'response.output_item.done': {
      const item = itemAt(state.items, json.output_index, newItem);
      if (item !== null) item.json = asObject(json.item) ?? item.json;
      return false;
    }
    default:
      return name.endsWith('.delta') && onDelta(state, name, json);
  }
}

/** A content part with its audio's size; put together from the events where the item doesn't have it. */
function partJson(told: unknown, part: Part | undefined): unknown {
  if (part === undefined) return told;
  const known = asObject(told);
  const isAudio = part.audioBytes > 0 || part.transcript !== '';
  const base =
    known ??
    (isAudio ? { type: 'output_audio', transcript: part.transcript } : { type: 'output_text', text: part.text });
  return part.audioBytes === 0 ? base : { ...base, audio_bytes: part.audioBytes, audio_ms: part.audioMs };
}

function itemJson(told: JsonObject | null, item: Item | undefined): JsonObject {
  const json: Record<string, unknown> = { ...(told ?? item?.json ?? { type: 'message', role: 'assistant' }) };
  if (item === undefined) return json;
  if (item.arguments !== '' && asString(json.arguments) === '') json.arguments = item.arguments;
  const content = asArray(json.content);
  if (item.parts.size > 0) {
    json.content =
      content.length > 0
        ? content.map((told, index) => partJson(told, item.parts.get(index)))
        : byIndex(item.parts).map((part) => partJson(null, part));
  }
  return json;
}

function result(state: State): StreamResult {
  const told = asArray(state.response?.output);
  const output =
    told.length > 0
      ? told.map((item, index) => itemJson(asObject(item), state.items.get(index)))
      : byIndex(state.items).map((item) => itemJson(null, item));
  const message: JsonObject = { ...(state.model === '' ? {} : { model: state.model }), ...state.response, output };
  return {
    message: state.response === null && state.items.size === 0 ? null : message,
    facts: state.error === null ? answer(message) : { ...answer(message), error: state.error },
    end: state.ended ? 'yes' : 'no',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ response: null, model: '', items: new Map(), error: null, ended: false }),
  event,
  result,
};
