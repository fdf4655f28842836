import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Call, Content } from '../../schemas/call.ts';
import { LLM_DEFAULTS } from './defaults.ts';
import { CallRecognizer } from './recognizer.ts';
import { rebuildRequest } from './request-parts.ts';
import { EVENT_STREAM, observe, observeCall, type Piece, run, type Script, sse, TEST_OPTIONS } from './testing.ts';

const REQUEST = {
  model: 'claude-sonnet-4-5',
  max_tokens: 10,
  system: 'Be kind. 🐦',
  messages: [
    { role: 'user', content: 'naïve 👋 “quoted \\" text”' },
    { role: 'assistant', content: [{ type: 'text', text: 'ok' }] },
    { role: 'user', content: 'more' },
  ],
  stream: true,
};
const ANTHROPIC_STREAM = sse([
  [
    'message_start',
    { type: 'message_start', message: { id: 'm', model: 'claude-sonnet-4-5', usage: { input_tokens: 3 } } },
  ],
  ['content_block_start', { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }],
  ['content_block_delta', { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüße 👋\n' } }],
  ['message_delta', { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 5 } }],
  ['message_stop', { type: 'message_stop' }],
]);

function whole(pieces: readonly Piece[]): Buffer {
  return Buffer.concat(pieces.map((piece) => ('gap' in piece ? Buffer.alloc(0) : Buffer.from(piece[1] as string))));
}

/** The same bytes in other pieces, all at one time. */
function cut(bytes: Buffer, cuts: readonly number[]): Piece[] {
  const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return borders.slice(1).map((to, i) => [5000, bytes.subarray(borders[i]!, to)] as const);
}

/** One process's offsets differ from run to run; all else must not. */
function comparable(script: Script) {
  const { calls, contents } = observe([script]);
  return { calls: calls.map((call) => ({ ...call, callId: '' })), contents };
}

const GEMINI_LIST = `[${[1, 2].map((n) => JSON.stringify({ candidates: [{ content: { parts: [{ text: `ü"]}${n}` }] }, ...(n === 2 ? { finishReason: 'STOP' } : {}) }], modelVersion: 'g', usageMetadata: { promptTokenCount: n } })).join(',\r\n')}]`;
const BODIES: readonly [string, Script, Buffer][] = [
  ['an event stream', { request: REQUEST, responseHeaders: EVENT_STREAM }, whole(ANTHROPIC_STREAM)],
  [
    'an event stream without its content type',
    { request: REQUEST, responseHeaders: { 'content-type': '' } },
    whole(ANTHROPIC_STREAM),
  ],
  [
    'a JSON list in pieces',
    { path: '/v1beta/models/g:streamGenerateContent', request: { contents: [] } },
    Buffer.from(GEMINI_LIST),
  ],
  [
    'a JSON body',
    { request: REQUEST },
    Buffer.from('{"type":"message","role":"assistant","content":[{"type":"text","text":"Grüße 👋"}]}'),
  ],
];
for (const [name, script, bytes] of BODIES) {
  test(`any cut of the bytes gives the same call and contents: ${name}`, () => {
    const requestBytes = Buffer.from(JSON.stringify(script.request));
    const expected = comparable({ ...script, requestPieces: [[5000, requestBytes]], response: [[5000, bytes]] });
    assert.equal(expected.calls[0]!.outcome, 'ok');
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 5 }), (cuts, requestCuts) => {
        const same = { ...script, requestPieces: cut(requestBytes, requestCuts), response: cut(bytes, cuts) };
        assert.deepEqual(comparable(same), expected);
      }),
      { numRuns: 60 },
    );
  });
}

