/** Ollama's chat: https://github.com/ollama/ollama/blob/main/docs/api.md. */
import {
  type Ask,
  type Cutter,
  type Dialect,
  event,
  type Failure,
  type FailureReply,
  type Reply,
  type StreamEvent,
  TELLS,
  type ToolCall,
  type Turn,
  toolSchema,
} from './dialect.ts';

const STATUS: Readonly<Record<Failure, number>> = {
  bad_request: 400,
  unauthorized: 401,
  rate_limited: 429,
  server_error: 500,
  overloaded: 503,
};

const wireCall = (call: ToolCall): unknown => ({
  id: call.id,
  function: { name: call.name, arguments: JSON.parse(call.arguments) as unknown },
});

function message(turn: Turn): unknown {
  switch (turn.role) {
    case 'user':
      return { role: 'user', content: turn.text };
    case 'tool':
      return { role: 'tool', content: turn.result, tool_name: turn.name };
    case 'assistant':
      return {
        role: 'assistant',
        content: turn.text,
        ...(turn.toolCalls.length === 0 ? {} : { tool_calls: turn.toolCalls.map(wireCall) }),
      };
  }
}

/** A stream is what one gets without asking. */
function request(ask: Ask): unknown {
  return {
    model: ask.model,
    ...(ask.streaming ? {} : { stream: false }),
    options: { num_predict: ask.maxTokens },
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

const base = (reply: Reply): Record<string, unknown> => ({
  model: reply.model,
  created_at: '2026-11-18T10:26:40.123456789Z',
});

const counts = (reply: Reply): Record<string, unknown> => ({
  done: true,
  done_reason: reply.finish === 'length' ? 'length' : 'stop',
  total_duration: 4_883_583_458,
  load_duration: 1_334_875,
  prompt_eval_count: reply.usage.input,
  prompt_eval_duration: 342_546_000,
  eval_count: reply.usage.output,
  eval_duration: 4_535_599_000,
});

function json(reply: Reply): unknown {
  const said = {
    role: 'assistant',
    content: reply.text,
    ...(reply.reasoning === '' ? {} : { thinking: reply.reasoning }),
    ...(reply.toolCalls.length === 0 ? {} : { tool_calls: reply.toolCalls.map(wireCall) }),
  };
  return { ...base(reply), message: said, ...counts(reply) };
}

function events(reply: Reply, cut: Cutter): StreamEvent[] {
  const line = (more: Record<string, unknown>, token: boolean): StreamEvent =>
    event('', { ...base(reply), message: { role: 'assistant', content: '', ...more }, done: false }, { token });
  return [
    ...(reply.reasoning === '' ? [] : cut(reply.reasoning)).map((thinking) => line({ thinking }, true)),
    ...(reply.text === '' ? [] : cut(reply.text)).map((content) => line({ content }, true)),
    ...reply.toolCalls.map((call) => line({ tool_calls: [wireCall(call)] }, true)),
    event('', { ...base(reply), message: { role: 'assistant', content: '' }, ...counts(reply) }, { end: true }),
  ];
}

export const ollamaChat: Dialect = {
  name: 'ollama.chat',
  framing: 'lines',
  tells: { ...TELLS, id: false, cacheRead: false, reasoning: false },
  tellsStreamEarly: true,
  canRefuse: false,
  idPrefixes: ['', 'call_'],
  toldAs: {},
  target: () => '/api/chat',
  headers: () => [],
  request,
  json,
  events,
  failure: (kind, text): FailureReply => ({ status: STATUS[kind], errorType: '', body: { error: text } }),
  streamFailure: (text) => ({ errorType: '', event: event('', { error: text }, { end: true }) }),
};
