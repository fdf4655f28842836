/** Habits of servers that speak OpenAI's chat API: each in the shape that its own documentation or source has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_STREAM, observe, observeCall, type Piece, type Script, sse } from '../../testing.ts';

const REQUEST = { model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: true };
const USAGE = { prompt_tokens: 20, completion_tokens: 8, total_tokens: 28 };
const DONE = ['', '[DONE]'] as const;

type Event = readonly [string, unknown];

function chunk(delta: unknown, finish: string | null = null, more: object = {}, choice: object = {}): Event {
  const choices = [{ index: 0, delta, finish_reason: finish, ...choice }];
  return ['', { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm-1', choices, ...more }];
}

const script = (events: readonly Event[], more: Partial<Script> = {}): Script => ({
  path: '/v1/chat/completions',
  request: REQUEST,
  responseHeaders: EVENT_STREAM,
  response: sse(events),
  ...more,
});

interface Expected {
  readonly input: number | null;
  readonly cached?: number | null;
  readonly output: number | null;
  readonly reasoning?: number | null;
  readonly finish?: string;
  readonly thought?: string;
}

/** All of them say "Hello". */
const HABITS: readonly (readonly [string, readonly Event[], Expected])[] = [
  [
    'Azure: filters before the first choice, results in each one',
    [
      [
        '',
        {
          id: '',
          object: '',
          created: 0,
          model: '',
          choices: [],
          prompt_filter_results: [
            { prompt_index: 0, content_filter_results: { hate: { filtered: false, severity: 'safe' } } },
          ],
        },
      ],
      chunk({ role: 'assistant', content: '' }, null, {}, { content_filter_results: {} }),
      chunk(
        { content: 'Hello' },
        null,
        {},
        { content_filter_results: { hate: { filtered: false, severity: 'safe' } } },
      ),
      chunk({}, 'stop', {}, { content_filter_results: {} }),
      ['', { id: 'c1', object: 'chat.completion.chunk', model: 'm-1', choices: [], usage: USAGE }],
      DONE,
    ],
    { input: 20, output: 8 },
  ],
  [
    'vLLM: reasoning_content, usage null until the last chunk, stop_reason',
    [
      chunk({ role: 'assistant', content: '' }, null, { usage: null }),
      chunk({ reasoning_content: 'Hm' }, null, { usage: null }),
      chunk({ content: 'Hello' }, null, { usage: null }),
      chunk({ content: '' }, 'stop', { usage: null }, { stop_reason: null, token_ids: null }),
      [
        '',
        {
          id: 'c1',
          object: 'chat.completion.chunk',
          created: 1,
          model: 'm-1',
          choices: [],
          usage: { ...USAGE, prompt_tokens_details: null },
        },
      ],
      DONE,
    ],
    { input: 20, output: 8, thought: 'Hm' },
  ],
  [
    'newer vLLM: reasoning',
    [
      chunk({ role: 'assistant', reasoning: 'Hm' }),
      chunk({ content: 'Hello' }),
      chunk({}, 'stop', { usage: USAGE }),
      DONE,
    ],
    { input: 20, output: 8, thought: 'Hm' },
  ],
  [
    'SGLang: a usage with every chunk, matched_stop, reasoning beside the details',
    [
      chunk({ role: 'assistant', content: '', reasoning_content: null, tool_calls: null }, null, {
        usage: { ...USAGE, completion_tokens: 0 },
      }),
      chunk({ reasoning_content: 'Hm', content: null }, null, { usage: { ...USAGE, completion_tokens: 2 } }),
      chunk({ content: 'Hello' }, null, { usage: { ...USAGE, completion_tokens: 5 } }),
      chunk({}, 'stop', { usage: { ...USAGE, reasoning_tokens: 3 } }, { matched_stop: 151645 }),
      DONE,
    ],
    { input: 20, output: 8, reasoning: 3, thought: 'Hm' },
  ],
  [
    'DeepSeek: hits and misses of its cache',
    [
      chunk({ role: 'assistant', content: null, reasoning_content: 'Hm' }),
      chunk({ content: 'Hello', reasoning_content: null }),
      chunk({ content: '', reasoning_content: null }, 'stop', {
        usage: {
          ...USAGE,
          prompt_tokens_details: { cached_tokens: 16 },
          completion_tokens_details: { reasoning_tokens: 3 },
          prompt_cache_hit_tokens: 16,
          prompt_cache_miss_tokens: 4,
        },
      }),
      DONE,
    ],
    { input: 20, cached: 16, output: 8, reasoning: 3, thought: 'Hm' },
  ],
  [
    'Groq: an id and the usage in x_groq',
    [
      chunk({ role: 'assistant', content: '' }, null, { x_groq: { id: 'req_1' } }),
      chunk({ content: 'Hello' }),
      chunk({}, 'stop', {
        x_groq: {
          id: 'req_1',
          usage: { ...USAGE, queue_time: 0.1, prompt_time: 0.01, completion_time: 0.2, total_time: 0.21 },
        },
      }),
      DONE,
    ],
    { input: 20, output: 8 },
  ],
  [
    'xAI: reasoning counted beside the completion',
    [
      chunk({ role: 'assistant', reasoning_content: 'Hm' }),
      chunk({ content: 'Hello' }, 'stop'),
      [
        '',
        {
          id: 'c1',
          object: 'chat.completion.chunk',
          model: 'm-1',
          choices: [],
          usage: {
            prompt_tokens: 20,
            completion_tokens: 8,
            total_tokens: 31,
            completion_tokens_details: { reasoning_tokens: 3 },
            prompt_tokens_details: { cached_tokens: 4 },
          },
        },
      ],
      DONE,
    ],
    { input: 20, cached: 4, output: 11, reasoning: 3, thought: 'Hm' },
  ],
  [
    'OpenRouter: the provider, its own reason, reasoning details, a price',
    [
      chunk(
        {
          role: 'assistant',
          content: '',
          reasoning: 'Hm',
          reasoning_details: [{ type: 'reasoning.text', text: 'Hm' }],
        },
        null,
        { provider: 'DeepInfra' },
        { native_finish_reason: null },
      ),
      chunk({ role: 'assistant', content: 'Hello' }, null, { provider: 'DeepInfra' }),
      chunk({ role: 'assistant', content: '' }, 'stop', { provider: 'DeepInfra' }, { native_finish_reason: 'stop' }),
      [
        '',
        {
          id: 'c1',
          object: 'chat.completion.chunk',
          model: 'm-1',
          provider: 'DeepInfra',
          choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
          usage: {
            ...USAGE,
            cost: 0.0001,
            is_byok: false,
            prompt_tokens_details: { cached_tokens: 4 },
            completion_tokens_details: { reasoning_tokens: 3 },
          },
        },
      ],
      DONE,
    ],
    { input: 20, cached: 4, output: 8, reasoning: 3, thought: 'Hm' },
  ],
  [
    "LiteLLM: Anthropic's names beside OpenAI's",
    [
      chunk({ role: 'assistant', content: 'Hello' }),
      chunk({}, 'stop'),
      chunk({}, null, {
        usage: {
          ...USAGE,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 12,
          prompt_tokens_details: { cached_tokens: 12 },
        },
      }),
      DONE,
    ],
    { input: 20, cached: 12, output: 8 },
  ],
  [
    'Text Generation Inference: its own word for the end',
    [
      chunk({ role: 'assistant', content: 'Hello' }),
      chunk({ role: 'assistant', content: '' }, 'eos_token'),
      ['', { id: '', object: 'chat.completion.chunk', model: 'm-1', choices: [], usage: USAGE }],
      DONE,
    ],
    { input: 20, output: 8 },
  ],
  [
    'llama.cpp: timings without a usage, the cached tokens beside',
    [
      chunk({ role: 'assistant', content: null }),
      chunk({ content: 'Hello' }),
      chunk({}, 'stop', {
        timings: {
          cache_n: 16,
          prompt_n: 4,
          prompt_ms: 9.1,
          predicted_n: 8,
          predicted_ms: 80.2,
          predicted_per_second: 99.8,
        },
      }),
      DONE,
    ],
    { input: 20, cached: 16, output: 8 },
  ],
  [
    'Mistral: contents in a list, with what the model thought',
    [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] }] }),
      chunk({ content: [{ type: 'text', text: 'Hel' }] }),
      chunk({ content: 'lo' }, 'stop', { usage: { ...USAGE, num_cached_tokens: 4 } }),
      DONE,
    ],
    { input: 20, cached: 4, output: 8, thought: 'Hm' },
  ],
  [
    'Moonshot: the usage in the choice',
    [
      chunk({ role: 'assistant', content: 'Hello' }),
      chunk({}, 'stop', {}, { usage: { ...USAGE, cached_tokens: 4 } }),
      DONE,
    ],
    { input: 20, cached: 4, output: 8 },
  ],
  [
    'Ollama behind /v1: no usage unless asked for',
    [chunk({ role: 'assistant', content: 'Hello' }), chunk({ role: 'assistant', content: '' }, 'stop'), DONE],
    { input: null, output: null },
  ],
];

