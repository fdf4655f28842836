/**
 * Every chunk of a stream is a whole answer with the next parts (SSE with `alt=sse`, else the elements of one JSON list).
 * `usageMetadata` is cumulative: the last one counts. Text comes in pieces that belong together; calls come whole.
 */

import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { byIndex, itemAt, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer } from './response.ts';
import { unwrapped } from './unwrapped.ts';

/** Parts of one candidate that are kept apart; text that continues the last part needs no new one. */
const PARTS_MAX = 4096;

interface Candidate {
  json: JsonObject;
  role: unknown;
  readonly parts: Record<string, unknown>[];
}

interface State {
  message: JsonObject;
  usage: JsonObject | null;
  readonly candidates: Map<number, Candidate>;
  error: ApiError | null;
  blocked: boolean;
}

function addPart(candidate: Candidate, part: JsonObject): boolean {
  const { parts } = candidate;
  const last = parts[parts.length - 1];
  if (typeof part.text === 'string') {
    const continues =
      last !== undefined && typeof last.text === 'string' && (last.thought === true) === (part.thought === true);
    if (continues) Object.assign(last, part, { text: last.text + part.text });
    else if (parts.length < PARTS_MAX) parts.push({ ...part });
    return part.text !== '';
  }
  if (parts.length < PARTS_MAX) parts.push({ ...part });
  return true;
}

function onCandidate(state: State, value: unknown): boolean {
  const json = asObject(value);
  if (json === null) return false;
  const candidate = itemAt(state.candidates, json.index, () => ({ json, role: undefined, parts: [] }));
  if (candidate === null) return false;
  candidate.json = { ...candidate.json, ...json };
  const content = asObject(json.content);
  candidate.role ??= content?.role;
  let brought = false;
  for (const item of asArray(content?.parts)) {
    const part = asObject(item);
    if (part !== null && addPart(candidate, part)) brought = true;
  }
  return brought;
}

function event(state: State, _type: string, _data: string, outer: JsonObject | null): boolean {
  if (outer === null) return false;
  const json = unwrapped(outer);
  if (json.error !== undefined) {
    state.error ??= readApiError(json);
    return false;
  }
  const { candidates, usageMetadata, ...rest } = json;
  state.message = { ...state.message, ...rest };
  const usage = asObject(usageMetadata);
  if (usage !== null) state.usage = { ...state.usage, ...usage };
  if (asString(asObject(json.promptFeedback)?.blockReason) !== '') state.blocked = true;
  let content = false;
  for (const candidate of asArray(candidates)) if (onCandidate(state, candidate)) content = true;
  return content;
}

function candidateJson(candidate: Candidate): JsonObject {
  return { ...candidate.json, content: { parts: candidate.parts, role: candidate.role ?? 'model' } };
}

function isEnded(state: State): boolean {
  if (state.blocked) return true;
  for (const { json } of state.candidates.values()) if (asString(json.finishReason) === '') return false;
  return state.candidates.size > 0;
}

function result(state: State): StreamResult {
  const message: Record<string, unknown> = { ...state.message };
  if (state.candidates.size > 0) message.candidates = byIndex(state.candidates).map(candidateJson);
  if (state.usage !== null) message.usageMetadata = state.usage;
  return {
    message: Object.keys(message).length === 0 ? null : message,
    facts: { ...answer(message), error: state.error },
    end: isEnded(state) ? 'yes' : 'no',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ message: {}, usage: null, candidates: new Map(), error: null, blocked: false }),
  event,
  result,
};