test('damaged bodies and events never throw, and each exchange is observed once', () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(`data: ${text}\n\n`)),
    fc.json().map((text) => Buffer.from(text)),
  );
  const paths = [
    '/v1/messages',
    '/v1/chat/completions',
    '/v1/responses',
    '/v1beta/models/g:streamGenerateContent',
    '/other',
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...paths),
      fc.boolean(),
      noise,
      fc.array(noise, { maxLength: 6 }),
      (path, events, request, response) => {
        const seen = observe([
          {
            path,
            requestPieces: [[100, request]],
            responseHeaders: events ? EVENT_STREAM : {},
            response: response.map((bytes) => [5000, bytes] as const),
          },
        ]);
        assert.equal(seen.calls.length + seen.exchanges.length, 1);
      },
    ),
    { numRuns: 400 },
  );
});

test('any event of any shape is taken without a throw by each dialect', () => {
  const types = [
    'message_start',
    'content_block_start',
    'content_block_delta',
    'message_delta',
    'response.created',
    'response.completed',
    'response.output_item.added',
    'response.output_text.delta',
    'error',
  ];
  const value = fc.oneof(fc.jsonValue(), fc.constant([null]), fc.constant({}), fc.nat());
  const event = fc.record(
    Object.fromEntries(
      [
        'message',
        'delta',
        'content_block',
        'choices',
        'candidates',
        'usage',
        'usageMetadata',
        'response',
        'item',
        'index',
        'output_index',
        'content_index',
        'error',
      ].map((key) => [key, value]),
    ),
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.constantFrom('/v1/messages', '/v1/chat/completions', '/v1/responses', '/m/g:streamGenerateContent'),
      fc.array(fc.tuple(fc.constantFrom(...types), event), { maxLength: 6 }),
      (path, events) => {
        const body = { model: 'm', messages: [], input: [], contents: [] };
        const response = sse(events.map(([type, data]) => [type, { type, ...data }]));
        assert.equal(observe([{ path, request: body, responseHeaders: EVENT_STREAM, response }]).calls.length, 1);
      },
    ),
    { numRuns: 400 },
  );
});

test('a stored request is put together again byte for byte, its contents stored once over a conversation', () => {
  const texts = [1, 2, 3].map((n) => JSON.stringify({ ...REQUEST, messages: REQUEST.messages.slice(0, n) }, null, n));
  const { calls, contents } = observe(
    texts.map((request) => ({ request, responseHeaders: EVENT_STREAM, response: ANTHROPIC_STREAM })),
  );
  const stored = new Map(contents.map((content) => [content.hash, content.text]));
  calls.forEach((call, i) => {
    const rebuilt = rebuildRequest(
      call.requestSkeleton,
      call.requestParts.map((hash) => stored.get(hash)!),
    );
    assert.equal(rebuilt, texts[i]);
  });
  const again = observe(
    [1, 2].map(() => ({ request: texts[0], responseHeaders: EVENT_STREAM, response: ANTHROPIC_STREAM })),
  );
  assert.equal(
    again.contents.filter((content) => content.kind !== 'response').length,
    2,
    'the system prompt and one message',
  );
  const limits = { ...LLM_DEFAULTS, contentCacheEntries: 0 };
  const all = observe(
    [1, 2].map(() => ({ request: texts[0], responseHeaders: EVENT_STREAM, response: ANTHROPIC_STREAM })),
    { ...TEST_OPTIONS, limits },
  );
  assert.equal(all.contents.filter((content) => content.kind !== 'response').length, 4);
});

test('without content nothing of the texts comes out', () => {
  const script: Script = { request: REQUEST, responseHeaders: EVENT_STREAM, response: ANTHROPIC_STREAM };
  const seen = observe([script], { ...TEST_OPTIONS, content: false });
  assert.equal(seen.contents.length, 0);
  assert.ok(!/kind|naïve|more|Grüße/.test(JSON.stringify(seen.calls)));
  assert.deepEqual([seen.calls[0]!.inputTokens, seen.calls[0]!.messageCount], [3, 3]);
});

