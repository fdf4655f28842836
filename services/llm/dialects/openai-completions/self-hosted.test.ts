import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_STREAM, observe, observeCall, type Script, START, sse } from '../../testing.ts';

const chunk = (text: string, finish: string | null = null, more: object = {}) =>
  [
    '',
    {
      id: 'cmpl-1',
      object: 'text_completion',
      created: 1,
      model: 'qwen',
      choices: [{ index: 0, text, logprobs: null, finish_reason: finish }],
      ...more,
    },
  ] as const;
const USAGE = { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 };
const COMPLETION: Script = {
  path: '/v1/completions',
  request: { model: 'qwen', prompt: 'Hi', max_tokens: 9, stream: true, stream_options: { include_usage: true } },
  responseHeaders: EVENT_STREAM,
  response: sse([
    chunk('Hel'),
    chunk('lo'),
    chunk('', 'length'),
    ['', { id: 'cmpl-1', object: 'text_completion', model: 'qwen', choices: [], usage: USAGE }],
    ['', '[DONE]'],
  ]),
};

test('completions: a stream and what it is stored as tell the same', () => {
  const { calls, contents } = observe([COMPLETION]);
  const text = contents.find(({ kind }) => kind === 'response')!.text;
  const whole = observeCall({ ...COMPLETION, responseHeaders: {}, response: [[9000, text]] });
  for (const call of [calls[0]!, whole]) {
    assert.deepEqual([call.dialect, call.model, call.responseId], ['openai.completions', 'qwen', 'cmpl-1']);
    assert.deepEqual([call.inputTokens, call.outputTokens, call.finishReason], [4, 2, 'length']);
    assert.deepEqual([call.promptPreview, call.answerPreview, call.outcome], ['Hi', 'Hello', 'ok']);
  }
  assert.equal(calls[0]!.firstToken, START + 10_000);
});

test("completions: Mistral's fill-in-the-middle asks like a completion and answers like chat", () => {
  const call = observeCall({
    path: '/v1/fim/completions',
    request: { model: 'codestral-latest', prompt: 'def f(', suffix: 'return a', stream: true },
    responseHeaders: EVENT_STREAM,
    response: sse([
      [
        '',
        {
          id: 'f',
          object: 'chat.completion.chunk',
          model: 'codestral',
          choices: [{ index: 0, delta: { role: 'assistant', content: 'a):' }, finish_reason: null }],
        },
      ],
      [
        '',
        {
          id: 'f',
          object: 'chat.completion.chunk',
          model: 'codestral',
          choices: [{ index: 0, delta: { content: '' }, finish_reason: 'stop' }],
          usage: USAGE,
        },
      ],
      ['', '[DONE]'],
    ]),
  });
  assert.deepEqual(
    [call.dialect, call.model, call.answerPreview, call.inputTokens],
    ['openai.completions', 'codestral', 'a):', 4],
  );
});

test('completions: lists of texts and of token numbers are prompts as well', () => {
  for (const prompt of [
    ['a', 'b'],
    [1, 2, 3],
  ]) {
    const call = observeCall({ ...COMPLETION, request: { model: 'qwen', prompt } });
    assert.equal(call.messageCount, prompt.length);
  }
});

test('Text Generation Inference: an event a token, details at last, counts in the head of a whole answer', () => {
  const token = (text: string, special = false, more: object = {}) =>
    [
      '',
      { index: 1, token: { id: 1, text, logprob: 0, special }, generated_text: null, details: null, ...more },
    ] as const;
  const details = { finish_reason: 'eos_token', generated_tokens: 3, input_length: 4, seed: null };
  const request = { inputs: 'Hi', parameters: { max_new_tokens: 9, temperature: 0.5 } };
  const script: Script = {
    path: '/generate_stream',
    request,
    responseHeaders: EVENT_STREAM,
    response: sse([token('Hel'), token('lo'), token('</s>', true, { generated_text: 'Hello', details })]),
  };
  const call = observeCall(script);
  assert.deepEqual([call.dialect, call.inputTokens, call.outputTokens], ['tgi.generate', 4, 3]);
  assert.deepEqual(
    [call.finishReason, call.answerPreview, call.outcome, call.streaming],
    ['stop', 'Hello', 'ok', true],
  );
  const cut = observeCall({
    ...script,
    response: script.response!.slice(0, 2),
    end: 'client_close',
    responseState: 'cut',
  });
  assert.deepEqual([cut.outcome, cut.usageSource], ['client_abort', 'none']);
  const whole = observeCall({
    path: '/generate',
    request,
    responseHeaders: { 'x-prompt-tokens': '4', 'x-generated-tokens': '3' },
    response: [[9000, JSON.stringify({ generated_text: 'Hello' })]],
  });
  assert.deepEqual(
    [whole.dialect, whole.inputTokens, whole.outputTokens, whole.answerPreview],
    ['tgi.generate', 4, 3, 'Hello'],
  );
  const failed = observeCall({
    ...script,
    response: sse([token('H'), ['', { error: 'Model is overloaded', error_type: 'overloaded' }]]),
  });
  assert.deepEqual([failed.outcome, failed.errorType], ['stream_error', 'overloaded']);
});

test("llama.cpp's own completions", () => {
  const last = {
    content: '',
    stop: true,
    model: 'gemma',
    tokens_predicted: 2,
    tokens_evaluated: 4,
    stop_type: 'eos',
    timings: { cache_n: 3, prompt_n: 1, predicted_n: 2 },
  };
  const script: Script = {
    path: '/completion',
    request: { prompt: 'Hi', n_predict: 9, stream: true },
    responseHeaders: EVENT_STREAM,
    response: sse([
      ['', { content: 'Hel', stop: false, tokens_predicted: 1, tokens_evaluated: 4 }],
      ['', { content: 'lo', stop: false, tokens_predicted: 2, tokens_evaluated: 4 }],
      ['', last],
    ]),
  };
  const whole = observeCall({
    ...script,
    responseHeaders: {},
    response: [[9000, JSON.stringify({ ...last, content: 'Hello' })]],
  });
  for (const call of [observeCall(script), whole]) {
    assert.deepEqual([call.dialect, call.model, call.answerPreview], ['llamacpp.completion', 'gemma', 'Hello']);
    assert.deepEqual([call.inputTokens, call.cacheReadTokens, call.outputTokens, call.finishReason], [4, 3, 2, 'stop']);
    assert.deepEqual([call.maxOutputTokens, call.outcome], [9, 'ok']);
  }
});
