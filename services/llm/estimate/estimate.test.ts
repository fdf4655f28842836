import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecognizerOptions } from '../recognizer.ts';
import { EVENT_STREAM, observe, type Script, sse, TEST_OPTIONS } from '../testing.ts';
import { familyOf } from './families.ts';
import { countTokens } from './tokenizer.ts';

const ESTIMATING = { ...TEST_OPTIONS, estimateUsage: true };
const TEXT = 'The bittern stands still in the reeds, and nobody sees it. ';

const chunk = (delta: unknown, finish: string | null = null, more: object = {}) =>
  [
    '',
    {
      id: 'c',
      object: 'chat.completion.chunk',
      model: 'qwen3-32b',
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...more,
    },
  ] as const;
const DONE = ['', '[DONE]'] as const;
const SCRIPT: Script = {
  path: '/v1/chat/completions',
  requestHeaders: { host: 'api.openai.com' },
  request: { model: 'gpt-4o', stream: true, messages: [{ role: 'user', content: TEXT.repeat(50) }] },
  responseHeaders: EVENT_STREAM,
  response: sse([
    chunk({ reasoning_content: TEXT.repeat(3) }),
    chunk({ content: TEXT.repeat(10) }),
    chunk({}, 'stop'),
    DONE,
  ]),
};
const only = (script: Script, options: RecognizerOptions = ESTIMATING) => observe([script], options).calls[0]!;

test('known counts: the vocabularies are the right ones', () => {
  assert.equal(countTokens('hello world', 'o200k_base'), 2);
  assert.equal(countTokens('tiktoken is great!', 'cl100k_base'), 6);
  assert.equal(countTokens('<|endoftext|>', 'o200k_base') > 1, true, 'what looks like a special token is text here');
});

test('a call without a usage gets an estimate that says so, and one with a usage keeps it', () => {
  const call = only({
    ...SCRIPT,
    response: sse([chunk({ content: TEXT.repeat(10) }, 'stop', { model: 'gpt-4o' }), DONE]),
  });
  const input = countTokens(TEXT.repeat(50), 'o200k_base');
  const output = countTokens(TEXT.repeat(10), 'o200k_base');
  assert.deepEqual([call.usageSource, call.inputTokens, call.outputTokens], ['estimated', input + 4 + 3, output]);
  assert.ok(call.costUsd! > 0);
  assert.deepEqual([call.costEstimated, call.cacheReadTokens], [true, null]);
  const usage = { prompt_tokens: 3, completion_tokens: 2 };
  const told = only({ ...SCRIPT, response: sse([chunk({ content: 'x' }, 'stop', { model: 'gpt-4o', usage }), DONE]) });
  assert.deepEqual(
    [told.usageSource, told.inputTokens, told.outputTokens, told.costEstimated],
    ['reported', 3, 2, false],
  );
  const off = only(SCRIPT, TEST_OPTIONS);
  assert.deepEqual([off.usageSource, off.inputTokens, off.costEstimated], ['none', null, false]);
});

test('reasoning, tools and tool calls are counted, by the ratio of the model’s family', () => {
  const { ratio } = familyOf('qwen3-32b');
  const call = only(SCRIPT);
  const reasoning = Math.round(countTokens(TEXT.repeat(3), 'o200k_base') * ratio);
  assert.equal(call.reasoningTokens, reasoning);
  assert.equal(call.outputTokens, reasoning + Math.round(countTokens(TEXT.repeat(10), 'o200k_base') * ratio));
  const tools = [{ type: 'function', function: { name: 'read', description: TEXT.repeat(20), parameters: {} } }];
  const { request } = SCRIPT as { request: object };
  assert.ok(only({ ...SCRIPT, request: { ...request, tools } }).inputTokens! > call.inputTokens! + 200);
});

test('what broke off is estimated by what was seen; errors, lost requests, media and silence are not', () => {
  const cut = only({ ...SCRIPT, response: SCRIPT.response!.slice(0, 1), end: 'client_close', responseState: 'cut' });
  assert.deepEqual([cut.outcome, cut.usageSource], ['client_abort', 'estimated']);
  const failed = only({ ...SCRIPT, status: 500, responseHeaders: {}, response: [[9000, '{"error":"x"}']] });
  const unanswered = only({ ...SCRIPT, status: 0, end: 'client_close' });
  const lost = only({
    ...SCRIPT,
    request: undefined,
    requestPieces: [[5, '{"model":"m","messages":['], { gap: 9 }],
    requestState: 'lost',
  });
  const picture = only({
    path: '/v1/images/generations',
    request: { prompt: TEXT },
    response: [[9000, '{"data":[]}']],
  });
  for (const call of [failed, unanswered, lost, picture])
    assert.deepEqual([call.usageSource, call.inputTokens], ['none', null]);
});

test('base64 of pictures is no text', () => {
  const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${'iVBORw0K'.repeat(20_000)}` } };
  const request = { model: 'gpt-4o', messages: [{ role: 'user', content: [{ type: 'text', text: TEXT }, picture] }] };
  assert.ok(only({ ...SCRIPT, request }).inputTokens! < 50);
});

test('texts that a tokenizer takes the square of their length for are counted in no time', () => {
  for (const run of ['a', ' ', '\n', '语', '=']) {
    const started = performance.now();
    assert.ok(countTokens(run.repeat(200_000), 'o200k_base') > 0);
    assert.ok(performance.now() - started < 5000, JSON.stringify(run));
  }
});