for (const [what, events, expected] of HABITS) {
  test(what, () => {
    const { calls, contents } = observe([script(events)]);
    const call = calls[0]!;
    assert.deepEqual(
      [call.dialect, call.model, call.responseId, call.answerPreview],
      ['openai.chat', 'm-1', 'c1', 'Hello'],
    );
    assert.deepEqual([call.outcome, call.finishReason, call.completeness], ['ok', expected.finish ?? 'stop', 'full']);
    assert.deepEqual(
      [call.inputTokens, call.cacheReadTokens, call.outputTokens, call.reasoningTokens],
      [expected.input, expected.cached ?? null, expected.output, expected.reasoning ?? null],
    );
    assert.equal(call.usageSource, expected.input === null ? 'none' : 'reported');
    const { message } = JSON.parse(contents.find(({ kind }) => kind === 'response')!.text).choices[0];
    assert.equal(message.reasoning_content ?? '', expected.thought ?? '');
  });
}

test("OpenRouter's comments while it waits are no events", () => {
  const waiting: Piece[] = Array.from({ length: 5 }, (_, n) => [2000 + n, ': OPENROUTER PROCESSING\n\n']);
  const call = observeCall(
    script([], { response: [...waiting, ...sse([chunk({ content: 'Hello' }, 'stop', { usage: USAGE }), DONE])] }),
  );
  assert.deepEqual([call.answerPreview, call.ttftMs, call.outcome], ['Hello', 9, 'ok']);
});

