/** OpenAI Completions, as self-hosted servers have them: https://platform.openai.com/docs/api-reference/completions. */
import {
  type Ask,
  type Cutter,
  type Dialect,
  event,
  type Finish,
  type Reply,
  type StreamEvent,
  TELLS,
} from './dialect.ts';
import { openaiFailure } from './openai-chat.ts';

const FINISH_REASONS: Readonly<Record<Finish, string>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'stop',
  content_filter: 'content_filter',
  refusal: 'content_filter',
};

/** The client writes the conversation out by itself. */
function prompt(ask: Ask): string {
  const lines = ask.turns.map((turn) => `${turn.role}: ${turn.role === 'tool' ? turn.result : turn.text}`);
  return [...(ask.system === '' ? [] : [ask.system]), ...lines, 'assistant:'].join('\n');
}

function request(ask: Ask): unknown {
  return {
    model: ask.model,
    stream: ask.streaming,
    ...(ask.streaming && ask.includeUsage ? { stream_options: { include_usage: true } } : {}),
    max_tokens: ask.maxTokens,
    ...(ask.user === '' ? {} : { user: ask.user }),
    prompt: prompt(ask),
  };
}

function usage(reply: Reply): unknown {
  const { input, cacheRead, output } = reply.usage;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: cacheRead === 0 ? null : { cached_tokens: cacheRead },
  };
}

const base = (reply: Reply): Record<string, unknown> => ({
  id: reply.id,
  object: 'text_completion',
  created: reply.created,
  model: reply.model,
});
const choice = (text: string, finish: string | null): unknown => ({
  index: 0,
  text,
  logprobs: null,
  finish_reason: finish,
});

function json(reply: Reply): unknown {
  return { ...base(reply), choices: [choice(reply.text, FINISH_REASONS[reply.finish])], usage: usage(reply) };
}

function events(reply: Reply, cut: Cutter): StreamEvent[] {
  const chunk = (text: string, finish: string | null): StreamEvent =>
    event('', { ...base(reply), choices: [choice(text, finish)] }, { token: text !== '' });
  return [
    ...cut(reply.text).map((piece) => chunk(piece, null)),
    chunk('', FINISH_REASONS[reply.finish]),
    ...(reply.tellUsage ? [event('', { ...base(reply), choices: [], usage: usage(reply) })] : []),
    event('', '[DONE]', { end: true }),
  ];
}

export const openaiCompletions: Dialect = {
  name: 'openai.completions',
  framing: 'sse',
  tells: { ...TELLS, reasoning: false },
  tellsStreamEarly: true,
  hasTools: false,
  idPrefixes: ['cmpl-', ''],
  toldAs: { refusal: 'content_filter' },
  target: () => '/v1/completions',
  headers: (key) => [['authorization', `Bearer ${key}`]],
  request,
  json,
  events,
  failure: openaiFailure,
  streamFailure: (message) => {
    const error = { message, type: 'server_error', param: null, code: null };
    return { errorType: error.type, event: event('', { error }, { end: true }) };
  },
};
