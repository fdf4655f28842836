import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call } from '../../schemas/call.ts';
import { observe, TEST_OPTIONS } from './testing.ts';

/** The same conversation in the shapes of several APIs: a question, a tool call with its result, an answer, another question. */
interface Shape {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  user(text: string): readonly unknown[];
  /** The assistant's message that asks for a tool, and the message with the result. */
  tool(failed: boolean): readonly unknown[];
  said(text: string): readonly unknown[];
  request(messages: readonly unknown[]): unknown;
  /** Answer of the API: a tool call, or text. */
  asks(): unknown;
  says(text: string): unknown;
}

const ARGS = { city: 'Bremen', unit: 'C' };
const chatCall = { id: 'call_A1', type: 'function', function: { name: 'weather', arguments: JSON.stringify(ARGS) } };
const choice = (message: unknown) => ({
  id: 'x',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message, finish_reason: 'stop' }],
});

const SHAPES: Readonly<Record<string, Shape>> = {
  'openai.chat': {
    path: '/v1/chat/completions',
    user: (content) => [{ role: 'user', content }],
    tool: (failed) => [
      { role: 'assistant', content: null, tool_calls: [chatCall] },
      { role: 'tool', tool_call_id: 'callA1', content: failed ? '{"error":"no such city"}' : '12 degrees' },
    ],
    said: (content) => [{ role: 'assistant', content }],
    request: (messages) => ({ model: 'm', messages: [{ role: 'system', content: 'Be short.' }, ...messages] }),
    asks: () => choice({ role: 'assistant', content: null, tool_calls: [chatCall] }),
    says: (content) => choice({ role: 'assistant', content }),
  },
  'anthropic.messages': {
    path: '/v1/messages',
    user: (text) => [
      {
        role: 'user',
        content: [
          { type: 'text', text: '<system-reminder>x</system-reminder>' },
          { type: 'text', text },
        ],
      },
    ],
    tool: (failed) => [
      { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'weather', input: ARGS }] },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'toolu_1', is_error: failed, content: '12 degrees' }],
      },
    ],
    said: (text) => [{ role: 'assistant', content: [{ type: 'text', text }] }],
    request: (messages) => ({ model: 'm', max_tokens: 9, messages }),
    asks: () => ({
      type: 'message',
      role: 'assistant',
      id: 'x',
      content: [{ type: 'tool_use', id: 'toolu_1', name: 'weather', input: ARGS }],
      stop_reason: 'tool_use',
    }),
    says: (text) => ({
      type: 'message',
      role: 'assistant',
      id: 'x',
      content: [{ type: 'text', text }],
      stop_reason: 'end_turn',
    }),
  },
  'openai.responses': {
    path: '/v1/responses',
    user: (text) => [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }],
    tool: (failed) => [
      { type: 'reasoning', id: 'rs_1', summary: [] },
      { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: JSON.stringify(ARGS) },
      {
        type: 'function_call_output',
        call_id: 'call_1',
        output: failed ? 'Process exited with code 2\nno such city' : '12 degrees',
      },
    ],
    said: (text) => [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] }],
    request: (input) => ({ model: 'm', input }),
    asks: () => ({
      object: 'response',
      id: 'r',
      status: 'completed',
      output: [
        { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"unit":"C","city":"Bremen"}' },
      ],
    }),
    says: (text) => ({
      object: 'response',
      id: 'r',
      status: 'completed',
      output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] }],
    }),
  },
  'gemini.generate_content': {
    path: '/v1beta/models/g:generateContent',
    user: (text) => [{ role: 'user', parts: [{ text }] }],
    tool: (failed) => [
      {
        role: 'model',
        parts: [{ functionCall: { id: 'made_up_by_client', name: 'weather', args: { unit: 'C', city: 'Bremen' } } }],
      },
      {
        role: 'user',
        parts: [
          {
            functionResponse: {
              id: 'made_up_by_client',
              name: 'weather',
              response: failed ? { error: 'no' } : { output: '12 degrees' },
            },
          },
        ],
      },
    ],
    said: (text) => [{ role: 'model', parts: [{ text }] }],
    request: (contents) => ({ contents }),
    asks: () => ({
      candidates: [
        {
          content: { role: 'model', parts: [{ functionCall: { name: 'weather', args: ARGS } }] },
          finishReason: 'STOP',
        },
      ],
    }),
    says: (text) => ({ candidates: [{ content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP' }] }),
  },
  'ollama.chat': {
    path: '/api/chat',
    user: (content) => [{ role: 'user', content }],
    tool: (failed) => [
      { role: 'assistant', content: '', tool_calls: [{ function: { name: 'weather', arguments: ARGS } }] },
      { role: 'tool', tool_name: 'weather', content: failed ? 'Error: no such city' : '12 degrees' },
    ],
    said: (content) => [{ role: 'assistant', content }],
    request: (messages) => ({ model: 'm', stream: false, messages }),
    asks: () => ({
      model: 'm',
      created_at: '2026-01-01T00:00:00Z',
      message: { role: 'assistant', content: '', tool_calls: [{ function: { name: 'weather', arguments: ARGS } }] },
      done: true,
      done_reason: 'stop',
    }),
    says: (content) => ({
      model: 'm',
      created_at: '2026-01-01T00:00:00Z',
      message: { role: 'assistant', content },
      done: true,
      done_reason: 'stop',
    }),
  },
  'bedrock.converse': {
    path: '/model/some.model-v1/converse',
    user: (text) => [{ role: 'user', content: [{ text }] }],
    tool: (failed) => [
      { role: 'assistant', content: [{ toolUse: { toolUseId: 'tooluse_1', name: 'weather', input: ARGS } }] },
      {
        role: 'user',
        content: [
          {
            toolResult: {
              toolUseId: 'tooluse_1',
              status: failed ? 'error' : 'success',
              content: [{ text: '12 degrees' }],
            },
          },
        ],
      },
    ],
    said: (text) => [{ role: 'assistant', content: [{ text }] }],
    request: (messages) => ({ messages }),
    asks: () => ({
      output: {
        message: {
          role: 'assistant',
          content: [{ toolUse: { toolUseId: 'tooluse_1', name: 'weather', input: ARGS } }],
        },
      },
      stopReason: 'tool_use',
      usage: { inputTokens: 1, outputTokens: 1 },
    }),
    says: (text) => ({
      output: { message: { role: 'assistant', content: [{ text }] } },
      stopReason: 'end_turn',
      usage: { inputTokens: 1, outputTokens: 1 },
    }),
  },
};

function play(shape: Shape, failed: boolean): readonly Call[] {
  const first = shape.user('How warm is it?');
  const second = [...first, ...shape.tool(failed)];
  const third = [...second, ...shape.said('12 degrees.'), ...shape.user('And tomorrow?')];
  const scripts: [readonly unknown[], unknown][] = [
    [first, shape.asks()],
    [second, shape.says('12 degrees.')],
    [third, shape.says('Colder.')],
  ];
  const { calls } = observe(
    scripts.map(([messages, answer]) => ({
      path: shape.path,
      request: shape.request(messages),
      response: [[9000, JSON.stringify(answer)]] as const,
    })),
  );
  assert.equal(calls.length, 3);
  return calls;
}

for (const [dialect, shape] of Object.entries(SHAPES)) {
  test(`${dialect}: calls of one conversation have its session, thread and turn, read from each alone`, () => {
    const calls = play(shape, false);
    const [one, two, three] = calls as unknown as [Call, Call, Call];
    assert.deepEqual(
      calls.map((call) => call.dialect),
      [dialect, dialect, dialect],
    );
    assert.notEqual(one.sessionId, '');
    assert.deepEqual([one.sessionSource, new Set(calls.map((call) => call.sessionId)).size], ['content', 1]);
    assert.equal(new Set(calls.map((call) => call.threadId)).size, 1);
    assert.equal(one.turnId, two.turnId);
    assert.notEqual(two.turnId, three.turnId);
    assert.deepEqual(
      calls.map((call) => call.userMessageCount),
      [1, 1, 2],
    );
    assert.equal(three.promptPreview, 'And tomorrow?');
    assert.equal(new Set(calls.map((call) => call.stepId)).size, 3);
  });

  test(`${dialect}: a tool's result is read from the next request, with whether it failed`, () => {
    const [one, two, three] = play(shape, false) as unknown as [Call, Call, Call];
    assert.deepEqual(one.toolNames, ['weather']);
    assert.deepEqual([one.toolResultIds.length, two.toolResultIds.length], [0, 1]);
    assert.deepEqual([two.toolResultErrors, two.toolResultPreviews], [[false], ['12 degrees']]);
    if (dialect !== 'openai.responses') assert.equal(three.toolResultIds.length, 0, 'a result is brought once');
    const failed = play(shape, true)[1]!;
    assert.deepEqual(failed.toolResultErrors, [true]);
    assert.notEqual(failed.toolResultHashes[0], two.toolResultHashes[0]);
    assert.deepEqual(
      one.toolArgumentHashes,
      play(SHAPES['openai.chat']!, false)[0]!.toolArgumentHashes,
      'equal as JSON',
    );
  });
}

test('equal agents with equal words are told apart by their first answers', () => {
  const shape = SHAPES['openai.chat']!;
  const calls = ['Hi!', 'Hello!'].map((text) => {
    const answer = JSON.stringify(shape.says(text));
    return observe([{ path: shape.path, request: shape.request(shape.user('Hi')), response: [[9, answer]] }]).calls[0]!;
  });
  assert.notEqual(calls[0]!.sessionId, calls[1]!.sessionId);
});

test('with contents off no text of a result is told, but its hash and whether it failed', () => {
  const shape = SHAPES['anthropic.messages']!;
  const request = shape.request([...shape.user('How?'), ...shape.tool(true)]);
  const script = { path: shape.path, request, response: [[9, JSON.stringify(shape.says('x'))]] as const };
  const call = observe([script], { ...TEST_OPTIONS, content: false }).calls[0]!;
  assert.deepEqual([call.toolResultPreviews, call.promptPreview, call.toolResultErrors], [[], '', [true]]);
  assert.match(call.toolResultHashes[0]!, /^[0-9a-f]{32}$/);
});
