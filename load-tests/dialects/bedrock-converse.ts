/** Bedrock Converse and ConverseStream: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html. */
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

const STOP_REASONS: Readonly<Record<Finish, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'content_filtered',
  refusal: 'guardrail_intervened',
};

const FAILURES: Readonly<Record<Failure, readonly [number, string]>> = {
  bad_request: [400, 'ValidationException'],
  unauthorized: [403, 'AccessDeniedException'],
  rate_limited: [429, 'ThrottlingException'],
  server_error: [500, 'InternalServerException'],
  overloaded: [503, 'ServiceUnavailableException'],
};

/** The body has no type: the head does. */
export function awsFailure(kind: Failure, message: string): FailureReply {
  const [status, errorType] = FAILURES[kind];
  return { status, errorType, body: { message }, headers: { 'x-amzn-errortype': `${errorType}:http://internal/` } };
}

export const awsStreamFailure = (message: string): ReturnType<Dialect['streamFailure']> => ({
  errorType: 'modelStreamErrorException',
  event: event('!modelStreamErrorException', { message }, { end: true }),
});

export const awsHeaders = (key: string): readonly (readonly [string, string])[] => [['authorization', `Bearer ${key}`]];

const toolUse = (call: ToolCall): unknown => ({
  toolUse: { toolUseId: call.id, name: call.name, input: JSON.parse(call.arguments) as unknown },
});

function blocks(turn: Turn): unknown[] {
  switch (turn.role) {
    case 'user':
      return [{ text: turn.text }];
    case 'tool':
      return [{ toolResult: { toolUseId: turn.callId, content: [{ text: turn.result }], status: 'success' } }];
    case 'assistant':
      return [...(turn.text === '' ? [] : [{ text: turn.text }]), ...turn.toolCalls.map(toolUse)];
  }
}

/** Results of one round stand in one message. */
function messages(turns: readonly Turn[]): unknown[] {
  const list: { role: string; content: unknown[] }[] = [];
  let previous: Turn | undefined;
  for (const turn of turns) {
    if (turn.role === 'tool' && previous?.role === 'tool') list.at(-1)!.content.push(...blocks(turn));
    else list.push({ role: turn.role === 'assistant' ? 'assistant' : 'user', content: blocks(turn) });
    previous = turn;
  }
  return list;
}

function request(ask: Ask): unknown {
  const toolSpecs = ask.tools.map((tool) => ({
    toolSpec: { name: tool.name, description: tool.description, inputSchema: { json: toolSchema(tool) } },
  }));
  return {
    inferenceConfig: { maxTokens: ask.maxTokens },
    ...(ask.user === '' ? {} : { requestMetadata: { user_id: ask.user } }),
    messages: messages(ask.turns),
    ...(ask.system === '' ? {} : { system: [{ text: ask.system }] }),
    ...(ask.tools.length === 0 ? {} : { toolConfig: { tools: toolSpecs } }),
  };
}

function usage(reply: Reply): unknown {
  const { input, cacheRead, cacheWrite, output } = reply.usage;
  return {
    inputTokens: input - cacheRead - cacheWrite,
    outputTokens: output,
    totalTokens: input + output,
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: cacheWrite,
  };
}

function json(reply: Reply): unknown {
  const content: unknown[] = [];
  if (reply.reasoning !== '') {
    content.push({ reasoningContent: { reasoningText: { text: reply.reasoning, signature: 'c2lnbmF0dXJl' } } });
  }
  if (reply.text !== '') content.push({ text: reply.text });
  content.push(...reply.toolCalls.map(toolUse));
  return {
    output: { message: { role: 'assistant', content } },
    stopReason: STOP_REASONS[reply.finish],
    usage: usage(reply),
    metrics: { latencyMs: 512 },
  };
}

const delta = (contentBlockIndex: number, change: unknown, token: boolean): StreamEvent =>
  event('contentBlockDelta', { contentBlockIndex, delta: change }, { token });
const stop = (contentBlockIndex: number): StreamEvent => event('contentBlockStop', { contentBlockIndex });

function toolEvents(reply: Reply, first: number, cut: Cutter): StreamEvent[] {
  const start = (call: ToolCall, at: number): StreamEvent =>
    event('contentBlockStart', {
      contentBlockIndex: first + at,
      start: { toolUse: { toolUseId: call.id, name: call.name } },
    });
  const pieces = weave(
    reply.toolCalls.map((call) => cut(call.arguments)),
    reply.interleaved,
  ).map(({ index, piece }) => delta(first + index, { toolUse: { input: piece } }, true));
  return [...reply.toolCalls.map(start), ...pieces, ...reply.toolCalls.map((_, at) => stop(first + at))];
}

function events(reply: Reply, cut: Cutter): StreamEvent[] {
  const list: StreamEvent[] = [event('messageStart', { role: 'assistant' })];
  let index = 0;
  if (reply.reasoning !== '') {
    for (const text of cut(reply.reasoning)) list.push(delta(index, { reasoningContent: { text } }, true));
    list.push(delta(index, { reasoningContent: { signature: 'c2lnbmF0dXJl' } }, false), stop(index++));
  }
  if (reply.text !== '') {
    for (const text of cut(reply.text)) list.push(delta(index, { text }, true));
    list.push(stop(index++));
  }
  list.push(...toolEvents(reply, index, cut));
  list.push(event('messageStop', { stopReason: STOP_REASONS[reply.finish] }));
  list.push(event('metadata', { usage: usage(reply), metrics: { latencyMs: 512 } }, { end: true }));
  return list;
}

export const bedrockConverse: Dialect = {
  name: 'bedrock.converse',
  framing: 'aws',
  tells: { ...TELLS, model: false, id: false, cacheWrite: true, reasoning: false },
  tellsStreamEarly: true,
  idPrefixes: ['', 'tooluse_'],
  toldAs: { refusal: 'content_filter' },
  target: (ask) => `/model/${encodeURIComponent(ask.model)}/converse${ask.streaming ? '-stream' : ''}`,
  headers: awsHeaders,
  request,
  json,
  events,
  failure: awsFailure,
  streamFailure: awsStreamFailure,
};
