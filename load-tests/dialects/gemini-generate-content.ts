/** Gemini generateContent and streamGenerateContent: https://ai.google.dev/api/generate-content. */
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
} from './dialect.ts';

const FINISH_REASONS: Readonly<Record<Finish, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  tool_calls: 'STOP',
  content_filter: 'SAFETY',
  refusal: 'SAFETY',
};

const FAILURES: Readonly<Record<Failure, readonly [number, string]>> = {
  bad_request: [400, 'INVALID_ARGUMENT'],
  unauthorized: [401, 'UNAUTHENTICATED'],
  rate_limited: [429, 'RESOURCE_EXHAUSTED'],
  server_error: [500, 'INTERNAL'],
  overloaded: [503, 'UNAVAILABLE'],
};

type Content = { role: 'user' | 'model'; parts: unknown[] };

function content(turn: Turn): Content {
  switch (turn.role) {
    case 'user':
      return { role: 'user', parts: [{ text: turn.text }] };
    case 'tool':
      return {
        role: 'user',
        parts: [
          {
            functionResponse: {
              ...(turn.callId === '' ? {} : { id: turn.callId }),
              name: turn.name,
              response: turn.failed === true ? { error: turn.result } : { output: turn.result },
            },
          },
        ],
      };
    case 'assistant':
      return {
        role: 'model',
        parts: [...(turn.text === '' ? [] : [{ text: turn.text }]), ...turn.toolCalls.map(call)],
      };
  }
}

function call(tool: Reply['toolCalls'][number]): unknown {
  const id = tool.id === '' ? {} : { id: tool.id };
  return { functionCall: { ...id, name: tool.name, args: JSON.parse(tool.arguments) as unknown } };
}

function contents(turns: readonly Turn[]): Content[] {
  const list: Content[] = [];
  let previous: Turn | undefined;
  for (const turn of turns) {
    if (turn.role === 'tool' && previous?.role === 'tool') list.at(-1)!.parts.push(...content(turn).parts);
    else list.push(content(turn));
    previous = turn;
  }
  return list;
}

function request(ask: Ask): unknown {
  return {
    contents: contents(ask.turns),
    ...(ask.system === '' ? {} : { systemInstruction: { role: 'user', parts: [{ text: ask.system }] } }),
    ...(ask.tools.length === 0
      ? {}
      : {
          tools: [
            {
              functionDeclarations: ask.tools.map((tool) => ({
                name: tool.name,
                description: tool.description,
                parametersJsonSchema: toolSchema(tool),
              })),
            },
          ],
        }),
    generationConfig: { maxOutputTokens: ask.maxTokens },
  };
}

/** candidatesTokenCount doesn't contain the thoughts here: the total tells. */
function usageMetadata(reply: Reply, share: number): Record<string, unknown> {
  const { input, cacheRead, output, reasoning } = reply.usage;
  const candidates = Math.round((output - reasoning) * share);
  return {
    promptTokenCount: input,
    candidatesTokenCount: candidates,
    totalTokenCount: input + candidates + reasoning,
    ...(cacheRead === 0 ? {} : { cachedContentTokenCount: cacheRead }),
    ...(reasoning === 0 ? {} : { thoughtsTokenCount: reasoning }),
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: input }],
  };
}

function chunk(reply: Reply, parts: unknown[], finish: string | null, share: number): unknown {
  return {
    candidates: [
      {
        ...(parts.length === 0 ? {} : { content: { parts, role: 'model' } }),
        ...(finish === null ? {} : { finishReason: finish }),
        index: 0,
      },
    ],
    usageMetadata: usageMetadata(reply, share),
    modelVersion: reply.model,
    responseId: reply.id,
  };
}

function json(reply: Reply): unknown {
  const parts: unknown[] = [];
  if (reply.reasoning !== '') parts.push({ text: reply.reasoning, thought: true });
  if (reply.text !== '') parts.push({ text: reply.text });
  parts.push(...reply.toolCalls.map(call));
  return chunk(reply, parts, FINISH_REASONS[reply.finish], 1);
}

function events(reply: Reply, cut: Cutter): StreamEvent[] {
  const parts: unknown[] = [
    ...(reply.reasoning === '' ? [] : cut(reply.reasoning).map((text) => ({ text, thought: true }))),
    ...(reply.text === '' ? [] : cut(reply.text).map((text) => ({ text }))),
    ...reply.toolCalls.map(call),
  ];
  return parts.map((part, index) => {
    const last = index === parts.length - 1;
    const finish = last ? FINISH_REASONS[reply.finish] : null;
    return event('', chunk(reply, [part], finish, (index + 1) / parts.length), { token: true, end: last });
  });
}

function failure(kind: Failure, message: string): FailureReply {
  const [status, errorType] = FAILURES[kind];
  return { status, errorType, body: { error: { code: status, message, status: errorType } } };
}

function target(ask: Ask, key: string): string {
  const query = [
    ...(ask.streaming && ask.jsonList !== true ? ['alt=sse'] : []),
    ...(key === '' ? [] : [`key=${key}`]),
  ].join('&');
  const method = ask.streaming ? 'streamGenerateContent' : 'generateContent';
  return `/v1beta/models/${ask.model}:${method}${query === '' ? '' : `?${query}`}`;
}

export const geminiGenerateContent: Dialect = {
  name: 'gemini.generate_content',
  framing: 'sse',
  tells: TELLS,
  tellsStreamEarly: true,
  idPrefixes: ['', 'fc_'],
  toldAs: { refusal: 'content_filter' },
  target,
  headers: (key) => [['x-goog-api-key', key]],
  request,
  json,
  events,
  failure,
  streamFailure: (message) => ({
    errorType: 'UNAVAILABLE',
    event: event('', { error: { code: 503, message, status: 'UNAVAILABLE' } }, { end: true }),
  }),
};
