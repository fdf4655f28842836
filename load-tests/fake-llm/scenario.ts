/** What the fake server does with a request, and the script that chooses it. */
import type { Failure, Finish, ToolCall } from '../dialects/dialect.ts';
import type { SeenRequest } from './seen-request.ts';

export interface Answer {
  readonly text?: string;
  readonly reasoning?: string;
  /** Ids are made by the server. */
  readonly toolCalls?: readonly Omit<ToolCall, 'id'>[];
  readonly finish?: Finish;
  /** What the usage tells of the request; else by its length. */
  readonly inputTokens?: number;
}

export type Scenario =
  | {
      readonly kind: 'answer';
      readonly answer: Answer;
      readonly gzip?: boolean;
      readonly firstTokenMs?: number;
      readonly eventGapMs?: number;
    }
  | { readonly kind: 'failure'; readonly failure: Failure; readonly message: string; readonly retryAfterMs?: number }
  /** 200, `events` events, then the API's error event. */
  | { readonly kind: 'stream_failure'; readonly answer: Answer; readonly events: number; readonly message: string }
  /** `events` events (or half the body), then the connection is closed. */
  | { readonly kind: 'abort'; readonly answer: Answer; readonly events: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' };

/** `attempt` counts from 0: how often exactly this prompt and round came before. */
export type Script = (request: SeenRequest, attempt: number) => Scenario;

export const FAKE_LLM_DEFAULTS = {
  /** From the request's end to the first event, ms. */
  firstTokenMs: 30,
  /** Between two events, ms. */
  eventGapMs: 4,
} as const;

const say = (text: string): Scenario => ({ kind: 'answer', answer: { text } });
const LOOKUP = { name: 'lookup', arguments: '{"query":"weather in Oslo"}' };
const CLOCK = { name: 'clock', arguments: '{"zone":"Europe/Oslo"}' };

/** By the last part of the model's name: what a test that has no script of its own can ask for. */
const BY_MODEL: Readonly<Record<string, (request: SeenRequest, attempt: number) => Scenario>> = {
  tool: ({ round }) =>
    round === 0 ? { kind: 'answer', answer: { toolCalls: [LOOKUP] } } : say('It is sunny in Oslo.'),
  parallel: ({ round }) =>
    round === 0
      ? { kind: 'answer', answer: { text: 'I look both up.', toolCalls: [LOOKUP, CLOCK] } }
      : say('It is noon and sunny.'),
  loop: () => ({ kind: 'answer', answer: { toolCalls: [LOOKUP] } }),
  reasoning: () => ({ kind: 'answer', answer: { reasoning: 'Two and two make four.', text: 'Four.' } }),
  refusal: () => ({ kind: 'answer', answer: { text: "I can't help with that.", finish: 'refusal' } }),
  length: () => ({ kind: 'answer', answer: { text: 'Once upon a time there', finish: 'length' } }),
  gzip: () => ({ kind: 'answer', answer: { text: 'Packed – schön klein. '.repeat(20) }, gzip: true }),
  slow: () => ({
    kind: 'answer',
    answer: { text: 'Slowly, one word after the other.' },
    firstTokenMs: 300,
    eventGapMs: 60,
  }),
  400: () => ({ kind: 'failure', failure: 'bad_request', message: 'The prompt is too long.' }),
  401: () => ({ kind: 'failure', failure: 'unauthorized', message: 'The API key is wrong.' }),
  429: () => ({ kind: 'failure', failure: 'rate_limited', message: 'Slow down.', retryAfterMs: 5 }),
  500: () => ({ kind: 'failure', failure: 'server_error', message: 'Something broke.' }),
  529: () => ({ kind: 'failure', failure: 'overloaded', message: 'Overloaded.' }),
  flaky: (_request, attempt) =>
    attempt === 0
      ? { kind: 'failure', failure: 'overloaded', message: 'Overloaded.', retryAfterMs: 5 }
      : say('Now it works.'),
  'stream-error': () => ({
    kind: 'stream_failure',
    answer: { text: 'This will not end well, as you see.' },
    events: 4,
    message: 'Overloaded',
  }),
  abort: () => ({ kind: 'abort', answer: { text: 'This is cut in the middle of it.' }, events: 4 }),
  hang: () => ({ kind: 'hang' }),
};

/** `fake-tool`, `fake-429`, … name their scenario; every other model repeats the prompt. */
export const scriptByModel: Script = (request, attempt) => {
  const wanted = request.model.startsWith('fake-') ? BY_MODEL[request.model.slice(5)] : undefined;
  return wanted?.(request, attempt) ?? say(`You said: ${request.prompt.slice(0, 200)}`);
};
