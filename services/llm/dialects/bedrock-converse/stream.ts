/**
 * Events of ConverseStream: a frame's type names the event, blocks carry an index.
 *
 *     messageStart, { [contentBlockStart], contentBlockDelta*, contentBlockStop }*, messageStop, metadata (usage)
 *
 * Text has no contentBlockStart. An exception may end the stream at any place.
 */
import type { RequestedToolCall } from '../../../../schemas/call.ts';
import { asObject, asString, type JsonObject, parseJson } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { byIndex, itemAt, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer } from './response.ts';

interface Block {
  /** Of the tool use that it is; null for text and reasoning. */
  tool: JsonObject | null;
  text: string;
  reasoning: string;
  signature: string;
  arguments: string;
}

export interface ConverseState {
  readonly blocks: Map<number, Block>;
  begun: boolean;
  role: string;
  stop: JsonObject | null;
  metadata: JsonObject | null;
  error: ApiError | null;
}

function newBlock(): Block {
  return { tool: null, text: '', reasoning: '', signature: '', arguments: '' };
}

function onDelta(state: ConverseState, json: JsonObject): boolean {
  const block = itemAt(state.blocks, json.contentBlockIndex, newBlock);
  const delta = asObject(json.delta);
  if (block === null || delta === null) return false;
  const reasoning = asObject(delta.reasoningContent);
  const text = asString(delta.text);
  const thought = asString(reasoning?.text);
  const args = asString(asObject(delta.toolUse)?.input);
  block.text += text;
  block.reasoning += thought;
  block.signature += asString(reasoning?.signature);
  block.arguments += args;
  return text !== '' || thought !== '' || args !== '' || asString(reasoning?.redactedContent) !== '';
}

function event(state: ConverseState, type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  switch (type) {
    case 'messageStart':
      state.begun = true;
      state.role = asString(json.role);
      return false;
    case 'contentBlockStart': {
      const block = itemAt(state.blocks, json.contentBlockIndex, newBlock);
      if (block !== null) block.tool = asObject(asObject(json.start)?.toolUse);
      return false;
    }
    case 'contentBlockDelta':
      return onDelta(state, json);
    case 'messageStop':
      state.stop = json;
      return false;
    case 'metadata':
      state.metadata = json;
      return false;
    case 'error':
      state.error ??= readApiError(json) ?? { type: '', message: '' };
      return false;
    default:
      return false;
  }
}

function blockJson(block: Block): JsonObject {
  if (block.tool !== null || block.arguments !== '') {
    const input = block.arguments === '' ? {} : (parseJson(block.arguments) ?? block.arguments);
    return { toolUse: { ...block.tool, input } };
  }
  if (block.reasoning === '' && block.signature === '') return { text: block.text };
  const signed = block.signature === '' ? {} : { signature: block.signature };
  return { reasoningContent: { reasoningText: { text: block.reasoning, ...signed } } };
}

function result(state: ConverseState): StreamResult {
  const blocks = byIndex(state.blocks);
  const message: Record<string, unknown> = {
    output: { message: { role: state.role || 'assistant', content: blocks.map(blockJson) } },
  };
  if (state.stop !== null) message.stopReason = state.stop.stopReason;
  if (state.stop?.additionalModelResponseFields !== undefined) {
    message.additionalModelResponseFields = state.stop.additionalModelResponseFields;
  }
  for (const name of ['usage', 'metrics', 'trace'] as const) {
    if (state.metadata?.[name] !== undefined) message[name] = state.metadata[name];
  }
  const facts = answer(message);
  // The arguments as the model wrote them, not as they look after parsing.
  const tools = blocks.filter((block) => block.tool !== null || block.arguments !== '');
  const toolCalls: RequestedToolCall[] = facts.toolCalls.map((call, i) => {
    const written = tools[i]?.arguments ?? '';
    return written === '' ? call : { ...call, arguments: written };
  });
  const nothing = !state.begun && blocks.length === 0 && state.metadata === null;
  return {
    message: nothing ? null : message,
    facts: { ...facts, toolCalls, error: state.error },
    // The usage comes behind the end of the message and is the last event.
    end: state.metadata !== null && state.stop !== null ? 'yes' : state.stop !== null ? 'if_closed' : 'no',
  };
}

export const stream: StreamReducer<ConverseState> = {
  start: () => ({ blocks: new Map(), begun: false, role: '', stop: null, metadata: null, error: null }),
  event,
  result,
};
