/**
 * Dialects of APIs that make no text: embeddings, rankings, sound, pictures. Their calls have a model, times and a usage, and
 * nothing to read: such a dialect is a path, a shape and a usage.
 */
import { asNumber, asString, type JsonObject } from '../../../common/json.ts';
import { type Dialect, openStream, type ResponseFacts, type StreamReducer, type Usage } from '../dialect.ts';
import { NO_FACTS } from './facts.ts';

export interface FactsOnly {
  readonly name: string;
  readonly vendor: string;
  readonly stored: 'request' | 'none';
  isCallPath(path: string): boolean;
  isCall(has: (member: string) => boolean): boolean;
  /** The model that the path names; left out: the body does. */
  modelOf?(path: string): string;
  usage(json: JsonObject): Usage | null;
  /** Left out: only the path tells. */
  isAnswer?(json: JsonObject): boolean;
}

interface State {
  /** The last event that told a usage, else the last one. */
  last: JsonObject;
  usage: Usage | null;
  done: boolean;
}

function streamOf(usageOf: FactsOnly['usage'], answer: (json: JsonObject) => ResponseFacts): StreamReducer<State> {
  return {
    start: () => ({ last: {}, usage: null, done: false }),
    event(state, type, data, json) {
      if (json === null) {
        if (data.trim() === '[DONE]') state.done = true;
        return false;
      }
      const name = asString(json.type) || type;
      const usage = usageOf(json);
      if (usage !== null || state.usage === null) state.last = json;
      state.usage = usage ?? state.usage;
      if (/\.(done|completed)$/.test(name)) state.done = true;
      return /\.(delta|partial_image)$/.test(name);
    },
    result: ({ last, usage, done }) => ({
      message: null,
      facts: { ...answer(last), usage },
      end: done ? 'yes' : 'if_closed',
    }),
  };
}

export function factsOnly(plan: FactsOnly): Dialect {
  const { name, vendor, stored, isCallPath } = plan;
  const answer = (json: JsonObject): ResponseFacts => ({
    ...NO_FACTS,
    model: asString(json.model),
    responseId: asString(json.id),
    usage: plan.usage(json),
  });
  const stream = streamOf(plan.usage, answer);
  return {
    name,
    vendor,
    stored,
    isCallPath,
    request: {
      layout: {},
      messages: '',
      isCall: plan.isCall,
      fields: (json, path) => ({
        model: asString(json.model) || (plan.modelOf?.(path) ?? ''),
        // A form has texts only.
        streaming: json.stream === true || json.stream === 'true' || json.stream_format === 'sse',
        maxOutputTokens: null,
        temperature: asNumber(json.temperature),
        previousResponseId: '',
        agentId: '',
        sessionId: '',
        userId: asString(json.user),
      }),
      userText: () => '',
      toolNames: () => [],
    },
    isAnswer: (json) => plan.isAnswer?.(json) ?? false,
    isEvent: () => false,
    answer,
    deltaPlace: () => null,
    openStream: () => openStream(stream),
  };
}
