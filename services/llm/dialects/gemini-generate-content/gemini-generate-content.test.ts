import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Call } from '../../../../schemas/call.ts';
import type { ExchangeEnd, Message } from '../../../http/exchange.ts';
import { rebuildRequest } from '../../request-parts.ts';
import { EVENT_STREAM, observe, observeCall, type Piece, type Script, START, sse } from '../../testing.ts';
import { readUsage } from './usage.ts';

const REQUEST = {
  contents: [{ role: 'user', parts: [{ text: 'Hi' }] }],
  systemInstruction: { parts: [{ text: 'Be kind.' }] },
  tools: [{ functionDeclarations: [{ name: 'read' }, { name: 'grep' }] }, { googleSearch: {} }],
  generationConfig: { maxOutputTokens: 50, temperature: 0.1 },
};
const part = (parts: unknown[], finishReason?: string, usageMetadata?: object) => ({
  candidates: [
    { index: 0, content: { role: 'model', parts }, ...(finishReason === undefined ? {} : { finishReason }) },
  ],
  modelVersion: 'gemini-2.5-flash',
  responseId: 'r1',
  ...(usageMetadata === undefined ? {} : { usageMetadata }),
});
const CHUNKS = [
  part([{ text: 'Hm', thought: true }], undefined, { promptTokenCount: 10, totalTokenCount: 10 }),
  part([{ text: 'Hel' }], undefined, { promptTokenCount: 10, candidatesTokenCount: 2, totalTokenCount: 12 }),
  part([{ text: 'lo' }, { functionCall: { name: 'read', args: { path: 'a' } } }]),
  part([{ text: '' }], 'STOP', {
    promptTokenCount: 10,
    cachedContentTokenCount: 4,
    candidatesTokenCount: 5,
    thoughtsTokenCount: 3,
    totalTokenCount: 18,
  }),
];
const SCRIPT: Script = {
  path: '/v1beta/models/gemini-2.5-flash:streamGenerateContent',
  request: REQUEST,
  requestHeaders: {
    host: 'generativelanguage.googleapis.com',
    'user-agent': 'GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64; xterm)',
  },
  responseHeaders: EVENT_STREAM,
  response: sse(CHUNKS.map((chunk) => ['', chunk])),
};

test('an event stream tells all facts of its call', () => {
  const call = observeCall(SCRIPT);
  assert.deepEqual(
    [call.dialect, call.provider, call.requestedModel],
    ['gemini.generate_content', 'gcp.gemini', 'gemini-2.5-flash'],
  );
  assert.deepEqual([call.agentId, call.clientVersion], ['gemini-cli', '0.61.0']);
  assert.deepEqual([call.inputTokens, call.cacheReadTokens, call.outputTokens, call.reasoningTokens], [10, 4, 8, 3]);
  assert.deepEqual([call.finishReason, call.finishReasonRaw, call.outcome], ['tool_calls', 'STOP', 'ok']);
  assert.deepEqual([call.toolNames, call.toolCallIds, call.toolArguments], [['read'], [''], ['{"path":"a"}']]);
  assert.deepEqual(call.offeredTools, ['read', 'grep', 'googleSearch']);
  assert.deepEqual([call.promptPreview, call.answerPreview], ['Hi', 'Hello']);
  assert.deepEqual([call.maxOutputTokens, call.temperature, call.responseId], [50, 0.1, 'r1']);
  assert.equal(call.firstToken, START + 10_000, 'a thought is content');
});

/** Everything but the times between pieces, which depend on where they were cut. */
function withoutTimes(call: Call): Partial<Call> {
  const { callId, responseBytes, requestId, firstToken, responseEnd, ttftMs, durationMs, tokenGapP50Ms, ...rest } =
    call;
  const { tokenGapMaxMs, outputTokensPerSecond, requestEnd, ...facts } = rest;
  return facts;
}

test('the same chunks as one JSON list give the same call, cut anywhere', () => {
  const same = observeCall(SCRIPT);
  fc.assert(
    fc.property(
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.constantFrom(',\r\n', '\n,\n', ','),
      fc.nat({ max: 2 }),
      (seeds, between, indent) => {
        const list = CHUNKS.map((chunk) => JSON.stringify(chunk, null, indent)).join(between);
        const bytes = Buffer.from(`[${list}${indent === 0 ? ']' : '\n]\n'}`);
        const cuts = [0, ...seeds.map((seed) => seed % bytes.length), bytes.length].sort((x, y) => x - y);
        const response = cuts.slice(1).map((cut, i): Piece => [10_000 + i, bytes.subarray(cuts[i]!, cut)]);
        const call = observeCall({ ...SCRIPT, responseHeaders: {}, response });
        assert.deepEqual(withoutTimes(call), withoutTimes(same));
        const firstEnd = 1 + JSON.stringify(CHUNKS[0], null, indent).length;
        assert.equal(call.firstToken, START + 10_000 + cuts.slice(1).findIndex((cut) => cut >= firstEnd));
      },
    ),
    { numRuns: 200 },
  );
});

test('a JSON list that breaks off, or ends in an error, says so', () => {
  const error = { error: { code: 503, message: 'busy', status: 'UNAVAILABLE' } };
  const begun = `[${JSON.stringify(CHUNKS[1])}`;
  const cases: readonly (readonly [string, ExchangeEnd, Message['state'], readonly string[]])[] = [
    [`${begun},{"candidates":[`, 'server_close', 'cut', ['upstream_abort', '', 'Hel']],
    [`${begun},${JSON.stringify(error)}]`, 'complete', 'complete', ['stream_error', 'UNAVAILABLE', 'Hel']],
  ];
  for (const [text, end, responseState, facts] of cases) {
    const call = observeCall({ ...SCRIPT, responseHeaders: {}, response: [[9000, text]], end, responseState });
    assert.deepEqual([call.outcome, call.errorType, call.answerPreview], facts);
  }
});

