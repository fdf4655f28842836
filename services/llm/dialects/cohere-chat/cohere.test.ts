import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_STREAM, observe, observeCall, type Script, START, sse } from '../../testing.ts';

const event = (type: string, more: object = {}) => [type, { type, ...more }] as const;
const delta = (message: unknown) => ({ delta: { message } });
const USAGE = {
  billed_units: { input_tokens: 5, output_tokens: 9 },
  tokens: { input_tokens: 71, output_tokens: 9 },
  cached_tokens: 64,
};
const V2: Script = {
  path: '/v2/chat',
  request: {
    model: 'command-a-03-2025',
    stream: true,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    tools: [{ type: 'function', function: { name: 'read', parameters: {} } }],
    max_tokens: 64,
    temperature: 0.3,
  },
  responseHeaders: EVENT_STREAM,
  response: sse([
    event('message-start', { id: 'c-1', ...delta({ role: 'assistant', content: [], tool_plan: '' }) }),
    event('tool-plan-delta', delta({ tool_plan: 'I will read.' })),
    event('content-start', { index: 0, ...delta({ content: { type: 'thinking', thinking: '' } }) }),
    event('content-delta', { index: 0, ...delta({ content: { thinking: 'Hm' } }) }),
    event('content-end', { index: 0 }),
    event('content-start', { index: 1, ...delta({ content: { type: 'text', text: '' } }) }),
    event('content-delta', { index: 1, ...delta({ content: { text: 'Hel' } }) }),
    event('content-delta', { index: 1, ...delta({ content: { text: 'lo' } }) }),
    event('content-end', { index: 1 }),
    event('tool-call-start', {
      index: 0,
      ...delta({ tool_calls: { id: 'read_1', type: 'function', function: { name: 'read', arguments: '' } } }),
    }),
    event('tool-call-delta', { index: 0, ...delta({ tool_calls: { function: { arguments: '{"a"' } } }) }),
    event('tool-call-delta', { index: 0, ...delta({ tool_calls: { function: { arguments: ':1}' } } }) }),
    event('tool-call-end', { index: 0 }),
    event('message-end', { delta: { finish_reason: 'TOOL_CALL', usage: USAGE } }),
  ]),
};

test('version 2: a stream tells all facts of its call', () => {
  const call = observeCall(V2);
  assert.deepEqual([call.dialect, call.provider, call.requestedModel], ['cohere.chat', 'cohere', 'command-a-03-2025']);
  assert.deepEqual([call.inputTokens, call.cacheReadTokens, call.outputTokens], [71, 64, 9]);
  assert.deepEqual([call.outcome, call.finishReason, call.responseId], ['ok', 'tool_calls', 'c-1']);
  assert.deepEqual([call.toolNames, call.toolCallIds, call.toolArguments], [['read'], ['read_1'], ['{"a":1}']]);
  assert.deepEqual([call.promptPreview, call.answerPreview, call.offeredTools], ['Hi', 'Hello', ['read']]);
  assert.equal(call.firstToken, START + 11_000);
});

test('version 2: the message that a stream is put together to is read like a whole answer', () => {
  const { contents } = observe([V2]);
  const text = contents.find(({ kind }) => kind === 'response')!.text;
  const whole = observeCall({ ...V2, responseHeaders: {}, response: [[9000, text]] });
  assert.deepEqual(
    [whole.answerPreview, whole.toolNames, whole.inputTokens, whole.finishReason],
    ['Hello', ['read'], 71, 'tool_calls'],
  );
  assert.deepEqual(JSON.parse(text).message.content[0], { type: 'thinking', thinking: 'Hm' });
  const cut = observeCall({ ...V2, response: V2.response!.slice(0, 8), end: 'client_close', responseState: 'cut' });
  assert.deepEqual([cut.outcome, cut.answerPreview, cut.usageSource], ['client_abort', 'Hello', 'none']);
});

const V1_END = {
  response_id: 'r-1',
  generation_id: 'g-1',
  text: 'Hello',
  finish_reason: 'COMPLETE',
  tool_calls: [{ name: 'read', parameters: { a: 1 } }],
  meta: { billed_units: { input_tokens: 5, output_tokens: 9 }, tokens: { input_tokens: 71, output_tokens: 9 } },
};
const V1: Script = {
  path: '/v1/chat',
  request: {
    message: 'Hi',
    model: 'command-r',
    stream: true,
    preamble: 'Be kind.',
    chat_history: [{ role: 'USER', message: 'Before' }],
    tools: [{ name: 'read', description: '', parameter_definitions: {} }],
  },
  responseHeaders: { 'content-type': 'application/stream+json' },
  response: [
    { is_finished: false, event_type: 'stream-start', generation_id: 'g-1' },
    { is_finished: false, event_type: 'text-generation', text: 'Hel' },
    { is_finished: false, event_type: 'text-generation', text: 'lo' },
    { is_finished: false, event_type: 'tool-calls-generation', tool_calls: V1_END.tool_calls },
    { is_finished: true, event_type: 'stream-end', finish_reason: 'COMPLETE', response: V1_END },
  ].map((each, n) => [10_000 + n * 1000, `${JSON.stringify(each)}\n`] as const),
};

test('version 1: lines of JSON, and whole answers, tell all facts', () => {
  const whole = observeCall({ ...V1, responseHeaders: {}, response: [[9000, JSON.stringify(V1_END)]] });
  for (const call of [observeCall(V1), whole]) {
    assert.deepEqual([call.dialect, call.requestedModel, call.responseId], ['cohere.chat_v1', 'command-r', 'r-1']);
    assert.deepEqual([call.inputTokens, call.outputTokens, call.finishReason], [71, 9, 'tool_calls']);
    assert.deepEqual([call.promptPreview, call.answerPreview, call.toolArguments], ['Hi', 'Hello', ['{"a":1}']]);
  }
  assert.equal(observeCall(V1).firstToken, START + 11_000);
  const cut = observeCall({ ...V1, response: V1.response!.slice(0, 2), end: 'server_close', responseState: 'cut' });
  assert.deepEqual([cut.outcome, cut.answerPreview], ['upstream_abort', 'Hel']);
});
