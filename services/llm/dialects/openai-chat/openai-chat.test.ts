import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_STREAM, observe, observeCall, type Script, START, sse } from '../../testing.ts';
import { readUsage } from '../shared/openai-usage.ts';

const REQUEST = {
  model: 'gpt-5-mini',
  messages: [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
  ],
  tools: [{ type: 'function', function: { name: 'read', parameters: {} } }],
  max_completion_tokens: 99,
  temperature: 0.5,
  user: 'u-1',
};
const chunk = (delta: unknown, finish_reason: string | null = null, index = 0) =>
  [
    '',
    {
      id: 'c1',
      object: 'chat.completion.chunk',
      created: 1,
      model: 'gpt-5-mini-2025-08-07',
      choices: [{ index, delta, finish_reason }],
    },
  ] as const;
const USAGE = {
  prompt_tokens: 20,
  completion_tokens: 8,
  total_tokens: 28,
  prompt_tokens_details: { cached_tokens: 5 },
  completion_tokens_details: { reasoning_tokens: 3 },
};
const USAGE_CHUNK = [
  '',
  { id: 'c1', object: 'chat.completion.chunk', model: 'gpt-5-mini-2025-08-07', choices: [], usage: USAGE },
] as const;
const DONE = ['', '[DONE]'] as const;
const EVENTS = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ reasoning_content: 'Hm' }),
  chunk({ content: 'Hel' }),
  chunk({ content: 'lo' }),
  chunk({ tool_calls: [{ index: 0, id: 'call_a', type: 'function', function: { name: 'read', arguments: '' } }] }),
  chunk({ tool_calls: [{ index: 1, id: 'call_b', type: 'function', function: { name: 'grep', arguments: '' } }] }),
  chunk({
    tool_calls: [
      { index: 0, function: { arguments: '{"a"' } },
      { index: 1, function: { arguments: '{"b":' } },
    ],
  }),
  chunk({
    tool_calls: [
      { index: 1, function: { arguments: '2}' } },
      { index: 0, function: { arguments: ': 1}' } },
    ],
  }),
  chunk({}, 'tool_calls'),
];
const SCRIPT: Script = {
  path: '/v1/chat/completions',
  request: { ...REQUEST, stream: true },
  responseHeaders: EVENT_STREAM,
  response: sse([...EVENTS, USAGE_CHUNK, DONE]),
};

test('a stream tells all facts of its call', () => {
  const call = observeCall(SCRIPT);
  assert.deepEqual([call.dialect, call.provider, call.model], ['openai.chat', 'openai', 'gpt-5-mini-2025-08-07']);
  assert.deepEqual([call.inputTokens, call.cacheReadTokens, call.outputTokens, call.reasoningTokens], [20, 5, 8, 3]);
  assert.deepEqual([call.outcome, call.finishReason, call.responseId], ['ok', 'tool_calls', 'c1']);
  assert.deepEqual(call.toolNames, ['read', 'grep']);
  assert.deepEqual(call.toolCallIds, ['call_a', 'call_b']);
  assert.deepEqual(call.toolArguments, ['{"a": 1}', '{"b":2}']);
  assert.deepEqual([call.promptPreview, call.answerPreview, call.userId], ['Hi', 'Hello', 'u-1']);
  assert.deepEqual([call.maxOutputTokens, call.temperature, call.messageCount], [99, 0.5, 2]);
  assert.equal(call.firstToken, START + 11_000, 'reasoning is content, the role is not');
});

test('the usage is null and says so when the stream tells none', () => {
  const call = observeCall({ ...SCRIPT, response: sse([...EVENTS, DONE]) });
  assert.deepEqual([call.usageSource, call.inputTokens, call.costUsd, call.outcome], ['none', null, null, 'ok']);
});

test('a stream without [DONE] is whole when HTTP ended it, and aborted when the connection broke', () => {
  const response = sse(EVENTS);
  assert.equal(observeCall({ ...SCRIPT, response }).outcome, 'ok');
  const broken = observeCall({ ...SCRIPT, response, end: 'server_close', responseState: 'cut' });
  assert.equal(broken.outcome, 'upstream_abort');
});

