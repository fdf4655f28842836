/**
 *     conversation.response.started, { message.output.delta | function.call.delta | tool.execution.* }*,
 *     conversation.response.done (usage) | conversation.response.error
 *
 * Entries of the answer are told apart by `output_index`.
 */

import { asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { byIndex, itemAt, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer, textOf } from './response.ts';

interface Entry {
  first: JsonObject;
  text: string;
  arguments: string;
}

interface State {
  conversationId: string;
  readonly entries: Map<number, Entry>;
  usage: unknown;
  error: ApiError | null;
  done: boolean;
}

function onDelta(state: State, json: JsonObject): boolean {
  const entry = itemAt(state.entries, json.output_index, () => ({ first: json, text: '', arguments: '' }));
  if (entry === null) return false;
  const text = textOf(json.content);
  const args =
    typeof json.arguments === 'string'
      ? json.arguments
      : asObject(json.arguments) === null
        ? ''
        : JSON.stringify(json.arguments);
  entry.text += text;
  entry.arguments += args;
  return text !== '' || args !== '';
}

function event(state: State, type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  switch (asString(json.type) || type) {
    case 'conversation.response.started':
      state.conversationId = asString(json.conversation_id);
      return false;
    case 'message.output.delta':
    case 'function.call.delta':
      return onDelta(state, json);
    case 'conversation.response.done':
      state.usage = json.usage;
      state.done = true;
      return false;
    case 'conversation.response.error':
      state.error = readApiError({ error: { message: asString(json.message), code: json.code } });
      return false;
    default:
      return false;
  }
}

function entryJson({ first, text, arguments: args }: Entry): JsonObject {
  const { id, model, agent_id } = first;
  if (first.type === 'message.output.delta')
    return { type: 'message.output', role: 'assistant', id, model, agent_id, content: text };
  const { name, tool_call_id } = first;
  return { type: 'function.call', id, model, agent_id, tool_call_id, name, arguments: args };
}

function result(state: State): StreamResult {
  const message: JsonObject = {
    object: 'conversation.response',
    conversation_id: state.conversationId,
    outputs: byIndex(state.entries).map(entryJson),
    usage: state.usage,
  };
  const facts = answer(message);
  return {
    message: state.conversationId === '' && state.entries.size === 0 ? null : message,
    facts: { ...facts, finishReason: state.done ? facts.finishReason : '', error: state.error },
    end: state.done ? 'yes' : 'no',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({ conversationId: '', entries: new Map(), usage: undefined, error: null, done: false }),
  event,
  result,
};
