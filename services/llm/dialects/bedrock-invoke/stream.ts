/**
 * Events of InvokeModelWithResponseStream: those of the model's own API, each in a frame. Nova has Converse's events as
 * members (`{"contentBlockDelta":{…}}`), chat models have chunks; all others bring a piece of text, and at last their counts.
 */

import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { type ConverseState, stream as converse } from '../bedrock-converse/stream.ts';
import { type EventStream, openStream, type StreamReducer, type StreamResult, type Usage } from '../dialect.ts';
import { stream as chat } from '../openai-chat/stream.ts';
import { answer, metricsOf } from './response.ts';

interface State {
  converse: ConverseState | null;
  chat: EventStream | null;
  /** All members of the plain events, the later ones over the earlier. */
  members: JsonObject;
  text: string;
  metrics: Usage | null;
  error: ApiError | null;
  ended: boolean;
}

const CONVERSE_EVENTS = ['messageStart', 'contentBlockStart', 'contentBlockDelta', 'messageStop', 'metadata'];

function onConverse(state: State, json: JsonObject): boolean | null {
  for (const type of CONVERSE_EVENTS) {
    const inner = asObject(json[type]);
    if (inner === null) continue;
    state.converse ??= converse.start();
    return converse.event(state.converse, type, '', inner);
  }
  return null;
}

/** Titan's and Cohere's first pieces have no reason yet: null. */
function onPlain(state: State, json: JsonObject): boolean {
  const first = asObject(asArray(json.outputs ?? json.generations)[0]) ?? {};
  const told = { ...json, ...first };
  const piece = asString(told.generation) || asString(told.outputText) || asString(told.text);
  const known = Object.entries(told).filter(([, value]) => value !== null);
  state.members = { ...state.members, ...Object.fromEntries(known) };
  state.text += piece;
  return piece !== '';
}

function event(state: State, type: string, data: string, json: JsonObject | null): boolean {
  if (json === null) return state.chat?.event(type, data, null) ?? false;
  if (type === 'error') {
    state.error ??= readApiError(json) ?? { type: '', message: '' };
    return false;
  }
  const metrics = metricsOf(json);
  if (metrics !== null) {
    state.metrics = metrics;
    state.ended = true;
  }
  const brought = onConverse(state, json);
  if (brought !== null) return brought;
  if (!Array.isArray(json.choices)) return onPlain(state, json);
  state.chat ??= openStream(chat);
  return state.chat.event(type, data, json);
}

function plainResult(state: State): StreamResult {
  const { outputs: _outputs, generations: _generations, ...members } = state.members;
  const name = ['generation', 'outputText', 'text'].find((each) => members[each] !== undefined);
  const message: JsonObject = name === undefined ? members : { ...members, [name]: state.text };
  const facts = answer(message);
  const end = facts.finishReason === '' ? 'no' : 'if_closed';
  return { message: Object.keys(members).length === 0 ? null : message, facts, end };
}

function result(state: State): StreamResult {
  const inner =
    state.converse !== null ? converse.result(state.converse) : (state.chat?.result() ?? plainResult(state));
  const { facts } = inner;
  return {
    message: inner.message,
    facts: { ...facts, usage: facts.usage ?? state.metrics, error: facts.error ?? state.error },
    end: state.ended ? 'yes' : inner.end,
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ converse: null, chat: null, members: {}, text: '', metrics: null, error: null, ended: false }),
  event,
  result,
};
