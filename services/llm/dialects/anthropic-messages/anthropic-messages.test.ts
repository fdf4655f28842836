import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_STREAM, observe, observeCall, type Script, START, sse } from '../../testing.ts';

const REQUEST = {
  model: 'claude-sonnet-4-5',
  max_tokens: 1024,
  stream: true,
  metadata: { user_id: '{"device_id":"d1","account_uuid":"","session_id":"s-1"}' },
  system: [{ type: 'text', text: 'Be kind.' }],
  tools: [
    { name: 'read', input_schema: {} },
    { type: 'web_search_20250305', name: 'web_search' },
  ],
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: '<system-reminder>x</system-reminder>' },
        { type: 'text', text: 'Hello 👋' },
      ],
    },
    { role: 'assistant', content: [{ type: 'tool_use', id: 't0', name: 'read', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't0', content: 'the file' }] },
  ],
};

const START_EVENT = [
  'message_start',
  {
    type: 'message_start',
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5-20250929',
      content: [],
      stop_reason: null,
      usage: {
        input_tokens: 10,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 30,
        cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 10 },
        output_tokens: 1,
      },
    },
  },
] as const;
const block = (index: number, content_block: unknown) =>
  ['content_block_start', { type: 'content_block_start', index, content_block }] as const;
const delta = (index: number, value: unknown) =>
  ['content_block_delta', { type: 'content_block_delta', index, delta: value }] as const;
const stop = (index: number) => ['content_block_stop', { type: 'content_block_stop', index }] as const;
const finish = (stop_reason: string, output_tokens: number) =>
  [
    'message_delta',
    { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens } },
  ] as const;
const PING = ['ping', { type: 'ping' }] as const;
const STOP = ['message_stop', { type: 'message_stop' }] as const;

const EVENTS = [
  START_EVENT,
  PING,
  block(0, { type: 'thinking', thinking: '', signature: '' }),
  delta(0, { type: 'thinking_delta', thinking: '' }),
  delta(0, { type: 'thinking_delta', thinking: 'Hm.' }),
  delta(0, { type: 'signature_delta', signature: 'sig' }),
  stop(0),
  block(1, { type: 'text', text: '' }),
  delta(1, { type: 'text_delta', text: 'Let me ' }),
  delta(1, { type: 'text_delta', text: 'look.' }),
  stop(1),
  block(2, { type: 'tool_use', id: 'toolu_1', name: 'read', input: {} }),
  block(3, { type: 'tool_use', id: 'toolu_2', name: 'grep', input: {} }),
  delta(3, { type: 'input_json_delta', partial_json: '{"q": ' }),
  delta(2, { type: 'input_json_delta', partial_json: '{"path": ' }),
  delta(3, { type: 'input_json_delta', partial_json: '"b"}' }),
  delta(2, { type: 'input_json_delta', partial_json: '"a"}' }),
  stop(2),
  stop(3),
  block(4, { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: {} }),
  finish('tool_use', 57),
  STOP,
];

const STREAM: Script = {
  request: REQUEST,
  requestHeaders: { 'anthropic-version': '2023-06-01', 'user-agent': 'claude-cli/2.1.330 (external, cli)' },
  responseHeaders: EVENT_STREAM,
  response: sse(EVENTS),
};

test('a stream tells all facts of its call', () => {
  const call = observeCall(STREAM);
  assert.equal(call.dialect, 'anthropic.messages');
  assert.equal(call.provider, 'anthropic');
  assert.deepEqual([call.requestedModel, call.model], ['claude-sonnet-4-5', 'claude-sonnet-4-5-20250929']);
  assert.equal(call.responseId, 'msg_1');
  assert.equal(call.streaming, true);
  assert.deepEqual([call.outcome, call.completeness, call.missingBytes], ['ok', 'full', 0]);
  assert.deepEqual([call.finishReason, call.finishReasonRaw], ['tool_calls', 'tool_use']);
  assert.deepEqual(
    [call.agentId, call.identitySource, call.clientVersion],
    ['claude-code', 'client_profile', '2.1.330'],
  );
  assert.deepEqual([call.sessionId, call.sessionSource, call.userId], ['s-1', 'body', 'd1']);
  assert.deepEqual([call.promptPreview, call.answerPreview], ['Hello 👋', 'Let me look.']);
  assert.deepEqual([call.messageCount, call.maxOutputTokens], [3, 1024]);
  assert.deepEqual(call.offeredTools, ['read', 'web_search']);
});

