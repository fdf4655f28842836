/** Anthropic Messages API: https://docs.anthropic.com/en/api/messages and /messages-streaming. */
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
  type Turn,
  toolSchema,
  weave,
} from './dialect.ts';

const STOP_REASONS: Readonly<Record<Finish, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  refusal: 'refusal',
};

const FAILURES: Readonly<Record<Failure, readonly [number, string]>> = {
  bad_request: [400, 'invalid_request_error'],
  unauthorized: [401, 'authentication_error'],
  rate_limited: [429, 'rate_limit_error'],
  server_error: [500, 'api_error'],
  overloaded: [529, 'overloaded_error'],
};

type Message = { role: 'user' | 'assistant'; content: unknown[] };

function block(turn: Turn): unknown[] {
  switch (turn.role) {
    case 'user':
      return [{ type: 'text', text: turn.text }];
    case 'tool':
      return [
        {
          type: 'tool_result',
          tool_use_id: turn.callId,
          content: turn.result,
          ...(turn.failed === true ? { is_error: true } : {}),
        },
      ];
    case 'assistant': {
      const text = turn.text === '' ? [] : [{ type: 'text', text: turn.text }];
      return [
        ...text,
        ...turn.toolCalls.map((call) => ({
          type: 'tool_use',
          id: call.id,
          name: call.name,
          input: JSON.parse(call.arguments) as unknown,
        })),
      ];
    }
  }
}

/** Results of parallel tools go into one user message. */
function messages(turns: readonly Turn[]): Message[] {
  const list: Message[] = [];
  let previous: Turn | undefined;
  for (const turn of turns) {
    if (turn.role === 'tool' && previous?.role === 'tool') list.at(-1)!.content.push(...block(turn));
    else list.push({ role: turn.role === 'assistant' ? 'assistant' : 'user', content: block(turn) });
    previous = turn;
  }
  return list;
}

function request(ask: Ask): unknown {
  return {
    model: ask.model,
    max_tokens: ask.maxTokens,
    ...(ask.system === ''
      ? {}
      : { system: [{ type: 'text', text: ask.system, cache_control: { type: 'ephemeral' } }] }),
    messages: messages(ask.turns),
    ...(ask.tools.length === 0
      ? {}
      : {
          tools: ask.tools.map((tool) => ({
            name: tool.name,
            description: tool.description,
            input_schema: toolSchema(tool),
          })),
        }),
    ...(ask.user === '' ? {} : { metadata: { user_id: ask.user } }),
    ...(ask.streaming ? { stream: true } : {}),
  };
}

function usage(reply: Reply): Record<string, unknown> {
  const { input, cacheRead, cacheWrite, output } = reply.usage;
  return {
    input_tokens: input - cacheRead - cacheWrite,
    cache_creation_input_tokens: cacheWrite,
    cache_read_input_tokens: cacheRead,
    cache_creation: { ephemeral_5m_input_tokens: cacheWrite, ephemeral_1h_input_tokens: 0 },
    output_tokens: output,
    service_tier: 'standard',
  };
}

function message(reply: Reply, content: unknown[], stopReason: string | null, tokens: unknown): unknown {
  return {
    id: reply.id,
    type: 'message',
    role: 'assistant',
    model: reply.model,
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    usage: tokens,
  };
}

function json(reply: Reply): unknown {
  const content: unknown[] = [];
  if (reply.reasoning !== '') content.push({ type: 'thinking', thinking: reply.reasoning, signature: 'c2lnbmF0dXJl' });
  if (reply.text !== '') content.push({ type: 'text', text: reply.text });
  for (const call of reply.toolCalls) {
    content.push({ type: 'tool_use', id: call.id, name: call.name, input: JSON.parse(call.arguments) as unknown });
  }
  return message(reply, content, STOP_REASONS[reply.finish], usage(reply));
}

function start(index: number, contentBlock: unknown): StreamEvent {
  return event('content_block_start', { type: 'content_block_start', index, content_block: contentBlock });
}

function delta(index: number, change: Record<string, unknown>, token: boolean): StreamEvent {
  return event('content_block_delta', { type: 'content_block_delta', index, delta: change }, { token });
}

function stop(index: number): StreamEvent {
  return event('content_block_stop', { type: 'content_block_stop', index });
}

function toolEvents(reply: Reply, first: number, cut: Cutter): StreamEvent[] {
  const begin = (call: Reply['toolCalls'][number], index: number): StreamEvent[] => [
    start(first + index, { type: 'tool_use', id: call.id, name: call.name, input: {} }),
    delta(first + index, { type: 'input_json_delta', partial_json: '' }, false),
  ];
  const argument = (index: number, piece: string): StreamEvent =>
    delta(first + index, { type: 'input_json_delta', partial_json: piece }, true);
  if (reply.interleaved) {
    const pieces = weave(
      reply.toolCalls.map((call) => cut(call.arguments)),
      true,
    );
    return [
      ...reply.toolCalls.flatMap(begin),
      ...pieces.map(({ index, piece }) => argument(index, piece)),
      ...reply.toolCalls.map((_, index) => stop(first + index)),
    ];
  }
  return reply.toolCalls.flatMap((call, index) => [
    ...begin(call, index),
    ...cut(call.arguments).map((piece) => argument(index, piece)),
    stop(first + index),
  ]);
}

function events(reply: Reply, cut: Cutter): StreamEvent[] {
  const early = { ...usage(reply), output_tokens: 1 };
  const list = [event('message_start', { type: 'message_start', message: message(reply, [], null, early) })];
  let index = 0;
  if (reply.reasoning !== '') {
    list.push(start(index, { type: 'thinking', thinking: '', signature: '' }));
    for (const piece of cut(reply.reasoning)) {
      list.push(delta(index, { type: 'thinking_delta', thinking: piece }, true));
    }
    list.push(delta(index, { type: 'signature_delta', signature: 'c2lnbmF0dXJl' }, false), stop(index++));
  }
  list.push(event('ping', { type: 'ping' }));
  if (reply.text !== '') {
    list.push(start(index, { type: 'text', text: '' }));
    for (const piece of cut(reply.text)) list.push(delta(index, { type: 'text_delta', text: piece }, true));
    list.push(stop(index++));
  }
  list.push(...toolEvents(reply, index, cut));
  const change = { stop_reason: STOP_REASONS[reply.finish], stop_sequence: null };
  const tokens = { output_tokens: reply.usage.output };
  list.push(event('message_delta', { type: 'message_delta', delta: change, usage: tokens }));
  list.push(event('message_stop', { type: 'message_stop' }, { end: true }));
  return list;
}

function failure(kind: Failure, text: string): FailureReply {
  const [status, errorType] = FAILURES[kind];
  return { status, errorType, body: { type: 'error', error: { type: errorType, message: text } } };
}

export const anthropicMessages: Dialect = {
  name: 'anthropic.messages',
  framing: 'sse',
  tells: { ...TELLS, cacheWrite: true, reasoning: false },
  idPrefixes: ['msg_01', 'toolu_01'],
  toldAs: { content_filter: 'refusal' },
  target: () => '/v1/messages',
  headers: (key) => [
    ['x-api-key', key],
    ['anthropic-version', '2023-06-01'],
  ],
  request,
  json,
  events,
  failure,
  streamFailure: (text) => {
    const error = { type: 'overloaded_error', message: text };
    return { errorType: error.type, event: event('error', { type: 'error', error }, { end: true }) };
  },
};
