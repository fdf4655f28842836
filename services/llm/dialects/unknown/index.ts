/**
 * A JSON API that looks like an LLM call and that no dialect knows. Kept with its raw bodies; nothing in it is interpreted
 * except the members that nearly all such APIs share (`model`, `id`, the usage).
 */
import { asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { type Dialect, openStream, type ResponseFacts, type StreamReducer, type Usage } from '../dialect.ts';
import { readUsage } from './usage.ts';

/** Raw events kept of one stream. */
const EVENTS_MAX = 10_000;

const ANSWER_MEMBERS = [
  'usage',
  'choices',
  'content',
  'output',
  'candidates',
  'message',
  'completion',
  'response',
  'generated_text',
  'delta',
  'text',
];

/** Lists of `data` (embeddings, models) have a usage too. */
function isAnswer(json: JsonObject): boolean {
  if (Array.isArray(json.data) || Array.isArray(json.embeddings)) return false;
  return ANSWER_MEMBERS.some((member) => Object.hasOwn(json, member));
}

function answer(json: JsonObject): ResponseFacts {
  return {
    model: asString(json.model),
    responseId: asString(json.id),
    finishReason: '',
    finishReasonRaw: '',
    refused: false,
    usage: readUsage(json),
    toolCalls: [],
    text: '',
    error: null,
  };
}

interface State {
  readonly events: unknown[];
  first: JsonObject | null;
  /** The last that was told: it counts what came so far. */
  usage: Usage | null;
}

const stream: StreamReducer<State> = {
  start: () => ({ events: [], first: null, usage: null }),
  event(state, _type, data, json) {
    state.first ??= json;
    if (json !== null) state.usage = readUsage(json) ?? state.usage;
    if (state.events.length < EVENTS_MAX) state.events.push(json ?? data);
    return false;
  },
  result: (state) => ({
    message: state.events.length === 0 ? null : { events: state.events },
    facts: { ...answer(state.first ?? {}), usage: state.usage },
    end: 'if_closed',
  }),
};

export const unknown: Dialect = {
  name: 'unknown',
  vendor: '',
  isCallPath: () => false,
  request: {
    layout: {
      messages: 'message',
      input: 'message',
      contents: 'message',
      prompt: 'message',
      system: 'system',
      tools: 'tool',
    },
    messages: 'messages',
    isCall: (has) => has('model') && (has('messages') || has('prompt') || has('input') || has('contents')),
    fields: (json) => ({
      model: asString(json.model),
      streaming: json.stream === true,
      maxOutputTokens: asNumber(json.max_tokens),
      temperature: asNumber(json.temperature),
      previousResponseId: '',
      agentId: '',
      sessionId: '',
      userId: asString(json.user),
    }),
    userText: (message) => {
      const json = asObject(message);
      return json?.role === 'user' ? asString(json.content) : '';
    },
    toolNames: () => [],
  },
  isAnswer,
  isEvent: (_type, json) => isAnswer(json),
  answer,
  deltaPlace: () => null,
  openStream: () => openStream(stream),
};