test('input is the total with what was cached, and the last output count wins', () => {
  const call = observeCall(STREAM);
  assert.equal(call.inputTokens, 140);
  assert.deepEqual([call.cacheReadTokens, call.cacheWriteTokens], [100, 30]);
  assert.deepEqual([call.cacheWrite5mTokens, call.cacheWrite1hTokens], [20, 10]);
  assert.equal(call.outputTokens, 57);
  assert.equal(call.usageSource, 'reported');
  const micro = 10 * 3 + 100 * 0.3 + 20 * 3.75 + 10 * 6 + 57 * 15;
  assert.ok(Math.abs(call.costUsd! - micro / 1e6) < 1e-12);
});

test('parallel tool calls are kept apart by index, with the arguments as the model wrote them', () => {
  const call = observeCall(STREAM);
  assert.deepEqual(call.toolNames, ['read', 'grep', 'web_search']);
  assert.deepEqual(call.toolCallIds, ['toolu_1', 'toolu_2', 'srv_1']);
  assert.deepEqual(call.toolArguments, ['{"path": "a"}', '{"q": "b"}', '{}']);
});

test('the first token is the first content, not the start, a ping or an empty delta', () => {
  const call = observeCall(STREAM);
  assert.equal(call.firstToken, START + 10_000 + 4 * 1000);
  assert.equal(call.ttftMs, 13);
  assert.deepEqual([call.tokenGapP50Ms, call.tokenGapMaxMs], [1, 4]);
});

test('the stored answer has the shape of a message that was not streamed', () => {
  const { calls, contents } = observe([STREAM]);
  const stored = contents.find((content) => content.hash === calls[0]!.responseContent);
  const message = JSON.parse(stored!.text);
  assert.deepEqual(message.content[0], { type: 'thinking', thinking: 'Hm.', signature: 'sig' });
  assert.deepEqual(message.content[2], { type: 'tool_use', id: 'toolu_1', name: 'read', input: { path: 'a' } });
  assert.equal(message.stop_reason, 'tool_use');
  assert.equal(message.usage.output_tokens, 57);
});

test('an error event inside a 200 is a stream error with its type', () => {
  const error = ['error', { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }] as const;
  const call = observeCall({ ...STREAM, response: sse([...EVENTS.slice(0, 9), error]) });
  assert.deepEqual(
    [call.outcome, call.errorType, call.errorMessage],
    ['stream_error', 'overloaded_error', 'Overloaded'],
  );
  assert.equal(call.answerPreview, 'Let me ');
  assert.equal(call.outputTokens, null, 'the count of message_start is only a beginning');
  assert.equal(call.inputTokens, 140);
});

const ENDS = [
  { end: 'client_close', outcome: 'client_abort', completeness: 'full' },
  { end: 'server_close', outcome: 'upstream_abort', completeness: 'full' },
  { end: 'timeout', outcome: 'timeout', completeness: 'tail_missing' },
  { end: 'capture_end', outcome: 'partial_capture', completeness: 'tail_missing' },
] as const;
for (const { end, outcome, completeness } of ENDS) {
  test(`a stream without its end is ${outcome} and ${completeness} after ${end}; with it, it is whole`, () => {
    const cut = observeCall({ ...STREAM, response: sse(EVENTS.slice(0, 10)), end, responseState: 'cut' });
    assert.deepEqual([cut.outcome, cut.completeness], [outcome, completeness]);
    const whole = observeCall({ ...STREAM, end, responseState: 'cut' });
    assert.deepEqual([whole.outcome, whole.completeness], ['ok', 'full']);
  });
}

test('a client that gives up before the first byte is a call', () => {
  const call = observeCall({ ...STREAM, status: 0, end: 'client_close' });
  assert.deepEqual([call.outcome, call.completeness, call.status], ['client_abort', 'full', 0]);
  assert.deepEqual([call.firstByte, call.responseEnd, call.ttftMs], [null, null, null]);
  assert.equal(call.requestedModel, 'claude-sonnet-4-5');
});

test('a hole in the stream is flagged and what stands around it is kept', () => {
  const pieces = sse(EVENTS);
  const call = observeCall({ ...STREAM, response: [...pieces.slice(0, 8), { gap: 40 }, ...pieces.slice(9)] });
  assert.deepEqual([call.completeness, call.missingBytes], ['gap', 40]);
  assert.equal(call.outputTokens, 57);
  assert.equal(call.responseId, 'msg_1');
});

