import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observe, observeCall, type Piece, type Script, START } from '../../testing.ts';

const LINES = { 'content-type': 'application/x-ndjson' };
const lines = (values: readonly unknown[]): Piece[] =>
  values.map((value, n) => [10_000 + n * 1000, `${JSON.stringify(value)}\n`]);
const BASE = { model: 'qwen3:8b', created_at: '2026-11-18T10:26:40.123456Z' };
const COUNTS = {
  total_duration: 5,
  load_duration: 1,
  prompt_eval_count: 26,
  prompt_eval_duration: 2,
  eval_count: 9,
  eval_duration: 3,
};
const CHAT: Script = {
  path: '/api/chat',
  request: {
    model: 'qwen3:8b',
    messages: [{ role: 'user', content: 'Hi' }],
    tools: [{ type: 'function', function: { name: 'read', parameters: {} } }],
    options: { num_predict: 64, temperature: 0.5 },
  },
  responseHeaders: LINES,
  response: lines([
    { ...BASE, message: { role: 'assistant', content: '' }, done: false },
    { ...BASE, message: { role: 'assistant', content: '', thinking: 'Hm' }, done: false },
    { ...BASE, message: { role: 'assistant', content: 'Grü' }, done: false },
    { ...BASE, message: { role: 'assistant', content: 'ße' }, done: false },
    {
      ...BASE,
      message: { role: 'assistant', content: '', tool_calls: [{ function: { name: 'read', arguments: { a: 1 } } }] },
      done: false,
    },
    { ...BASE, message: { role: 'assistant', content: '' }, done_reason: 'stop', done: true, ...COUNTS },
  ]),
};

test('a chat stream tells all facts of its call, and streams without being asked to', () => {
  const call = observeCall(CHAT);
  assert.deepEqual([call.dialect, call.provider, call.model], ['ollama.chat', 'ollama', 'qwen3:8b']);
  assert.deepEqual([call.inputTokens, call.outputTokens, call.usageSource], [26, 9, 'reported']);
  assert.deepEqual([call.outcome, call.finishReason, call.finishReasonRaw], ['ok', 'tool_calls', 'stop']);
  assert.deepEqual([call.toolNames, call.toolArguments], [['read'], ['{"a":1}']]);
  assert.deepEqual([call.promptPreview, call.answerPreview, call.offeredTools], ['Hi', 'Grüße', ['read']]);
  assert.deepEqual([call.streaming, call.maxOutputTokens, call.temperature], [true, 64, 0.5]);
  assert.equal(call.firstToken, START + 11_000);
});

test('bytes of a line may be cut anywhere', () => {
  const bytes = Buffer.from(CHAT.response!.map((piece) => ('gap' in piece ? '' : piece[1])).join(''));
  const pieces = Array.from(bytes, (_, at): Piece => [10_000 + at, bytes.subarray(at, at + 1)]);
  const [whole, cut] = [observeCall(CHAT), observeCall({ ...CHAT, response: pieces })];
  for (const field of ['answerPreview', 'inputTokens', 'toolArguments', 'responseContent'] as const) {
    assert.deepEqual(cut[field], whole[field]);
  }
});

test('whole answers, one stored as the other', () => {
  const last = {
    ...BASE,
    message: { role: 'assistant', content: 'Hello' },
    done_reason: 'length',
    done: true,
    ...COUNTS,
  };
  const call = observeCall({
    ...CHAT,
    request: { model: 'qwen3:8b', messages: [], stream: false },
    responseHeaders: {},
    response: [[9000, JSON.stringify(last)]],
  });
  assert.deepEqual(
    [call.streaming, call.finishReason, call.answerPreview, call.outputTokens],
    [false, 'length', 'Hello', 9],
  );
});

test('a completion stream tells its text and counts, an error in it is told', () => {
  const script: Script = {
    path: '/api/generate',
    request: { model: 'llama3.2', prompt: 'Hi', system: 'Be kind.' },
    responseHeaders: LINES,
    response: lines([
      { ...BASE, response: 'Hel', done: false },
      { ...BASE, response: 'lo', done: false },
      { ...BASE, response: '', done: true, done_reason: 'stop', context: [1, 2, 3], ...COUNTS },
    ]),
  };
  const call = observeCall(script);
  assert.deepEqual([call.dialect, call.answerPreview, call.promptPreview], ['ollama.generate', 'Hello', 'Hi']);
  assert.deepEqual([call.inputTokens, call.outputTokens, call.outcome], [26, 9, 'ok']);
  const failed = observeCall({
    ...script,
    response: [...script.response!.slice(0, 1), [20_000, '{"error":"out of memory"}\n']],
  });
  assert.deepEqual([failed.outcome, failed.errorMessage], ['stream_error', 'out of memory']);
  const cut = observeCall({
    ...script,
    response: script.response!.slice(0, 2),
    end: 'server_close',
    responseState: 'cut',
  });
  assert.deepEqual([cut.outcome, cut.usageSource], ['upstream_abort', 'none']);
});

test('loading a model, and its other endpoints, are no calls', () => {
  const { calls, exchanges } = observe([
    {
      path: '/api/generate',
      request: { model: 'llama3.2', keep_alive: 0 },
      response: [[9000, JSON.stringify({ ...BASE, response: '', done: true, done_reason: 'unload' })]],
    },
    { path: '/api/show', request: { model: 'llama3.2' }, response: [[9000, '{"details":{}}']] },
    { path: '/api/tags', method: 'GET', response: [[9000, '{"models":[]}']] },
    {
      path: '/api/pull',
      request: { model: 'llama3.2' },
      responseHeaders: LINES,
      response: [[9000, '{"status":"success"}\n']],
    },
  ]);
  assert.deepEqual([calls.length, exchanges.length], [0, 4]);
});