test('text in pieces is put together, thoughts apart from the answer', () => {
  const { contents } = observe([SCRIPT]);
  const stored = JSON.parse(contents.find((content) => content.kind === 'response')!.text);
  assert.deepEqual(stored.candidates[0].content.parts, [
    { text: 'Hm', thought: true },
    { text: 'Hello' },
    { functionCall: { name: 'read', args: { path: 'a' } } },
    { text: '' },
  ]);
  assert.equal(stored.usageMetadata.totalTokenCount, 18);
});

test('a blocked prompt and a safety stop are refusals', () => {
  const blocked = {
    promptFeedback: { blockReason: 'SAFETY' },
    modelVersion: 'gemini-2.5-flash',
    usageMetadata: { promptTokenCount: 3 },
  };
  const path = '/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent';
  const bodies = [blocked, part([], 'SAFETY')];
  for (const body of bodies) {
    const call = observeCall({ ...SCRIPT, path, responseHeaders: {}, response: [[9000, JSON.stringify(body)]] });
    assert.deepEqual([call.outcome, call.finishReason, call.finishReasonRaw], ['refused', 'content_filter', 'SAFETY']);
    assert.equal(call.requestedModel, 'gemini-2.5-flash');
  }
});

test('an error is told by its status, as an object or in a list', () => {
  const error = { error: { code: 429, message: 'quota', status: 'RESOURCE_EXHAUSTED' } };
  for (const body of [error, [error]]) {
    const call = observeCall({ ...SCRIPT, status: 429, responseHeaders: {}, response: [[9000, JSON.stringify(body)]] });
    assert.deepEqual([call.outcome, call.errorType, call.errorMessage], ['http_error', 'RESOURCE_EXHAUSTED', 'quota']);
  }
});

test('counting tokens is an exchange', () => {
  const seen = observe([
    { ...SCRIPT, path: '/v1beta/models/g:countTokens', responseHeaders: {}, response: [[9, '{"totalTokens":3}']] },
  ]);
  assert.deepEqual([seen.calls.length, seen.exchanges.length], [0, 1]);
});

const USAGES: readonly [string, object, readonly (number | null)[]][] = [
  [
    'thoughts beside',
    { promptTokenCount: 10, candidatesTokenCount: 5, thoughtsTokenCount: 3, totalTokenCount: 18 },
    [10, 8],
  ],
  [
    'thoughts within',
    { promptTokenCount: 10, candidatesTokenCount: 5, thoughtsTokenCount: 3, totalTokenCount: 15 },
    [10, 5],
  ],
  ['thoughts alone', { promptTokenCount: 10, thoughtsTokenCount: 3, totalTokenCount: 13 }, [10, 3]],
  [
    'tool use',
    { promptTokenCount: 10, toolUsePromptTokenCount: 7, candidatesTokenCount: 5, totalTokenCount: 22 },
    [17, 5],
  ],
  ['no output yet', { promptTokenCount: 10, totalTokenCount: 10 }, [10, null]],
];
for (const [name, usage, [input, output]] of USAGES) {
  test(`usage: ${name}`, () => {
    const read = readUsage(usage)!;
    assert.deepEqual([read.input, read.output], [input, output]);
  });
}

test('Code Assist wraps request and answer: the same facts come out, and the contents are stored by parts', () => {
  const inner = {
    contents: [{ role: 'user', parts: [{ text: 'Hi' }] }],
    systemInstruction: { parts: [{ text: 'Be kind.' }] },
    tools: [{ functionDeclarations: [{ name: 'read' }] }],
    generationConfig: { temperature: 0.5, maxOutputTokens: 99 },
    session_id: 's-1',
  };
  const request = { model: 'gemini-2.5-pro', project: 'p', user_prompt_id: 'u', request: inner };
  const chunk = (text: string, more: object = {}) => ({
    response: {
      candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, ...more }],
      usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 2, totalTokenCount: 6 },
      modelVersion: 'gemini-2.5-pro',
      responseId: 'r-1',
    },
    traceId: 't',
  });
  const script: Script = {
    path: '/v1internal:streamGenerateContent',
    request,
    responseHeaders: EVENT_STREAM,
    response: sse([
      ['', chunk('Hel')],
      ['', chunk('lo', { finishReason: 'STOP' })],
    ]),
  };
  const { calls, contents } = observe([script]);
  const call = calls[0]!;
  assert.deepEqual(
    [call.dialect, call.requestedModel, call.model],
    ['gemini.generate_content', request.model, request.model],
  );
  assert.deepEqual([call.promptPreview, call.answerPreview, call.sessionId], ['Hi', 'Hello', 's-1']);
  assert.deepEqual([call.inputTokens, call.outputTokens, call.outcome, call.responseId], [4, 2, 'ok', 'r-1']);
  assert.deepEqual([call.offeredTools, call.temperature, call.maxOutputTokens], [['read'], 0.5, 99]);
  const texts = call.requestParts.map((hash) => contents.find((content) => content.hash === hash)!.text);
  assert.equal(rebuildRequest(call.requestSkeleton, texts), JSON.stringify(request));
  assert.equal(texts.length, 3);
  const whole = observeCall({
    path: '/v1internal:generateContent',
    request,
    response: [[9000, JSON.stringify(chunk('Hello', { finishReason: 'STOP' }))]],
  });
  assert.deepEqual([whole.answerPreview, whole.inputTokens, whole.outcome], ['Hello', 4, 'ok']);
});
