import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awsMessage } from '../../../http/testing.ts';
import { observe, observeCall, type Piece, type Script } from '../../testing.ts';

const path = (model: string, stream = false): string =>
  `/model/${encodeURIComponent(model)}/invoke${stream ? '-with-response-stream' : ''}`;
const FRAMED = { 'content-type': 'application/vnd.amazon.eventstream' };
const METRICS = {
  'amazon-bedrock-invocationMetrics': {
    inputTokenCount: 6,
    outputTokenCount: 2,
    invocationLatency: 9,
    firstByteLatency: 3,
  },
};

/** Each inner event as Bedrock sends it. */
function chunks(events: readonly unknown[]): Piece[] {
  return events.map((event, n) => {
    const bytes = Buffer.from(JSON.stringify(event)).toString('base64');
    const headers = { ':event-type': 'chunk', ':content-type': 'application/json', ':message-type': 'event' };
    return [10_000 + n * 1000, awsMessage(headers, JSON.stringify({ bytes, p: 'abcdefgh'.slice(n % 8) }))] as const;
  });
}

const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const CLAUDE_REQUEST = {
  anthropic_version: 'bedrock-2023-05-31',
  max_tokens: 50,
  messages: [{ role: 'user', content: 'Hi' }],
};
const CLAUDE_EVENTS = [
  {
    type: 'message_start',
    message: {
      id: 'msg_b',
      type: 'message',
      role: 'assistant',
      model: 'claude-sonnet-4-5-20250929',
      content: [],
      usage: { input_tokens: 6, cache_read_input_tokens: 4, output_tokens: 1 },
    },
  },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüße' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
  { type: 'message_stop', ...METRICS },
];

test("Anthropic's models have Anthropic's dialect, by their name or by what an ARN hides", () => {
  const arn = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl';
  for (const model of [CLAUDE, `eu.${CLAUDE}`, arn]) {
    const call = observeCall({
      path: path(model, true),
      request: CLAUDE_REQUEST,
      responseHeaders: FRAMED,
      response: chunks(CLAUDE_EVENTS),
    });
    assert.deepEqual([call.dialect, call.provider, call.requestedModel], ['anthropic.messages', 'aws.bedrock', model]);
    assert.deepEqual([call.inputTokens, call.cacheReadTokens, call.outputTokens], [10, 4, 2]);
    assert.deepEqual([call.outcome, call.streaming, call.answerPreview], ['ok', true, 'Grüße']);
    assert.ok(call.ttftMs! > 0);
  }
});

const LLAMA: Script = {
  path: path('meta.llama3-1-8b-instruct-v1:0', true),
  request: { prompt: '<|begin_of_text|>Hi', max_gen_len: 64, temperature: 0.25 },
  responseHeaders: FRAMED,
  response: chunks([
    { generation: 'Hel', prompt_token_count: 6, generation_token_count: 1, stop_reason: null },
    { generation: 'lo', prompt_token_count: null, generation_token_count: 2, stop_reason: 'stop', ...METRICS },
  ]),
};
const chat = (delta: unknown, finish: string | null = null, more: object = {}) => ({
  id: 'c-1',
  model: 'gpt-oss',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
});