test('an error inside the stream is a stream error', () => {
  const error = ['', { error: { message: 'boom', type: 'server_error', param: null, code: null } }] as const;
  const call = observeCall({ ...SCRIPT, response: sse([...EVENTS.slice(0, 3), error]) });
  assert.deepEqual([call.outcome, call.errorType, call.errorMessage], ['stream_error', 'server_error', 'boom']);
});

test('several choices are put together each by itself', () => {
  const response = sse([
    chunk({ content: 'a' }, null, 1),
    chunk({ content: 'b' }),
    chunk({}, 'stop', 1),
    chunk({}, 'length'),
    DONE,
  ]);
  const { calls, contents } = observe([{ ...SCRIPT, response }]);
  const stored = JSON.parse(contents.find((content) => content.kind === 'response')!.text);
  assert.deepEqual(
    stored.choices.map((choice: { message: { content: string } }) => choice.message.content),
    ['b', 'a'],
  );
  assert.deepEqual([calls[0]!.finishReason, calls[0]!.answerPreview], ['length', 'b']);
});

test('a legacy function call is a tool call', () => {
  const response = sse([
    chunk({ function_call: { name: 'f', arguments: '{"x"' } }),
    chunk({ function_call: { arguments: ':1}' } }),
    chunk({}, 'function_call'),
    DONE,
  ]);
  const call = observeCall({ ...SCRIPT, response });
  assert.deepEqual([call.toolNames, call.toolArguments, call.finishReason], [['f'], ['{"x":1}'], 'tool_calls']);
});

test('a refusal is told by its text, whatever the finish reason', () => {
  const choices = [{ index: 0, message: { role: 'assistant', content: null, refusal: 'No.' }, finish_reason: 'stop' }];
  const body = { id: 'c', object: 'chat.completion', model: 'gpt-5-mini', choices, usage: USAGE };
  const call = observeCall({
    ...SCRIPT,
    request: REQUEST,
    responseHeaders: {},
    response: [[9000, JSON.stringify(body)]],
  });
  assert.deepEqual([call.outcome, call.finishReason, call.finishReasonRaw], ['refused', 'refusal', 'stop']);
  assert.deepEqual([call.streaming, call.ttftMs], [false, null]);
});

test('Azure has the model in the path', () => {
  const path = '/openai/deployments/my-gpt/chat/completions';
  const call = observeCall({
    ...SCRIPT,
    path,
    request: { messages: [] },
    requestHeaders: { host: 'x.openai.azure.com' },
  });
  assert.deepEqual([call.requestedModel, call.provider], ['my-gpt', 'azure.ai.openai']);
});

const USAGES: readonly [string, object, readonly (number | null)[]][] = [
  ['plain', { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }, [7, null, null, 3, null]],
  [
    'Anthropic names beside, within',
    {
      prompt_tokens: 50,
      completion_tokens: 3,
      total_tokens: 53,
      cache_read_input_tokens: 30,
      cache_creation_input_tokens: 10,
    },
    [50, 30, 10, 3, null],
  ],
  [
    'Anthropic names beside, on top',
    {
      prompt_tokens: 10,
      completion_tokens: 3,
      total_tokens: 53,
      cache_read_input_tokens: 30,
      cache_creation_input_tokens: 10,
    },
    [50, 30, 10, 3, null],
  ],
  [
    'Anthropic names only',
    { input_tokens: 10, output_tokens: 3, cache_read_input_tokens: 30 },
    [40, 30, null, 3, null],
  ],
  ['DeepSeek', { prompt_tokens: 10, completion_tokens: 3, prompt_cache_hit_tokens: 4 }, [10, 4, null, 3, null]],
  [
    'reasoning beside',
    { prompt_tokens: 10, completion_tokens: 3, total_tokens: 20, completion_tokens_details: { reasoning_tokens: 7 } },
    [10, null, null, 10, 7],
  ],
  [
    'reasoning within',
    { prompt_tokens: 10, completion_tokens: 9, total_tokens: 19, completion_tokens_details: { reasoning_tokens: 7 } },
    [10, null, null, 9, 7],
  ],
];
for (const [name, usage, [input, cacheRead, cacheWrite, output, reasoning]] of USAGES) {
  test(`usage as told by gateways: ${name}`, () => {
    const read = readUsage(usage)!;
    assert.deepEqual(
      [read.input, read.cacheRead, read.cacheWrite, read.output, read.reasoning],
      [input, cacheRead, cacheWrite, output, reasoning],
    );
  });
}
