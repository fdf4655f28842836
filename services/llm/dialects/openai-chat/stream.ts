/**
 * Chunks of a streamed completion: `choices[i].delta` by choice index, `tool_calls` in it by their own index, the usage in a
 * last chunk (with no choices) if it was asked for, then `[DONE]`. Servers that aren't OpenAI may leave `[DONE]` out.
 */

import { asArray, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { byIndex, itemAt, type StreamEnd, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer } from './response.ts';

interface ToolCall {
  id: string;
  type: string;
  name: string;
  arguments: string;
}

interface Choice {
  index: number;
  role: string;
  content: string;
  reasoning: string;
  refusal: string;
  readonly toolCalls: Map<number, ToolCall>;
  functionCall: ToolCall | null;
  finishReason: string;
}

interface State {
  readonly choices: Map<number, Choice>;
  id: string;
  model: string;
  created: unknown;
  fingerprint: unknown;
  usage: JsonObject | null;
  /** llama.cpp's counts. */
  timings: JsonObject | null;
  error: ApiError | null;
  done: boolean;
}

function newToolCall(): ToolCall {
  return { id: '', type: '', name: '', arguments: '' };
}

function newChoice(): Choice {
  return {
    index: 0,
    role: '',
    content: '',
    reasoning: '',
    refusal: '',
    toolCalls: new Map(),
    functionCall: null,
    finishReason: '',
  };
}

function onFunction(call: ToolCall, delta: JsonObject | null): boolean {
  if (delta === null) return false;
  // Some servers repeat the name in every chunk: it isn't a delta.
  call.name ||= asString(delta.name);
  const args = delta.arguments ?? delta.input;
  const text = typeof args === 'string' ? args : asObject(args) === null ? '' : JSON.stringify(args);
  call.arguments += text;
  return text !== '';
}

function onToolCalls(choice: Choice, list: unknown): boolean {
  let content = false;
  for (const item of asArray(list)) {
    const delta = asObject(item);
    if (delta === null) continue;
    const index = typeof delta.index === 'number' ? delta.index : unnumbered(choice, asString(delta.id));
    const call = itemAt(choice.toolCalls, index, newToolCall);
    if (call === null) continue;
    call.id ||= asString(delta.id);
    call.type ||= asString(delta.type);
    if (onFunction(call, asObject(delta.function ?? delta.custom))) content = true;
  }
  return content;
}

/** Servers that leave the index out send whole calls, each with an id. */
function unnumbered(choice: Choice, id: string): number {
  for (const [index, call] of choice.toolCalls) if (call.id === id || id === '') return index;
  return choice.toolCalls.size;
}

/** Mistral's reasoning models have a list: `[{"type":"thinking","thinking":[{"type":"text","text":"…"}]},{"type":"text","text":"…"}]` */
function readParts(list: readonly unknown[]): { readonly text: string; readonly reasoning: string } {
  let text = '';
  let reasoning = '';
  for (const item of list) {
    const part = asObject(item);
    text += asString(part?.text);
    for (const thought of asArray(part?.thinking)) reasoning += asString(asObject(thought)?.text);
  }
  return { text, reasoning };
}

function onDelta(choice: Choice, delta: JsonObject): boolean {
  choice.role ||= asString(delta.role);
  const parts = Array.isArray(delta.content) ? readParts(delta.content) : null;
  const text = parts?.text ?? asString(delta.content);
  const reasoning = parts?.reasoning || asString(delta.reasoning_content) || asString(delta.reasoning);
  const refusal = asString(delta.refusal);
  choice.content += text;
  choice.reasoning += reasoning;
  choice.refusal += refusal;
  let content = text !== '' || reasoning !== '' || refusal !== '';
  if (delta.tool_calls !== undefined && onToolCalls(choice, delta.tool_calls)) content = true;
  const legacy = asObject(delta.function_call);
  if (legacy !== null) {
    choice.functionCall ??= newToolCall();
    if (onFunction(choice.functionCall, legacy)) content = true;
  }
  return content;
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
  state.id ||= asString(json.id);
  state.model = asString(json.model) || state.model;
  state.created ??= json.created;
  state.fingerprint ??= json.system_fingerprint;
  // Some servers send the usage so far with every chunk: the last one counts.
  state.usage = asObject(json.usage) ?? asObject(asObject(json.x_groq)?.usage) ?? state.usage;
  state.timings = asObject(json.timings) ?? state.timings;
  let content = false;
  for (const item of asArray(json.choices)) {
    const part = asObject(item);
    if (part === null) continue;
    const choice = itemAt(state.choices, part.index, newChoice);
    if (choice === null) continue;
    if (typeof part.index === 'number') choice.index = part.index;
    choice.finishReason = asString(part.finish_reason) || choice.finishReason;
    // Moonshot has the usage in its last choice.
    state.usage ??= asObject(part.usage);
    if (part.error != null) state.error ??= readApiError({ error: part.error });
    const delta = asObject(part.delta) ?? asObject(part.message);
    if (delta !== null && onDelta(choice, delta)) content = true;
  }
  return content;
}

function toolCallJson(call: ToolCall): JsonObject {
  const type = call.type || 'function';
  const body =
    type === 'custom' ? { name: call.name, input: call.arguments } : { name: call.name, arguments: call.arguments };
  return { id: call.id, type, [type]: body };
}

function choiceJson(choice: Choice): JsonObject {
  const message: Record<string, unknown> = { role: choice.role || 'assistant', content: choice.content || null };
  if (choice.reasoning !== '') message.reasoning_content = choice.reasoning;
  if (choice.refusal !== '') message.refusal = choice.refusal;
  if (choice.toolCalls.size > 0) message.tool_calls = byIndex(choice.toolCalls).map(toolCallJson);
  if (choice.functionCall !== null) {
    message.function_call = { name: choice.functionCall.name, arguments: choice.functionCall.arguments };
  }
  return { index: choice.index, message, finish_reason: choice.finishReason || null };
}

function endOf(state: State): StreamEnd {
  if (state.done) return 'yes';
  if (state.choices.size === 0) return 'no';
  for (const choice of state.choices.values()) if (choice.finishReason === '') return 'no';
  return state.usage === null ? 'if_closed' : 'yes';
}

function result(state: State): StreamResult {
  const message: Record<string, unknown> = {
    id: state.id,
    object: 'chat.completion',
    created: state.created,
    model: state.model,
    choices: byIndex(state.choices).map(choiceJson),
  };
  if (state.fingerprint !== undefined) message.system_fingerprint = state.fingerprint;
  if (state.usage !== null) message.usage = state.usage;
  if (state.timings !== null) message.timings = state.timings;
  const nothing = state.id === '' && state.choices.size === 0 && state.usage === null;
  return {
    message: nothing ? null : message,
    facts: { ...answer(message), error: state.error },
    end: endOf(state),
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({
    choices: new Map(),
    id: '',
    model: '',
    created: undefined,
    fingerprint: undefined,
    usage: null,
    timings: null,
    error: null,
    done: false,
  }),
  event,
  result,
};