test('a whole answer in one JSON body has no time to first token', () => {
  const answer = {
    id: 'msg_2',
    type: 'message',
    role: 'assistant',
    model: 'claude-haiku-4-5',
    content: [
      { type: 'text', text: 'I can’t.' },
      { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } },
    ],
    stop_reason: 'refusal',
    usage: { input_tokens: 3, output_tokens: 4 },
  };
  const call = observeCall({ request: REQUEST, response: [[9000, JSON.stringify(answer)]] });
  assert.deepEqual([call.outcome, call.finishReason], ['refused', 'refusal']);
  assert.deepEqual([call.ttftMs, call.firstToken, call.tokenGapMaxMs], [null, null, null]);
  assert.deepEqual([call.inputTokens, call.outputTokens, call.cacheReadTokens], [3, 4, null]);
  assert.deepEqual(call.toolArguments, ['{"a":1}']);
  assert.equal(call.durationMs, 9);
});

test('an HTTP error is a call with the type and message of its body, without a key that it quotes', () => {
  const body = {
    type: 'error',
    error: { type: 'authentication_error', message: 'bad key sk-ant-api03-abcdefghijklmnop' },
  };
  const { calls, contents } = observe([{ request: '{}', status: 401, response: [[5000, JSON.stringify(body)]] }]);
  assert.deepEqual([calls[0]!.outcome, calls[0]!.errorType], ['http_error', 'authentication_error']);
  assert.ok(!JSON.stringify([calls, contents]).includes('abcdefghijklmnop'));
});

test('control-plane requests and POSTs without the shape of a call are exchanges', () => {
  for (const path of ['/v1/messages/count_tokens', '/v1/messages/batches', '/v1/models', '/v1/files']) {
    const seen = observe([{ ...STREAM, path, response: [[5000, '{"input_tokens":5}']], responseHeaders: {} }]);
    assert.deepEqual([seen.calls.length, seen.exchanges.length], [0, 1], path);
  }
  const probe = observe([{ request: { ping: true }, response: [[5000, '{}']] }]);
  assert.deepEqual([probe.calls.length, probe.exchanges.length], [0, 1]);
});

test('a request whose body was lost is a call by its path', () => {
  const call = observeCall({
    requestPieces: [[500, '{"model":"claude-x","messages":[{"role":"us'], { gap: 900 }],
    request: undefined,
    requestState: 'lost',
    responseHeaders: EVENT_STREAM,
    response: sse(EVENTS),
  });
  assert.deepEqual([call.requestedModel, call.completeness, call.outcome], ['claude-x', 'gap', 'ok']);
});

test('an answer whose request was never seen is recognised by its events', () => {
  const call = observeCall({ ...STREAM, request: null });
  assert.deepEqual(
    [call.dialect, call.completeness, call.model],
    ['anthropic.messages', 'head_missing', 'claude-sonnet-4-5-20250929'],
  );
  assert.deepEqual([call.requestStart, call.durationMs], [null, null]);
});

test('zeros that a gateway fills in do not replace counts of input', () => {
  const zeros = [
    'message_delta',
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { input_tokens: 0, output_tokens: 9 } },
  ] as const;
  const call = observeCall({ ...STREAM, response: sse([START_EVENT, zeros, STOP]) });
  assert.deepEqual([call.inputTokens, call.outputTokens], [140, 9]);
});

test('on Vertex the model and the kind of answer are in the path, and counting tokens is no call', () => {
  const base = '/v1/projects/p-1/locations/europe-west1/publishers/anthropic/models/';
  const request = { anthropic_version: 'vertex-2023-10-16', max_tokens: 9, messages: REQUEST.messages };
  const path = `${base}claude-sonnet-4-5@20250929:streamRawPredict`;
  const call = observeCall({ ...STREAM, path, request });
  assert.deepEqual(
    [call.dialect, call.provider, call.requestedModel],
    ['anthropic.messages', 'gcp.vertex_ai', 'claude-sonnet-4-5@20250929'],
  );
  assert.equal(call.streaming, true);
  const unanswered = observeCall({ path, request, status: 0, end: 'client_close' });
  assert.equal(unanswered.streaming, true);
  const counted = observe([
    { path: `${base}count-tokens:rawPredict`, request, response: [[5000, '{"input_tokens":5}']] },
  ]);
  assert.deepEqual([counted.calls.length, counted.exchanges.length], [0, 1]);
});