/** [what, script, input, output, text, finish] */
const STREAMS: readonly (readonly [string, Script])[] = [
  ['Llama', LLAMA],
  [
    'Nova',
    {
      ...LLAMA,
      path: path('amazon.nova-lite-v1:0', true),
      request: {
        schemaVersion: 'messages-v1',
        messages: [{ role: 'user', content: [{ text: 'Hi' }] }],
        inferenceConfig: { maxTokens: 64, temperature: 0.25 },
      },
      response: chunks([
        { messageStart: { role: 'assistant' } },
        { contentBlockDelta: { delta: { text: 'Hel' }, contentBlockIndex: 0 } },
        { contentBlockDelta: { delta: { text: 'lo' }, contentBlockIndex: 0 } },
        { messageStop: { stopReason: 'end_turn' } },
        { metadata: { usage: { inputTokens: 6, outputTokens: 2 } }, ...METRICS },
      ]),
    },
  ],
  [
    'chat',
    {
      ...LLAMA,
      path: path('openai.gpt-oss-120b-1:0', true),
      request: { messages: [{ role: 'user', content: 'Hi' }], max_completion_tokens: 64, temperature: 0.25 },
      response: chunks([chat({ content: 'Hel' }), chat({ content: 'lo' }), chat({}, 'stop', METRICS)]),
    },
  ],
  [
    'Titan',
    {
      ...LLAMA,
      path: path('amazon.titan-text-lite-v1', true),
      request: { inputText: 'Hi', textGenerationConfig: { maxTokenCount: 64, temperature: 0.25 } },
      response: chunks([
        {
          outputText: 'Hel',
          index: 0,
          totalOutputTextTokenCount: null,
          completionReason: null,
          inputTextTokenCount: 6,
        },
        {
          outputText: 'lo',
          index: 0,
          totalOutputTextTokenCount: 2,
          completionReason: 'FINISH',
          inputTextTokenCount: null,
          ...METRICS,
        },
      ]),
    },
  ],
  [
    'Mistral',
    {
      ...LLAMA,
      path: path('mistral.mistral-7b-instruct-v0:2', true),
      request: { prompt: 'Hi', max_tokens: 64, temperature: 0.25 },
      response: chunks([
        { outputs: [{ text: 'Hel', stop_reason: null }] },
        { outputs: [{ text: 'lo', stop_reason: 'stop' }], ...METRICS },
      ]),
    },
  ],
];

for (const [what, script] of STREAMS) {
  test(`a stream of ${what} tells text, counts and end`, () => {
    const call = observeCall(script);
    assert.deepEqual([call.dialect, call.provider], ['bedrock.invoke', 'aws.bedrock']);
    assert.deepEqual([call.inputTokens, call.outputTokens, call.usageSource], [6, 2, 'reported']);
    assert.deepEqual([call.outcome, call.finishReason, call.answerPreview], ['ok', 'stop', 'Hello']);
    assert.deepEqual([call.maxOutputTokens, call.temperature, call.streaming], [64, 0.25, true]);
    const cut = observeCall({
      ...script,
      response: script.response!.slice(0, 1),
      end: 'client_close',
      responseState: 'cut',
    });
    assert.equal(cut.outcome, 'client_abort');
  });
}

test('whole answers: by their shape, and the counts of the head where the body has none', () => {
  const headers = { 'x-amzn-bedrock-input-token-count': '6', 'x-amzn-bedrock-output-token-count': '2' };
  const answers: readonly (readonly [string, unknown])[] = [
    [
      'meta.llama3-1-8b-instruct-v1:0',
      { generation: 'Hello', prompt_token_count: 6, generation_token_count: 2, stop_reason: 'stop' },
    ],
    [
      'amazon.titan-text-lite-v1',
      { inputTextTokenCount: 6, results: [{ tokenCount: 2, outputText: 'Hello', completionReason: 'FINISH' }] },
    ],
    ['mistral.mistral-7b-instruct-v0:2', { outputs: [{ text: 'Hello', stop_reason: 'stop' }] }],
    ['cohere.command-r-v1:0', { text: 'Hello', generation_id: 'g', finish_reason: 'COMPLETE' }],
  ];
  for (const [model, answer] of answers) {
    const call = observeCall({
      path: path(model),
      request: { prompt: 'Hi' },
      responseHeaders: headers,
      response: [[9000, JSON.stringify(answer)]],
    });
    assert.deepEqual(
      [call.inputTokens, call.outputTokens, call.finishReason, call.answerPreview],
      [6, 2, 'stop', 'Hello'],
      model,
    );
    assert.deepEqual([call.promptPreview, call.messageCount], ['Hi', 1]);
  }
});

test('other operations of Bedrock are no calls', () => {
  const { calls } = observe([
    {
      path: '/model/amazon.nova-lite-v1%3A0/count-tokens',
      request: { input: {} },
      response: [[9000, '{"inputTokens":1}']],
    },
    { path: '/guardrail/x/version/1/apply', request: { content: [] }, response: [[9000, '{}']] },
  ]);
  assert.equal(calls.length, 0);
});
