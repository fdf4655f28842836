import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_STREAM, observe, observeCall, sse } from '../../testing.ts';

/** [path, request, answer, dialect, model, input tokens, output tokens] */
const CASES: readonly (readonly [string, unknown, unknown, string, string, number | null, number | null])[] = [
  [
    '/v1/embeddings',
    { model: 'text-embedding-3-small', input: 'SECRET' },
    {
      object: 'list',
      model: 'text-embedding-3-small',
      data: [{ object: 'embedding', index: 0, embedding: [0.125] }],
      usage: { prompt_tokens: 8, total_tokens: 8 },
    },
    'openai.embeddings',
    'text-embedding-3-small',
    8,
    null,
  ],
  [
    '/openai/deployments/ada/embeddings',
    { input: 'SECRET' },
    { object: 'list', data: [], usage: { prompt_tokens: 8, total_tokens: 8 } },
    'openai.embeddings',
    'ada',
    8,
    null,
  ],
  [
    '/api/embed',
    { model: 'nomic', input: ['SECRET'] },
    { model: 'nomic', embeddings: [[0.125]], prompt_eval_count: 8 },
    'ollama.embed',
    'nomic',
    8,
    null,
  ],
  [
    '/v2/embed',
    { model: 'embed-v4.0', texts: ['SECRET'], input_type: 'search_query' },
    { id: 'x', embeddings: { float: [[0.125]] }, meta: { billed_units: { input_tokens: 8 } } },
    'cohere.embed',
    'embed-v4.0',
    8,
    null,
  ],
  [
    '/v1beta/models/gemini-embedding-001:embedContent',
    { content: { parts: [{ text: 'SECRET' }] } },
    { embedding: { values: [0.125] }, usageMetadata: { promptTokenCount: 8 } },
    'gemini.embed_content',
    'gemini-embedding-001',
    8,
    null,
  ],
  [
    '/v1/rerank',
    { model: 'jina', query: 'SECRET', documents: ['SECRET'] },
    { model: 'jina', usage: { total_tokens: 8 }, results: [{ index: 0, relevance_score: 0.9 }] },
    'rerank',
    'jina',
    8,
    null,
  ],
  ['/rerank', { query: 'SECRET', texts: ['SECRET'] }, [{ index: 0, score: 0.9 }], 'rerank', '', null, null],
  [
    '/v1/images/generations',
    { model: 'gpt-image-1', prompt: 'SECRET' },
    {
      created: 1,
      data: [{ b64_json: 'SECRET' }],
      usage: { total_tokens: 108, input_tokens: 8, output_tokens: 100, input_tokens_details: { text_tokens: 8 } },
    },
    'openai.images',
    'gpt-image-1',
    8,
    100,
  ],
  [
    '/v1/moderations',
    { model: 'omni-moderation-latest', input: 'SECRET' },
    { id: 'm', model: 'omni-moderation-latest', results: [] },
    'openai.moderations',
    'omni-moderation-latest',
    null,
    null,
  ],
  [
    '/v1/audio/transcriptions',
    { model: 'gpt-4o-transcribe', file: 'SECRET' },
    { text: 'SECRET', usage: { type: 'tokens', input_tokens: 8, output_tokens: 3, total_tokens: 11 } },
    'openai.audio',
    'gpt-4o-transcribe',
    8,
    3,
  ],
  [
    '/v1/audio/transcriptions',
    { model: 'whisper-1', file: 'SECRET' },
    { text: 'SECRET', usage: { type: 'duration', seconds: 9 } },
    'openai.audio',
    'whisper-1',
    null,
    null,
  ],
];

for (const [path, request, answer, dialect, model, input, output] of CASES) {
  test(`${path} is a call of ${dialect} with its usage (${input}, ${output})`, () => {
    const { calls, contents } = observe([{ path, request, response: [[9000, JSON.stringify(answer)]] }]);
    const call = calls[0]!;
    assert.deepEqual(
      [call.dialect, call.requestedModel, call.inputTokens, call.outputTokens],
      [dialect, model, input, output],
    );
    assert.deepEqual([call.outcome, call.streaming, call.answerPreview], ['ok', false, '']);
    assert.equal(contents.filter(({ kind }) => kind === 'response').length, 0, 'vectors and media are not stored');
    const stored = JSON.stringify([call, contents]);
    assert.equal(
      stored.includes('SECRET'),
      dialect.includes('embed'),
      'of embeddings the request is stored, of the others nothing',
    );
  });
}

test('the text of an error is stored as for any other call', () => {
  const { calls, contents } = observe([
    {
      path: '/v1/images/generations',
      request: { prompt: 'x' },
      status: 400,
      response: [[9000, '{"error":{"message":"no","type":"bad"}}']],
    },
  ]);
  assert.deepEqual([calls[0]!.outcome, calls[0]!.errorType, contents.length], ['http_error', 'bad', 1]);
});

test('sound is no text: a binary answer is whole when HTTP says so, and nothing of it is kept', () => {
  const script = {
    path: '/v1/audio/speech',
    request: { model: 'tts-1', input: 'Hi', voice: 'alloy' },
    responseHeaders: { 'content-type': 'audio/mpeg' },
    response: [[9000, Buffer.from([0xff, 0xf3, 0x5b, 0x7b, 0, 1, 2])]] as const,
  };
  const call = observeCall(script);
  assert.deepEqual(
    [call.dialect, call.outcome, call.completeness, call.responseBytes],
    ['openai.audio', 'ok', 'full', 7],
  );
  const cut = observeCall({ ...script, end: 'server_close', responseState: 'cut' });
  assert.equal(cut.outcome, 'upstream_abort');
});

test('streams of sound and of pictures have a first piece and a usage', () => {
  const usage = { input_tokens: 8, output_tokens: 30, total_tokens: 38 };
  const call = observeCall({
    path: '/v1/audio/speech',
    request: { model: 'gpt-4o-mini-tts', input: 'Hi', stream_format: 'sse' },
    responseHeaders: EVENT_STREAM,
    response: sse([
      ['', { type: 'speech.audio.delta', audio: 'AAAA' }],
      ['', { type: 'speech.audio.delta', audio: 'AAAA' }],
      ['', { type: 'speech.audio.done', usage }],
    ]),
  });
  assert.deepEqual([call.inputTokens, call.outputTokens, call.outcome, call.streaming], [8, 30, 'ok', true]);
  assert.ok(call.ttftMs! > 0);
});
