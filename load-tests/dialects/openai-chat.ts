/** OpenAI Chat Completions: https://platform.openai.com/docs/api-reference/chat and /chat-streaming. */
import {
  type Ask,
  type Cutter,
  type Dialect,
  event,
  type Failure,
  type FailureReply,
  type Finish,
  type Reply,
  type StreamEvent,
  TELLS,
  type ToolCall,
  type Turn,
  toolSchema,
  weave,
} from './dialect.ts';

const FINISH_REASONS: Readonly<Record<Finish, string>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  content_filter: 'content_filter',
  refusal: 'stop',
};

/** Status, `type` and `code` as OpenAI's own errors have them. */
export const OPENAI_FAILURES: Readonly<Record<Failure, readonly [number, string, string | null]>> = {
  bad_request: [400, 'invalid_request_error', 'context_length_exceeded'],
  unauthorized: [401, 'invalid_request_error', 'invalid_api_key'],
  rate_limited: [429, 'tokens', 'rate_limit_exceeded'],
  server_error: [500, 'server_error', null],
  overloaded: [503, 'service_unavailable_error', null],
};

export function openaiFailure(kind: Failure, message: string): FailureReply {
  const [status, errorType, code] = OPENAI_FAILURES[kind];
  return { status, errorType, body: { error: { message, type: errorType, param: null, code } } };
}

function wireCall(call: ToolCall): Record<string, unknown> {
  return { id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } };
}

function message(turn: Turn): unknown {
  switch (turn.role) {
    case 'user':
      return { role: 'user', content: turn.text };
    case 'tool':
      return { role: 'tool', tool_call_id: turn.callId, content: turn.result };
    case 'assistant':
      return {
        role: 'assistant',
        content: turn.text === '' ? null : turn.text,
        ...(turn.toolCalls.length === 0 ? {} : { tool_calls: turn.toolCalls.map(wireCall) }),
      };
  }
}

function request(ask: Ask): unknown {
  return {
    model: ask.model,
    messages: [...(ask.system === '' ? [] : [{ role: 'system', content: ask.system }]), ...ask.turns.map(message)],
    max_completion_tokens: ask.maxTokens,
    ...((ask.choices ?? 1) > 1 ? { n: ask.choices } : {}),
    ...(ask.tools.length === 0
      ? {}
      : {
          tools: ask.tools.map((tool) => ({
            type: 'function',
            function: { name: tool.name, description: tool.description, parameters: toolSchema(tool) },
          })),
        }),
    ...(ask.user === '' ? {} : { user: ask.user }),
    ...(ask.streaming ? { stream: true } : {}),
    ...(ask.streaming && ask.includeUsage ? { stream_options: { include_usage: true } } : {}),
  };
}

function usage(reply: Reply): unknown {
  const { input, cacheRead, output, reasoning } = reply.usage;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cacheRead, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: 0 },
  };
}

function json(reply: Reply): unknown {
  const refused = reply.finish === 'refusal';
  return {
    id: reply.id,
    object: 'chat.completion',
    created: reply.created,
    model: reply.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: refused || reply.text === '' ? null : reply.text,
          refusal: refused ? reply.text : null,
          ...(reply.reasoning === '' ? {} : { reasoning_content: reply.reasoning }),
          ...(reply.toolCalls.length === 0 ? {} : { tool_calls: reply.toolCalls.map(wireCall) }),
        },
        logprobs: null,
        finish_reason: FINISH_REASONS[reply.finish],
      },
      ...(reply.otherTexts ?? []).map((content, at) => ({
        index: at + 1,
        message: { role: 'assistant', content, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      })),
    ],
    usage: usage(reply),
    service_tier: 'default',
    system_fingerprint: 'fp_44709d6fcb',
  };
}

/** The first piece of a call has its id and name and no arguments; the others have arguments and an index alone. */
function toolDeltas(reply: Reply, cut: Cutter): { delta: unknown; token: boolean }[] {
  const begin = (call: ToolCall, index: number) => ({
    delta: { tool_calls: [{ index, ...wireCall({ ...call, arguments: '' }) }] },
    token: false,
  });
  const argument = (index: number, piece: string) => ({
    delta: { tool_calls: [{ index, function: { arguments: piece } }] },
    token: true,
  });
  if (reply.interleaved) {
    const pieces = weave(
      reply.toolCalls.map((call) => cut(call.arguments)),
      true,
    );
    return [...reply.toolCalls.map(begin), ...pieces.map(({ index, piece }) => argument(index, piece))];
  }
  return reply.toolCalls.flatMap((call, index) => [
    begin(call, index),
    ...cut(call.arguments).map((piece) => argument(index, piece)),
  ]);
}

function deltas(reply: Reply, cut: Cutter): { delta: unknown; token: boolean }[] {
  const field = reply.finish === 'refusal' ? 'refusal' : 'content';
  return [
    { delta: { role: 'assistant', content: '', refusal: null }, token: false },
    ...(reply.reasoning === '' ? [] : cut(reply.reasoning)).map((piece) => ({
      delta: { reasoning_content: piece },
      token: true,
    })),
    ...(reply.text === '' ? [] : cut(reply.text)).map((piece) => ({ delta: { [field]: piece }, token: true })),
    ...toolDeltas(reply, cut),
  ];
}

interface ChoicePiece {
  readonly delta: unknown;
  readonly finish: string | null;
  readonly token: boolean;
}

/** What one of several choices brings, in order. */
function choicePieces(reply: Reply, cut: Cutter): ChoicePiece[] {
  return [
    ...deltas(reply, cut).map((each) => ({ ...each, finish: null })),
    { delta: {}, finish: FINISH_REASONS[reply.finish], token: false },
  ];
}

function events(reply: Reply, cut: Cutter): StreamEvent[] {
  const base = {
    id: reply.id,
    object: 'chat.completion.chunk',
    created: reply.created,
    model: reply.model,
    service_tier: 'default',
    system_fingerprint: 'fp_44709d6fcb',
  };
  const told = reply.tellUsage ? { usage: null } : {};
  const chunk = ({ delta, finish, token }: ChoicePiece, index: number): StreamEvent => {
    const choices = [{ index, delta, logprobs: null, finish_reason: finish }];
    return event('', { ...base, choices, ...told }, { token });
  };
  const others = (reply.otherTexts ?? []).map(
    (text): Reply => ({ ...reply, text, reasoning: '', toolCalls: [], finish: 'stop' }),
  );
  const choices = [reply, ...others].map((each) => choicePieces(each, cut));
  const longest = Math.max(...choices.map((pieces) => pieces.length));
  const turns = Array.from({ length: longest }, (_, at) =>
    choices.flatMap((pieces, index) => (at < pieces.length ? [chunk(pieces[at]!, index)] : [])),
  );
  return [
    ...turns.flat(),
    ...(reply.tellUsage ? [event('', { ...base, choices: [], usage: usage(reply) })] : []),
    event('', '[DONE]', { end: true }),
  ];
}

export const openaiChat: Dialect = {
  name: 'openai.chat',
  framing: 'sse',
  tells: TELLS,
  idPrefixes: ['chatcmpl-', 'call_'],
  toldAs: {},
  target: () => '/v1/chat/completions',
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