test('without exchanges only calls are observed, and both are counted', () => {
  const seen: string[] = [];
  const recognizer = new CallRecognizer({ ...TEST_OPTIONS, exchanges: false }, ({ type }) => seen.push(type));
  run(recognizer, { request: REQUEST, responseHeaders: EVENT_STREAM, response: ANTHROPIC_STREAM });
  run(recognizer, { method: 'GET', path: '/health', response: [[5000, 'ok']] });
  assert.deepEqual(seen, ['call']);
  assert.deepEqual([recognizer.stats.calls, recognizer.stats.exchanges], [1, 1]);
});

test('a JSON API that looks like an LLM call and is none of the known ones is kept as unknown, uninterpreted', () => {
  const request = { model: 'm-1', prompt: 'Say hi' };
  const answer = JSON.stringify({ id: 'x', model: 'm-1b', completion: 'hi', usage: { tokens: 3 } });
  const { calls, contents } = observe([{ path: '/api/complete', request, response: [[5000, answer]] }]);
  const call = calls[0]!;
  assert.deepEqual(
    [call.dialect, call.requestedModel, call.model, call.usageSource],
    ['unknown', 'm-1', 'm-1b', 'none'],
  );
  assert.equal(contents.find((content) => content.kind === 'response')!.text, answer);
});

const USAGES: readonly (readonly [
  what: string,
  answer: object,
  input: number,
  cached: number | null,
  output: number,
])[] = [
  ['chat', { usage: { prompt_tokens: 9, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 4 } } }, 9, 4, 2],
  ['Anthropic', { usage: { input_tokens: 5, cache_read_input_tokens: 4, output_tokens: 2 } }, 9, 4, 2],
  ['Bedrock', { usage: { inputTokens: 9, outputTokens: 2, totalTokens: 11 } }, 9, null, 2],
  ['Ollama', { prompt_eval_count: 9, eval_count: 2 }, 9, null, 2],
];

for (const [what, usage, input, cached, output] of USAGES) {
  test(`of an unknown API usage in the shape of ${what} is reported usage, whole or streamed`, () => {
    const request = { model: 'm-1', prompt: 'Say hi' };
    const pieces = [
      { model: 'm-1b', response: 'h' },
      { model: 'm-1b', response: 'i', ...usage },
    ];
    const streamed = pieces.map((piece) => `${JSON.stringify(piece)}\n`).join('');
    const { calls } = observe([
      { path: '/api/compose', request, response: [[5000, JSON.stringify(pieces[1])]] },
      {
        path: '/api/compose',
        request,
        responseHeaders: { 'content-type': 'application/x-ndjson' },
        response: [[5000, streamed]],
      },
    ]);
    assert.equal(calls.length, 2);
    for (const call of calls) {
      assert.deepEqual(
        [call.dialect, call.inputTokens, call.cacheReadTokens, call.outputTokens, call.usageSource],
        ['unknown', input, cached, output, 'reported'],
      );
    }
  });
}

test('an error answer of an unknown API stays an exchange: nothing tells that it was a call', () => {
  const request = { model: 'm-1', prompt: 'Say hi' };
  const error = JSON.stringify({ error: { message: 'overloaded' }, usage: { prompt_tokens: 1 } });
  const seen = observe([{ path: '/api/complete', request, status: 503, response: [[5000, error]] }]);
  assert.deepEqual([seen.calls.length, seen.exchanges[0]!.status], [0, 503]);
});