test('OpenRouter tells in the choice what its provider failed with, in a stream and in a whole answer', () => {
  const failed = { error: { code: 502, message: 'Provider returned error', metadata: {} } };
  const streamed = script([chunk({ content: 'He' }), chunk({ content: '' }, 'error', {}, failed)]);
  const whole = script([], {
    responseHeaders: {},
    response: [
      [
        9000,
        JSON.stringify({
          id: 'c1',
          object: 'chat.completion',
          model: 'm-1',
          choices: [{ index: 0, message: { content: 'He' }, finish_reason: 'error', ...failed }],
        }),
      ],
    ],
  });
  const beside = script([
    chunk({ content: 'He' }),
    ['', { id: 'c1', ...failed, choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] }],
  ]);
  for (const each of [streamed, whole, beside]) {
    const call = observeCall(each);
    assert.deepEqual(
      [call.outcome, call.errorType, call.errorMessage],
      ['stream_error', '502', 'Provider returned error'],
    );
  }
});

test("Mistral's agents, its models on Vertex, and Azure's deployments have chat's bodies on paths of their own", () => {
  const answer = JSON.stringify({
    id: 'c1',
    object: 'chat.completion',
    model: 'm-1',
    choices: [
      {
        index: 0,
        message: {
          content: [
            { type: 'thinking', thinking: [] },
            { type: 'text', text: 'Hello' },
          ],
        },
        finish_reason: 'stop',
      },
    ],
    usage: USAGE,
  });
  const { messages } = REQUEST;
  const cases = [
    ['/v1/agents/completions', { agent_id: 'ag-1', messages }, '', 'openai', 'ag-1'],
    [
      '/v1/projects/p/locations/l/publishers/mistralai/models/mistral-small-2503:rawPredict',
      { model: '', messages },
      'mistral-small-2503',
      'gcp.vertex_ai',
      '',
    ],
    ['/openai/deployments/gpt-4o/chat/completions', { messages }, 'gpt-4o', 'azure.ai.openai', ''],
  ] as const;
  for (const [path, request, model, provider, agent] of cases) {
    const call = observeCall({ path, request, response: [[9000, answer]] });
    assert.deepEqual(
      [call.dialect, call.requestedModel, call.provider, call.agentId],
      ['openai.chat', model, provider, agent],
    );
    assert.deepEqual([call.answerPreview, call.inputTokens], ['Hello', 20]);
  }
});
