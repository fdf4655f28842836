import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awsMessage } from '../../../http/testing.ts';
import { observe, observeCall, type Piece, type Script, START } from '../../testing.ts';

const MODEL = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
const PATH = `/model/${encodeURIComponent(MODEL)}/converse`;
const REQUEST = {
  messages: [{ role: 'user', content: [{ text: 'Hi' }] }],
  system: [{ text: 'Be kind.' }],
  inferenceConfig: { maxTokens: 99, temperature: 0.5 },
  toolConfig: {
    tools: [{ toolSpec: { name: 'read', inputSchema: { json: {} } } }, { cachePoint: { type: 'default' } }],
  },
  requestMetadata: { user_id: 'u-1' },
};
const USAGE = {
  inputTokens: 10,
  outputTokens: 8,
  totalTokens: 30,
  cacheReadInputTokens: 5,
  cacheWriteInputTokens: 7,
  cacheDetails: [
    { inputTokens: 4, ttl: '5m' },
    { inputTokens: 3, ttl: '1h' },
  ],
};
const EVENTS: readonly (readonly [string, unknown])[] = [
  ['messageStart', { role: 'assistant', p: 'ab' }],
  ['contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { text: 'Hm' } }, p: 'abc' }],
  ['contentBlockDelta', { contentBlockIndex: 0, delta: { reasoningContent: { signature: 'sig' } }, p: 'a' }],
  ['contentBlockDelta', { contentBlockIndex: 1, delta: { text: 'Hel' }, p: 'abcdef' }],
  ['contentBlockDelta', { contentBlockIndex: 1, delta: { text: 'lo' }, p: '' }],
  ['contentBlockStop', { contentBlockIndex: 1 }],
  ['contentBlockStart', { contentBlockIndex: 2, start: { toolUse: { toolUseId: 't1', name: 'read' } } }],
  ['contentBlockStart', { contentBlockIndex: 3, start: { toolUse: { toolUseId: 't2', name: 'grep' } } }],
  ['contentBlockDelta', { contentBlockIndex: 3, delta: { toolUse: { input: '{"b": 2' } } }],
  ['contentBlockDelta', { contentBlockIndex: 2, delta: { toolUse: { input: '{"a":1}' } } }],
  ['contentBlockDelta', { contentBlockIndex: 3, delta: { toolUse: { input: '}' } } }],
  ['messageStop', { stopReason: 'tool_use' }],
  ['metadata', { usage: USAGE, metrics: { latencyMs: 100 } }],
];

const frame = (type: string, data: unknown): Buffer =>
  awsMessage(
    { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' },
    JSON.stringify(data),
  );
const frames = (events: readonly (readonly [string, unknown])[]): Piece[] =>
  events.map(([type, data], n) => [10_000 + n * 1000, frame(type, data)]);

const SCRIPT: Script = {
  path: `${PATH}-stream`,
  request: REQUEST,
  responseHeaders: { 'content-type': 'application/vnd.amazon.eventstream' },
  response: frames(EVENTS),
};

test('a stream tells all facts of its call', () => {
  const call = observeCall(SCRIPT);
  assert.deepEqual([call.dialect, call.provider, call.requestedModel], ['bedrock.converse', 'aws.bedrock', MODEL]);
  assert.deepEqual([call.inputTokens, call.cacheReadTokens, call.cacheWriteTokens, call.outputTokens], [22, 5, 7, 8]);
  assert.deepEqual([call.cacheWrite5mTokens, call.cacheWrite1hTokens], [4, 3]);
  assert.deepEqual([call.outcome, call.finishReason, call.streaming], ['ok', 'tool_calls', true]);
  assert.deepEqual(
    [call.toolNames, call.toolCallIds],
    [
      ['read', 'grep'],
      ['t1', 't2'],
    ],
  );
  assert.deepEqual(call.toolArguments, ['{"a":1}', '{"b": 2}']);
  assert.deepEqual([call.promptPreview, call.answerPreview, call.userId], ['Hi', 'Hello', 'u-1']);
  assert.deepEqual([call.maxOutputTokens, call.temperature, call.offeredTools], [99, 0.5, ['read']]);
  assert.equal(call.firstToken, START + 11_000, 'reasoning is content, the start of the message is not');
  assert.ok(call.costUsd! > 0);
});

test('a stream is stored as the answer that the API gives without streaming', () => {
  const { contents } = observe([SCRIPT]);
  const response = JSON.parse(contents.find(({ kind }) => kind === 'response')!.text);
  assert.deepEqual(response.output.message.content, [
    { reasoningContent: { reasoningText: { text: 'Hm', signature: 'sig' } } },
    { text: 'Hello' },
    { toolUse: { toolUseId: 't1', name: 'read', input: { a: 1 } } },
    { toolUse: { toolUseId: 't2', name: 'grep', input: { b: 2 } } },
  ]);
  const whole = observeCall({ path: PATH, request: REQUEST, response: [[9000, JSON.stringify(response)]] });
  const streamed = observeCall(SCRIPT);
  for (const field of ['finishReason', 'inputTokens', 'toolNames', 'toolCallIds', 'answerPreview'] as const) {
    assert.deepEqual(whole[field], streamed[field], field);
  }
  assert.equal(whole.streaming, false);
});

test('a stream without its metadata is whole once it stopped, one without its stop is not', () => {
  const unmetered = observeCall({ ...SCRIPT, response: frames(EVENTS.slice(0, -1)) });
  assert.deepEqual([unmetered.outcome, unmetered.usageSource], ['ok', 'none']);
  const cut = observeCall({
    ...SCRIPT,
    response: frames(EVENTS.slice(0, 5)),
    end: 'server_close',
    responseState: 'cut',
  });
  assert.deepEqual([cut.outcome, cut.completeness, cut.answerPreview], ['upstream_abort', 'full', 'Hello']);
});

test('an exception inside the stream is a stream error with its name', () => {
  const exception = awsMessage(
    { ':exception-type': 'modelStreamErrorException', ':message-type': 'exception' },
    '{"message":"The model is gone."}',
  );
  const call = observeCall({ ...SCRIPT, response: [...frames(EVENTS.slice(0, 5)), [30_000, exception]] });
  assert.deepEqual(
    [call.outcome, call.errorType, call.errorMessage],
    ['stream_error', 'modelStreamErrorException', 'The model is gone.'],
  );
});

test('a hole in the binary stream costs the events in it, and the call says so', () => {
  const bytes = Buffer.concat(EVENTS.map(([type, data]) => frame(type, data)));
  const call = observeCall({
    ...SCRIPT,
    response: [[10_000, bytes.subarray(0, 200)], { gap: 150 }, [20_000, bytes.subarray(350)]],
  });
  assert.deepEqual([call.completeness, call.missingBytes, call.inputTokens], ['gap', 150, 22]);
});

test('a damaged frame marks the call as truncated', () => {
  const pieces = EVENTS.map(([type, data]) => frame(type, data));
  pieces[4]![pieces[4]!.length - 1]! ^= 1;
  const call = observeCall({ ...SCRIPT, response: [[10_000, Buffer.concat(pieces)]] });
  assert.deepEqual([call.completeness, call.answerPreview], ['truncated', 'Hel']);
});

test('the type of an error is in the head', () => {
  const call = observeCall({
    path: PATH,
    request: REQUEST,
    status: 429,
    responseHeaders: { 'x-amzn-errortype': 'ThrottlingException:http://internal/' },
    response: [[9000, '{"message":"Too many requests"}']],
  });
  assert.deepEqual(
    [call.outcome, call.errorType, call.errorMessage],
    ['http_error', 'ThrottlingException', 'Too many requests'],
  );
});