test('other JSON POSTs are exchanges: lists of vectors on a path that nobody knows, batches, files, counts of tokens', () => {
  const cases: [string, unknown, string][] = [
    [
      '/v1/vectors',
      { model: 'e', input: 'x' },
      '{"object":"list","data":[{"embedding":[1]}],"usage":{"prompt_tokens":1}}',
    ],
    ['/v1/batches', { input_file_id: 'f', endpoint: '/v1/chat/completions' }, '{"id":"b","object":"batch"}'],
    ['/v1beta/models/gemini-2.5-pro:countTokens', { contents: [] }, '{"totalTokens":3}'],
    ['/v1/responses/input_tokens', { model: 'm', input: 'x' }, '{"object":"response.input_tokens","input_tokens":3}'],
    ['/v1/tokenize', { model: 'm', text: 'x' }, '{"tokens":[1]}'],
    ['/tokenize', { model: 'm', prompt: 'x' }, '{"count":1,"tokens":[1]}'],
    ['/v1/conversations', { items: [], metadata: {} }, '{"id":"conv_1","object":"conversation"}'],
    ['/api/orders', { item: 3 }, '{"usage":1,"content":"x"}'],
    ['/api/complete', { model: 'm', prompt: 'x' }, '{"ok":true}'],
  ];
  for (const [path, request, answer] of cases) {
    const seen = observe([{ path, request, response: [[5000, answer]] }]);
    assert.deepEqual([seen.calls.length, seen.exchanges.length], [0, 1], path);
  }
});

test('a known dialect behind a path of its own is recognised by the shape of its answer', () => {
  const call = observeCall({
    path: '/proxy/llm',
    request: REQUEST,
    responseHeaders: EVENT_STREAM,
    response: ANTHROPIC_STREAM,
  });
  assert.deepEqual([call.dialect, call.messageCount, call.outputTokens], ['anthropic.messages', 3, 5]);
});

test('a request over the limit is truncated and says so', () => {
  const limits = { ...LLM_DEFAULTS, requestBytesMax: 40 };
  const call = observeCall(
    { request: REQUEST, responseHeaders: EVENT_STREAM, response: ANTHROPIC_STREAM },
    { ...TEST_OPTIONS, limits },
  );
  assert.deepEqual([call.completeness, call.requestedModel], ['truncated', 'claude-sonnet-4-5']);
});

test('previews do not cut a surrogate pair in half', () => {
  const text = 'x'.repeat(299) + '👋';
  const request = { ...REQUEST, messages: [{ role: 'user', content: text }] };
  const call = observeCall({ request, responseHeaders: EVENT_STREAM, response: ANTHROPIC_STREAM });
  assert.equal(call.promptPreview, 'x'.repeat(299));
});

test('the preview is the last genuine user text, not a tool result or a reminder', () => {
  const messages = [
    { role: 'user', content: 'old' },
    {
      role: 'user',
      content: [
        { type: 'text', text: '<system-reminder>a</system-reminder>\n<system-reminder>b</system-reminder>\nnew' },
      ],
    },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'result' }] }] },
    { role: 'user', content: '<system-reminder>c</system-reminder>' },
  ];
  const call = observeCall({
    request: { ...REQUEST, messages },
    responseHeaders: EVENT_STREAM,
    response: ANTHROPIC_STREAM,
  });
  assert.equal(call.promptPreview, 'new');
});

test('a JSON body with a hole is not read as if it were whole, even if its pieces fit', () => {
  const response: Piece[] = [
    [5000, '{"type":"message","role":"assistant","content":[{"type":"text","text":"a'],
    { gap: 10 },
    [6000, 'b"}]}'],
  ];
  const call = observeCall({ request: REQUEST, response });
  assert.deepEqual([call.outcome, call.completeness, call.missingBytes], ['partial_capture', 'gap', 10]);
  assert.equal(call.answerPreview, '');
});

test('an open exchange counts its bytes as held, and none when it is closed', () => {
  const limits = { ...LLM_DEFAULTS, prefixCacheBytes: 0 };
  let held = 0;
  const recognizer = new CallRecognizer({ ...TEST_OPTIONS, limits }, () => {});
  const script: Script = { request: REQUEST, responseHeaders: EVENT_STREAM, response: ANTHROPIC_STREAM };
  const onResponse = recognizer.onResponse.bind(recognizer);
  recognizer.onResponse = (exchange) => {
    held = recognizer.heldBytes;
    return onResponse(exchange);
  };
  run(recognizer, script);
  assert.ok(held > 100);
  assert.equal(recognizer.heldBytes, 0);
});

