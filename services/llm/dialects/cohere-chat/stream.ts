/**
 * Events of a streamed message. Contents and tool calls carry an index of their own each.
 *
 *     message-start, { tool-plan-delta }*, { content-start, content-delta*, content-end }*,
 *     { tool-call-start, tool-call-delta*, tool-call-end }*, { citation-start, citation-end }*, message-end
 */

import { asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { byIndex, itemAt, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer } from './response.ts';

interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

interface Part {
  type: string;
  text: string;
}

interface State {
  id: string;
  plan: string;
  readonly parts: Map<number, Part>;
  readonly toolCalls: Map<number, ToolCall>;
  end: JsonObject | null;
  error: ApiError | null;
}

function onContent(state: State, json: JsonObject, message: JsonObject | null): boolean {
  const content = asObject(message?.content);
  const part = itemAt(state.parts, json.index, () => ({ type: 'text', text: '' }));
  if (content === null || part === null) return false;
  if (typeof content.thinking === 'string') part.type = 'thinking';
  part.type = asString(content.type) || part.type;
  const text = asString(content.text) || asString(content.thinking);
  part.text += text;
  return text !== '';
}

function onToolCall(state: State, json: JsonObject, message: JsonObject | null): boolean {
  const told = asObject(message?.tool_calls);
  const call = itemAt(state.toolCalls, json.index, () => ({ id: '', name: '', arguments: '' }));
  if (told === null || call === null) return false;
  const tool = asObject(told.function);
  const args = asString(tool?.arguments);
  call.id ||= asString(told.id);
  call.name ||= asString(tool?.name);
  call.arguments += args;
  return args !== '';
}

function event(state: State, type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  const delta = asObject(json.delta);
  const message = asObject(delta?.message);
  switch (asString(json.type) || type) {
    case 'message-start':
      state.id = asString(json.id);
      return false;
    case 'content-start':
    case 'content-delta':
      return onContent(state, json, message);
    case 'tool-plan-delta': {
      const plan = asString(message?.tool_plan);
      state.plan += plan;
      return plan !== '';
    }
    case 'tool-call-start':
    case 'tool-call-delta':
      return onToolCall(state, json, message);
    case 'message-end':
      state.end = delta;
      if (delta?.error != null) state.error = readApiError({ error: delta.error });
      return false;
    case 'error':
      state.error ??= readApiError(json) ?? { type: '', message: '' };
      return false;
    default:
      return false;
  }
}

function result(state: State): StreamResult {
  const message: Record<string, unknown> = { role: 'assistant' };
  if (state.plan !== '') message.tool_plan = state.plan;
  if (state.parts.size > 0) {
    message.content = byIndex(state.parts).map(({ type, text }) => ({ type, [type]: text }));
  }
  if (state.toolCalls.size > 0) {
    message.tool_calls = byIndex(state.toolCalls).map(({ id, name, arguments: args }) => {
      return { id, type: 'function', function: { name, arguments: args } };
    });
  }
  const { finish_reason, usage } = state.end ?? {};
  const whole: JsonObject = { id: state.id, message, finish_reason, usage };
  const nothing = state.id === '' && state.end === null && Object.keys(message).length === 1;
  return {
    message: nothing ? null : whole,
    facts: { ...answer(whole), error: state.error },
    end: state.end === null ? 'no' : 'yes',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ id: '', plan: '', parts: new Map(), toolCalls: new Map(), end: null, error: null }),
  event,
  result,
};
