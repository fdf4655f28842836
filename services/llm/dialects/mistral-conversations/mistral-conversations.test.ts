import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_STREAM, observe, observeCall, type Script, START, sse } from '../../testing.ts';

const event = (type: string, more: object = {}) => [type, { type, ...more }] as const;
const USAGE = { prompt_tokens: 20, completion_tokens: 7, total_tokens: 27, connector_tokens: null };
const SCRIPT: Script = {
  path: '/v1/conversations/conv_1',
  request: { inputs: [{ role: 'user', content: 'Hi' }], stream: true, completion_args: { temperature: 0.3 } },
  responseHeaders: EVENT_STREAM,
  response: sse([
    event('conversation.response.started', { conversation_id: 'conv_1' }),
    event('message.output.delta', {
      output_index: 0,
      id: 'm1',
      content_index: 0,
      model: 'mistral-medium-2505',
      role: 'assistant',
      content: 'Hel',
    }),
    event('message.output.delta', {
      output_index: 0,
      id: 'm1',
      content_index: 0,
      model: 'mistral-medium-2505',
      role: 'assistant',
      content: { type: 'text', text: 'lo' },
    }),
    event('function.call.delta', { output_index: 1, id: 'f1', name: 'read', tool_call_id: 't1', arguments: '{"a"' }),
    event('function.call.delta', { output_index: 1, id: 'f1', name: 'read', tool_call_id: 't1', arguments: ':1}' }),
    event('conversation.response.done', { usage: USAGE }),
  ]),
};

test('a stream tells all facts of its call, and is stored as a whole answer', () => {
  const { calls, contents } = observe([SCRIPT]);
  const text = contents.find(({ kind }) => kind === 'response')!.text;
  const whole = observeCall({ ...SCRIPT, responseHeaders: {}, response: [[9000, text]] });
  for (const call of [calls[0]!, whole]) {
    assert.deepEqual(
      [call.dialect, call.provider, call.model],
      ['mistral.conversations', 'mistral_ai', 'mistral-medium-2505'],
    );
    assert.deepEqual(
      [call.inputTokens, call.outputTokens, call.outcome, call.finishReason],
      [20, 7, 'ok', 'tool_calls'],
    );
    assert.deepEqual([call.toolNames, call.toolCallIds, call.toolArguments], [['read'], ['t1'], ['{"a":1}']]);
    assert.deepEqual([call.promptPreview, call.answerPreview, call.sessionId], ['Hi', 'Hello', 'conv_1']);
  }
  assert.equal(calls[0]!.firstToken, START + 11_000);
});

test('an error in the stream, and a stream that is cut', () => {
  const failed = [
    ...SCRIPT.response!.slice(0, 2),
    ...sse([event('conversation.response.error', { message: 'Gone', code: 3000 })]),
  ];
  const error = observeCall({ ...SCRIPT, response: failed });
  assert.deepEqual([error.outcome, error.errorMessage, error.errorType], ['stream_error', 'Gone', '3000']);
  const cut = observeCall({
    ...SCRIPT,
    response: SCRIPT.response!.slice(0, 2),
    end: 'client_close',
    responseState: 'cut',
  });
  assert.deepEqual([cut.outcome, cut.finishReason], ['client_abort', '']);
});
