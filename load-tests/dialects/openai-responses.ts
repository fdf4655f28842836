/** OpenAI Responses API: https://platform.openai.com/docs/api-reference/responses and /responses-streaming. */
import {
  type Ask,
  type Cutter,
  type Dialect,
  event,
  type Finish,
  type Reply,
  type StreamEvent,
  TELLS,
  type ToolCall,
  type Turn,
  toolSchema,
  weave,
} from './dialect.ts';
import { openaiFailure } from './openai-chat.ts';

type Item = Record<string, unknown>;

function inputItems(turn: Turn): Item[] {
  switch (turn.role) {
    case 'user':
      return [{ role: 'user', content: [{ type: 'input_text', text: turn.text }] }];
    case 'tool':
      return [{ type: 'function_call_output', call_id: turn.callId, output: turn.result }];
    case 'assistant': {
      const text = { role: 'assistant', content: [{ type: 'output_text', text: turn.text }] };
      const calls = turn.toolCalls.map((call) => ({
        type: 'function_call',
        call_id: call.id,
        name: call.name,
        arguments: call.arguments,
      }));
      return turn.text === '' ? calls : [text, ...calls];
    }
  }
}

function request(ask: Ask): unknown {
  return {
    model: ask.model,
    ...(ask.system === '' ? {} : { instructions: ask.system }),
    input: ask.turns.flatMap(inputItems),
    max_output_tokens: ask.maxTokens,
    ...(ask.tools.length === 0
      ? {}
      : {
          tools: ask.tools.map((tool) => ({
            type: 'function',
            name: tool.name,
            description: tool.description,
            parameters: toolSchema(tool),
            strict: false,
          })),
        }),
    ...(ask.user === '' ? {} : { user: ask.user }),
    ...(ask.streaming ? { stream: true } : {}),
  };
}

const itemId = (kind: string, reply: Reply, index: number): string => `${kind}_${reply.id.slice(5)}${index}`;

function reasoningItem(reply: Reply, index: number, done: boolean): Item {
  const summary = done ? [{ type: 'summary_text', text: reply.reasoning }] : [];
  return { id: itemId('rs', reply, index), type: 'reasoning', summary };
}

