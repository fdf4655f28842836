/**
 * Events of a streamed message. Blocks carry an index, and parallel tool calls interleave.
 *
 *     message_start, { content_block_start, content_block_delta*, content_block_stop }*, message_delta, message_stop
 *
 * `ping` may come anywhere, `error` ends the stream.
 */
import type { RequestedToolCall } from '../../../../schemas/call.ts';
import { asObject, asString, type JsonObject, parseJson } from '../../../common/json.ts';
import { type ApiError, readApiError } from '../../api-error.ts';
import { byIndex, itemAt, type StreamReducer, type StreamResult } from '../dialect.ts';
import { answer, isToolUse } from './response.ts';
import { mergeUsage } from './usage.ts';

interface Block {
  /** As `content_block_start` had it; made up from the deltas when that was missed. */
  start: JsonObject | null;
  text: string;
  thinking: string;
  signature: string;
  arguments: string;
  citations: unknown[];
}

interface State {
  message: JsonObject | null;
  usage: JsonObject | null;
  /** Whether `message_delta` told the final counts: the output count of `message_start` is only a beginning. */
  usageFinal: boolean;
  readonly blocks: Map<number, Block>;
  delta: JsonObject;
  error: ApiError | null;
  ended: boolean;
}

function newBlock(): Block {
  return { start: null, text: '', thinking: '', signature: '', arguments: '', citations: [] };
}

function onBlockStart(state: State, json: JsonObject): boolean {
  const block = itemAt(state.blocks, json.index, newBlock);
  const start = asObject(json.content_block);
  if (block === null || start === null) return false;
  block.start = start;
  block.text = asString(start.text);
  block.thinking = asString(start.thinking);
  // Redacted reasoning comes whole, in its start.
  return block.text !== '' || block.thinking !== '' || asString(start.data) !== '';
}

function onBlockDelta(state: State, json: JsonObject): boolean {
  const delta = asObject(json.delta);
  if (delta === null) return false;
  const block = itemAt(state.blocks, json.index, newBlock);
  if (block === null) return false;
  switch (delta.type) {
    case 'text_delta':
      block.text += asString(delta.text);
      return asString(delta.text) !== '';
    case 'thinking_delta':
      block.thinking += asString(delta.thinking);
      return asString(delta.thinking) !== '';
    case 'input_json_delta':
      block.arguments += asString(delta.partial_json);
      return asString(delta.partial_json) !== '';
    case 'signature_delta':
      block.signature += asString(delta.signature);
      return false;
    case 'citations_delta':
      block.citations.push(delta.citation);
      return false;
    default:
      return false;
  }
}

function onMessageDelta(state: State, json: JsonObject): void {
  const delta = asObject(json.delta);
  if (delta !== null) state.delta = { ...state.delta, ...delta };
  const usage = asObject(json.usage);
  if (usage === null) return;
  state.usage = mergeUsage(state.usage ?? {}, usage);
  state.usageFinal = true;
}

function event(state: State, type: string, _data: string, json: JsonObject | null): boolean {
  if (json === null) return false;
  switch (asString(json.type) || type) {
    case 'message_start':
      state.message = asObject(json.message);
      state.usage = asObject(state.message?.usage);
      return false;
    case 'content_block_start':
      return onBlockStart(state, json);
    case 'content_block_delta':
      return onBlockDelta(state, json);
    case 'message_delta':
      onMessageDelta(state, json);
      return false;
    case 'message_stop':
      state.ended = true;
      return false;
    case 'error':
      state.error = readApiError(json) ?? { type: '', message: '' };
      return false;
    default:
      return false;
  }
}

function blockJson(block: Block): JsonObject {
  const type = typeOf(block);
  const json: Record<string, unknown> = { type, ...block.start };
  if (type === 'text') json.text = block.text;
  if (type === 'thinking') {
    json.thinking = block.thinking;
    json.signature = block.signature || asString(block.start?.signature);
  }
  if (block.citations.length > 0) json.citations = block.citations;
  if (isToolUse(type) && block.arguments !== '') {
    const input = parseJson(block.arguments);
    json.input = input === undefined ? block.arguments : input;
  }
  return json;
}

/** By its start, or by what its deltas brought when the start was missed. */
function typeOf(block: Block): string {
  if (typeof block.start?.type === 'string') return block.start.type;
  if (block.arguments !== '') return 'tool_use';
  return block.thinking !== '' || block.signature !== '' ? 'thinking' : 'text';
}

function result(state: State): StreamResult {
  const blocks = byIndex(state.blocks);
  const usage = state.usage === null ? null : { ...state.usage };
  if (usage !== null && !state.usageFinal) usage.output_tokens = null;
  const nothing = state.message === null && blocks.length === 0 && usage === null;
  const message: JsonObject = {
    type: 'message',
    role: 'assistant',
    ...state.message,
    content: blocks.map(blockJson),
    ...state.delta,
    usage,
  };
  const facts = answer(message);
  // The arguments as the model wrote them, not as they look after parsing.
  const tools = blocks.filter((block) => isToolUse(typeOf(block)));
  const toolCalls: RequestedToolCall[] = facts.toolCalls.map((call, i) => {
    const written = tools[i]?.arguments ?? '';
    return written === '' ? call : { ...call, arguments: written };
  });
  return {
    message: nothing ? null : message,
    facts: { ...facts, toolCalls, error: state.error },
    end: state.ended ? 'yes' : 'no',
  };
}

export const stream: StreamReducer<State> = {
  start: () => ({
    message: null,
    usage: null,
    usageFinal: false,
    blocks: new Map(),
    delta: {},
    error: null,
    ended: false,
  }),
  event,
  result,
};
