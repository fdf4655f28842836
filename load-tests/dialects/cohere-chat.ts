/** Cohere's Chat, version 2: https://docs.cohere.com/reference/chat and /chat-stream. */
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
  stop: 'COMPLETE',
  length: 'MAX_TOKENS',
  tool_calls: 'TOOL_CALL',
  content_filter: 'ERROR_TOXIC',
  refusal: 'ERROR_TOXIC',
};

const STATUS: Readonly<Record<Failure, number>> = {
  bad_request: 400,
  unauthorized: 401,
  rate_limited: 429,
  server_error: 500,
  overloaded: 503,
};

const wireCall = (call: ToolCall): unknown => ({
  id: call.id,
  type: 'function',
  function: { name: call.name, arguments: call.arguments },
});

function message(turn: Turn): unknown {
  switch (turn.role) {
    case 'user':
      return { role: 'user', content: [{ type: 'text', text: turn.text }] };
    case 'tool':
      return { role: 'tool', tool_call_id: turn.callId, content: turn.result };
    case 'assistant':
      return turn.toolCalls.length === 0
        ? { role: 'assistant', content: turn.text }
        : { role: 'assistant', tool_plan: turn.text, tool_calls: turn.toolCalls.map(wireCall) };
  }
}

function request(ask: Ask): unknown {
  return {
    model: ask.model,
    stream: ask.streaming,
    max_tokens: ask.maxTokens,
    messages: [...(ask.system === '' ? [] : [{ role: 'system', content: ask.system }]), ...ask.turns.map(message)],
    ...(ask.tools.length === 0
      ? {}
      : {
          tools: ask.tools.map((tool) => ({
            type: 'function',
            function: { name: tool.name, description: tool.description, parameters: toolSchema(tool) },
          })),
        }),
  };
}

function usage(reply: Reply): unknown {
  const { input, cacheRead, output } = reply.usage;
  return {
    billed_units: { input_tokens: Math.max(0, input - 60), output_tokens: output },
    tokens: { input_tokens: input, output_tokens: output },
    cached_tokens: cacheRead,
  };
}

function json(reply: Reply): unknown {
  const content: unknown[] = [];
  if (reply.reasoning !== '') content.push({ type: 'thinking', thinking: reply.reasoning });
  if (reply.text !== '') content.push({ type: 'text', text: reply.text });
  return {
    id: reply.id,
    message: {
      role: 'assistant',
      ...(content.length === 0 ? {} : { content }),
      ...(reply.toolCalls.length === 0 ? {} : { tool_calls: reply.toolCalls.map(wireCall) }),
    },
    finish_reason: FINISH_REASONS[reply.finish],
    usage: usage(reply),
  };
}

function told(type: string, message: unknown, index: number | null, token: boolean): StreamEvent {
  return event(type, { type, ...(index === null ? {} : { index }), delta: { message } }, { token });
}

function contentEvents(type: 'text' | 'thinking', index: number, pieces: readonly string[]): StreamEvent[] {
  return [
    told('content-start', { content: { type, [type]: '' } }, index, false),
    ...pieces.map((piece) => told('content-delta', { content: { [type]: piece } }, index, true)),
    event('content-end', { type: 'content-end', index }),
  ];
}

function toolEvents(reply: Reply, cut: Cutter): StreamEvent[] {
  const start = (call: ToolCall, index: number): StreamEvent =>
    told('tool-call-start', { tool_calls: wireCall({ ...call, arguments: '' }) }, index, false);
  const pieces = weave(
    reply.toolCalls.map((call) => cut(call.arguments)),
    reply.interleaved,
  ).map(({ index, piece }) => told('tool-call-delta', { tool_calls: { function: { arguments: piece } } }, index, true));
  const ends = reply.toolCalls.map((_, index) => event('tool-call-end', { type: 'tool-call-end', index }));
  return [...reply.toolCalls.map(start), ...pieces, ...ends];
}

function events(reply: Reply, cut: Cutter): StreamEvent[] {
  const list: StreamEvent[] = [
    event('message-start', {
      type: 'message-start',
      id: reply.id,
      delta: { message: { role: 'assistant', content: [], tool_plan: '', tool_calls: [], citations: [] } },
    }),
  ];
  let index = 0;
  if (reply.reasoning !== '') list.push(...contentEvents('thinking', index++, cut(reply.reasoning)));
  if (reply.text !== '') list.push(...contentEvents('text', index++, cut(reply.text)));
  list.push(...toolEvents(reply, cut));
  const end = { finish_reason: FINISH_REASONS[reply.finish], usage: usage(reply) };
  list.push(event('message-end', { type: 'message-end', delta: end }, { end: true }));
  return list;
}

export const cohereChat: Dialect = {
  name: 'cohere.chat',
  framing: 'sse',
  tells: { ...TELLS, model: false, reasoning: false },
  tellsStreamEarly: true,
  idPrefixes: ['', 'tool_'],
  toldAs: { refusal: 'content_filter' },
  target: () => '/v2/chat',
  headers: (key) => [['authorization', `Bearer ${key}`]],
  request,
  json,
  events,
  failure: (kind, text): FailureReply => ({ status: STATUS[kind], errorType: '', body: { message: text } }),
  streamFailure: (text) => ({
    errorType: '',
    event: event('message-end', { type: 'message-end', delta: { finish_reason: 'ERROR', error: text } }, { end: true }),
  }),
};
