import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_STREAM, observe, observeCall, type Script, START, sse } from '../../testing.ts';

const REQUEST = {
  model: 'gpt-5-codex',
  instructions: 'You are a coder.',
  input: [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Fix it' }] },
    { type: 'function_call_output', call_id: 'call_0', output: 'done' },
  ],
  tools: [
    { type: 'function', name: 'shell' },
    { type: 'web_search' },
    { type: 'namespace', name: 'agents', tools: [{ name: 'spawn' }] },
  ],
  stream: true,
  prompt_cache_key: 'cache-1',
  client_metadata: { session_id: 'codex-1' },
  previous_response_id: 'resp_0',
};
const USAGE = {
  input_tokens: 30,
  input_tokens_details: { cached_tokens: 10 },
  output_tokens: 12,
  output_tokens_details: { reasoning_tokens: 4 },
  total_tokens: 42,
};
const CALL = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'shell', arguments: '{"cmd": "ls"}' };
const MESSAGE = { type: 'message', id: 'm', role: 'assistant', content: [{ type: 'output_text', text: 'Looking.' }] };
const response = (status: string, output: unknown[], more = {}) => ({
  id: 'resp_1',
  object: 'response',
  model: 'gpt-5-codex',
  status,
  output,
  ...more,
});
const ev = (type: string, fields: object) => [type, { type, ...fields }] as const;
const EVENTS = [
  ev('response.created', { response: response('in_progress', []) }),
  ev('response.output_item.added', { output_index: 0, item: { type: 'reasoning', id: 'rs', summary: [] } }),
  ev('response.reasoning_summary_text.delta', { output_index: 0, summary_index: 0, delta: 'Hm' }),
  ev('response.output_item.added', { output_index: 1, item: { ...MESSAGE, content: [] } }),
  ev('response.output_text.delta', { output_index: 1, content_index: 0, delta: 'Look' }),
  ev('response.output_text.delta', { output_index: 1, content_index: 0, delta: 'ing.' }),
  ev('response.output_item.added', { output_index: 2, item: { ...CALL, arguments: '' } }),
  ev('response.function_call_arguments.delta', { output_index: 2, delta: '{"cmd": "ls"}' }),
  ev('response.output_item.done', { output_index: 2, item: CALL }),
];
const completed = (output: unknown[]) =>
  ev('response.completed', { response: response('completed', output, { usage: USAGE }) });
const SCRIPT: Script = {
  path: '/v1/responses',
  request: REQUEST,
  requestHeaders: { 'user-agent': 'codex_exec/0.169.0 (Linux; x86_64) xterm (codex_exec; 0.169.0)' },
  responseHeaders: EVENT_STREAM,
  response: sse([...EVENTS, completed([MESSAGE, CALL])]),
};

test('a stream tells all facts of its call', () => {
  const call = observeCall(SCRIPT);
  assert.deepEqual([call.dialect, call.agentId, call.clientVersion], ['openai.responses', 'codex', '0.169.0']);
  assert.deepEqual([call.sessionId, call.previousResponseId], ['codex-1', 'resp_0']);
  assert.deepEqual([call.inputTokens, call.cacheReadTokens, call.outputTokens, call.reasoningTokens], [30, 10, 12, 4]);
  assert.deepEqual([call.toolNames, call.toolCallIds, call.toolArguments], [['shell'], ['call_1'], ['{"cmd": "ls"}']]);
  assert.deepEqual(call.offeredTools, ['shell', 'web_search', 'agents.spawn']);
  assert.deepEqual([call.promptPreview, call.answerPreview, call.messageCount], ['Fix it', 'Looking.', 2]);
  assert.equal(call.firstToken, START + 12_000);
});

test('completed with a pending tool call does not finish as stop', () => {
  assert.equal(observeCall(SCRIPT).finishReason, 'tool_calls');
  assert.equal(observeCall({ ...SCRIPT, response: sse([completed([MESSAGE])]) }).finishReason, 'stop');
  const search = { type: 'web_search_call', id: 'ws_1', action: { query: 'x' } };
  const call = observeCall({ ...SCRIPT, response: sse([completed([search, MESSAGE])]) });
  assert.deepEqual([call.finishReason, call.toolNames, call.toolCallIds], ['stop', ['web_search'], ['ws_1']]);
});

test('the answer is put together from its events when the last one brings no output or never comes', () => {
  for (const end of [[completed([])], []]) {
    const call = observeCall({
      ...SCRIPT,
      response: sse([...EVENTS, ...end]),
      end: 'server_close',
      responseState: 'cut',
    });
    assert.equal(call.answerPreview, 'Looking.');
    assert.deepEqual(call.toolNames, ['shell']);
    assert.equal(call.outcome, end.length === 0 ? 'upstream_abort' : 'ok');
  }
});

test('incomplete, failed and error events end it each in its own way', () => {
  const incomplete = ev('response.incomplete', {
    response: response('incomplete', [MESSAGE], { incomplete_details: { reason: 'max_output_tokens' }, usage: USAGE }),
  });
  const cut = observeCall({ ...SCRIPT, response: sse([incomplete]) });
  assert.deepEqual([cut.outcome, cut.finishReason, cut.finishReasonRaw], ['ok', 'length', 'max_output_tokens']);
  const failed = ev('response.failed', {
    response: response('failed', [], { error: { code: 'rate_limit_exceeded', message: 'slow down' } }),
  });
  const bad = observeCall({ ...SCRIPT, response: sse([failed]) });
  assert.deepEqual([bad.outcome, bad.errorType, bad.finishReason], ['stream_error', 'rate_limit_exceeded', 'error']);
  const error = ev('error', { code: 'server_error', message: 'boom', param: null });
  const worse = observeCall({ ...SCRIPT, response: sse([...EVENTS, error]) });
  assert.deepEqual([worse.outcome, worse.errorType, worse.errorMessage], ['stream_error', 'server_error', 'boom']);
});

test('a refusal part is a refusal', () => {
  const refusal = { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] };
  const body = JSON.stringify(response('completed', [refusal], { usage: USAGE }));
  const call = observeCall({ ...SCRIPT, responseHeaders: {}, response: [[9000, body]] });
  assert.deepEqual([call.outcome, call.finishReason, call.answerPreview], ['refused', 'refusal', 'No.']);
});

test('input may be one string', () => {
  const { calls, contents } = observe([{ ...SCRIPT, request: { model: 'm', input: 'Just this' } }]);
  assert.deepEqual([calls[0]!.promptPreview, calls[0]!.messageCount], ['Just this', 1]);
  assert.equal(contents[0]!.text, '"Just this"');
});

test('reading a stored response back is an exchange', () => {
  const seen = observe([
    { ...SCRIPT, method: 'GET', path: '/v1/responses/resp_1', request: undefined, responseHeaders: {}, response: [] },
  ]);
  assert.deepEqual([seen.calls.length, seen.exchanges.length], [0, 1]);
});