function textPart(reply: Reply, text: string): Item {
  if (reply.finish === 'refusal') return { type: 'refusal', refusal: text };
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function messageItem(reply: Reply, index: number, done: boolean): Item {
  return {
    id: itemId('msg', reply, index),
    type: 'message',
    status: done ? 'completed' : 'in_progress',
    role: 'assistant',
    content: done ? [textPart(reply, reply.text)] : [],
  };
}

function callItem(reply: Reply, call: ToolCall, index: number, done: boolean): Item {
  return {
    id: itemId('fc', reply, index),
    type: 'function_call',
    status: done ? 'completed' : 'in_progress',
    call_id: call.id,
    name: call.name,
    ...(call.namespace === undefined ? {} : { namespace: call.namespace }),
    arguments: done ? call.arguments : '',
  };
}

function output(reply: Reply): Item[] {
  const items: Item[] = [];
  if (reply.reasoning !== '') items.push(reasoningItem(reply, items.length, true));
  if (reply.text !== '') items.push(messageItem(reply, items.length, true));
  for (const call of reply.toolCalls) items.push(callItem(reply, call, items.length, true));
  return items;
}

const INCOMPLETE: Readonly<Partial<Record<Finish, string>>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

function response(reply: Reply, status: string, done: boolean): Item {
  const { input, cacheRead, output: outputTokens, reasoning } = reply.usage;
  const reason = INCOMPLETE[reply.finish];
  return {
    id: reply.id,
    object: 'response',
    created_at: reply.created,
    status,
    error: null,
    incomplete_details: done && reason !== undefined ? { reason } : null,
    instructions: null,
    max_output_tokens: null,
    model: reply.model,
    output: done ? output(reply) : [],
    parallel_tool_calls: true,
    previous_response_id: null,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    metadata: {},
    usage: done
      ? {
          input_tokens: input,
          input_tokens_details: { cached_tokens: cacheRead },
          output_tokens: outputTokens,
          output_tokens_details: { reasoning_tokens: reasoning },
          total_tokens: input + outputTokens,
        }
      : null,
  };
}

const finalStatus = (reply: Reply): 'completed' | 'incomplete' =>
  INCOMPLETE[reply.finish] === undefined ? 'completed' : 'incomplete';

type Draft = { type: string; fields: Item; token?: boolean; end?: boolean };

function reasoningEvents(reply: Reply, index: number, cut: Cutter): Draft[] {
  const at = { item_id: itemId('rs', reply, index), output_index: index, summary_index: 0 };
  const part = { type: 'summary_text', text: '' };
  return [
    { type: 'response.output_item.added', fields: { output_index: index, item: reasoningItem(reply, index, false) } },
    { type: 'response.reasoning_summary_part.added', fields: { ...at, part } },
    ...cut(reply.reasoning).map((delta) => ({
      type: 'response.reasoning_summary_text.delta',
      fields: { ...at, delta },
      token: true,
    })),
    { type: 'response.reasoning_summary_text.done', fields: { ...at, text: reply.reasoning } },
    {
      type: 'response.reasoning_summary_part.done',
      fields: { ...at, part: { type: 'summary_text', text: reply.reasoning } },
    },
    { type: 'response.output_item.done', fields: { output_index: index, item: reasoningItem(reply, index, true) } },
  ];
}

function textEvents(reply: Reply, index: number, cut: Cutter): Draft[] {
  const at = { item_id: itemId('msg', reply, index), output_index: index, content_index: 0 };
  const kind = reply.finish === 'refusal' ? 'refusal' : 'output_text';
  const field = reply.finish === 'refusal' ? 'refusal' : 'text';
  return [
    { type: 'response.output_item.added', fields: { output_index: index, item: messageItem(reply, index, false) } },
    { type: 'response.content_part.added', fields: { ...at, part: textPart(reply, '') } },
    ...cut(reply.text).map((delta) => ({ type: `response.${kind}.delta`, fields: { ...at, delta }, token: true })),
    { type: `response.${kind}.done`, fields: { ...at, [field]: reply.text } },
    { type: 'response.content_part.done', fields: { ...at, part: textPart(reply, reply.text) } },
    { type: 'response.output_item.done', fields: { output_index: index, item: messageItem(reply, index, true) } },
  ];
}

function callEvents(reply: Reply, first: number, cut: Cutter): Draft[] {
  const at = (index: number): Item => ({ item_id: itemId('fc', reply, first + index), output_index: first + index });
  const begin = (call: ToolCall, index: number): Draft => ({
    type: 'response.output_item.added',
    fields: { output_index: first + index, item: callItem(reply, call, first + index, false) },
  });
  const piece = (index: number, delta: string): Draft => ({
    type: 'response.function_call_arguments.delta',
    fields: { ...at(index), delta },
    token: true,
  });
  const finish = (call: ToolCall, index: number): Draft[] => [
    { type: 'response.function_call_arguments.done', fields: { ...at(index), arguments: call.arguments } },
    {
      type: 'response.output_item.done',
      fields: { output_index: first + index, item: callItem(reply, call, first + index, true) },
    },
  ];
  if (!reply.interleaved) {
    return reply.toolCalls.flatMap((call, index) => [
      begin(call, index),
      ...cut(call.arguments).map((text) => piece(index, text)),
      ...finish(call, index),
    ]);
  }
  const pieces = weave(
    reply.toolCalls.map((call) => cut(call.arguments)),
    true,
  );
  return [
    ...reply.toolCalls.map(begin),
    ...pieces.map((each) => piece(each.index, each.piece)),
    ...reply.toolCalls.flatMap(finish),
  ];
}

function events(reply: Reply, cut: Cutter): StreamEvent[] {
  const early = response(reply, 'in_progress', false);
  const drafts: Draft[] = [
    { type: 'response.created', fields: { response: early } },
    { type: 'response.in_progress', fields: { response: early } },
  ];
  let index = 0;
  if (reply.reasoning !== '') drafts.push(...reasoningEvents(reply, index++, cut));
  if (reply.text !== '') drafts.push(...textEvents(reply, index++, cut));
  drafts.push(...callEvents(reply, index, cut));
  const status = finalStatus(reply);
  drafts.push({ type: `response.${status}`, fields: { response: response(reply, status, true) }, end: true });
  return drafts.map(({ type, fields, token, end }, number) =>
    event(type, { type, sequence_number: number, ...fields }, { token: token ?? false, end: end ?? false }),
  );
}

export const openaiResponses: Dialect = {
  name: 'openai.responses',
  framing: 'sse',
  tells: TELLS,
  idPrefixes: ['resp_', 'call_'],
  toldAs: {},
  target: () => '/v1/responses',
  headers: (key) => [['authorization', `Bearer ${key}`]],
  request,
  json: (reply) => response(reply, finalStatus(reply), true),
  events,
  failure: openaiFailure,
  streamFailure: (message) => ({
    errorType: 'server_error',
    event: event(
      'error',
      { type: 'error', sequence_number: 99, code: 'server_error', message, param: null },
      { end: true },
    ),
  }),
};