/** Observes `inner` while `outer` is open: between its request and its answer. */
function observeWithin(
  outer: Script,
  inner: Script,
  openBytesMax: number,
): { recognizer: CallRecognizer; calls: Call[] } {
  const calls: Call[] = [];
  const limits = { ...LLM_DEFAULTS, openBytesMax, prefixCacheBytes: 0 };
  const recognizer = new CallRecognizer({ ...TEST_OPTIONS, limits }, (seen) => {
    if (seen.type === 'call') calls.push(seen.call);
  });
  const onResponse = recognizer.onResponse.bind(recognizer);
  recognizer.onResponse = (exchange) => {
    recognizer.onResponse = onResponse;
    run(recognizer, inner);
    return onResponse(exchange);
  };
  run(recognizer, outer);
  return { recognizer, calls };
}

const LARGE = { ...REQUEST, messages: [{ role: 'user', content: 'x'.repeat(32_000) }] };
const STREAMED = { responseHeaders: EVENT_STREAM, response: ANTHROPIC_STREAM };

test('when all open exchanges hold too much, the largest one lets go, keeps its facts and is truncated', () => {
  const { recognizer, calls } = observeWithin(
    { request: LARGE, ...STREAMED },
    { request: { ...REQUEST, model: 'other' }, ...STREAMED },
    33_000,
  );
  assert.deepEqual(
    calls.map((call) => [call.requestedModel, call.outcome, call.completeness]),
    [
      ['other', 'ok', 'full'],
      ['claude-sonnet-4-5', 'ok', 'truncated'],
    ],
  );
  assert.deepEqual([recognizer.stats.droppedOpen, recognizer.heldBytes], [1, 0]);
  assert.ok(recognizer.stats.droppedOpenBytes > 20_000);
});

test('a text that was dropped before it was stored comes again with the next request that has it', () => {
  const seen: Content[] = [];
  const limits = { ...LLM_DEFAULTS, openBytesMax: 40_000 };
  const options = { ...TEST_OPTIONS, limits };
  const recognizer = new CallRecognizer(options, (one) => seen.push(...(one.type === 'call' ? one.contents : [])));
  const answer = 'y'.repeat(10_000);
  const response: Piece[] = [
    [5000, JSON.stringify({ type: 'message', role: 'assistant', content: [{ type: 'text', text: answer }] })],
  ];
  run(recognizer, { request: LARGE, response });
  assert.equal(recognizer.stats.droppedOpen, 1);
  assert.equal(seen.filter(({ kind }) => kind === 'message').length, 0);
  run(recognizer, { request: LARGE, response: [[5000, '{"type":"message","role":"assistant","content":[]}']] });
  assert.equal(seen.filter(({ kind }) => kind === 'message').length, 1);
});

test('a stream that is dropped tells what it was, and no more', () => {
  const delta = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'z'.repeat(30_000) } };
  const start = { type: 'message_start', message: { id: 'msg_1', model: 'm-1', usage: { input_tokens: 3 } } };
  const call = observeCall(
    {
      request: REQUEST,
      responseHeaders: EVENT_STREAM,
      response: sse([
        ['message_start', start],
        ['content_block_delta', delta],
        ['message_stop', { type: 'message_stop' }],
      ]),
    },
    { ...TEST_OPTIONS, limits: { ...LLM_DEFAULTS, openBytesMax: 20_000 } },
  );
  assert.deepEqual(
    [
      call.model,
      call.responseId,
      call.inputTokens,
      call.streaming,
      call.completeness,
      call.outcome,
      call.answerPreview,
    ],
    ['m-1', 'msg_1', 3, true, 'truncated', 'partial_capture', ''],
  );
});
