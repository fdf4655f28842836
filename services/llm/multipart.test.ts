import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { boundaryOf, MultipartBody } from './multipart.ts';
import { observe, type Piece } from './testing.ts';

/** What a standard client sends: undici's own encoder is the oracle. */
async function encoded(form: FormData): Promise<{ type: string; bytes: Buffer }> {
  const request = new Request('http://x/', { method: 'POST', body: form });
  return { type: request.headers.get('content-type')!, bytes: Buffer.from(await request.arrayBuffer()) };
}

function described(type: string, pieces: readonly Buffer[]): Record<string, unknown> {
  const body = new MultipartBody(boundaryOf(type));
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    body.data(bytes);
    // A body's bytes are only valid during the call.
    bytes.fill(0x23);
  }
  return JSON.parse(body.bytes.toString());
}

function upload(): FormData {
  const form = new FormData();
  form.set('model', 'gpt-4o-transcribe');
  form.set('prompt', 'My secret – words');
  form.set('stream', 'true');
  form.set('file', new Blob([Buffer.from([0, 13, 10, 45, 45, 255])], { type: 'audio/mpeg' }), 'secret-name.mp3');
  form.append('image[]', new Blob(['aa'], { type: 'image/png' }), 'a.png');
  form.append('image[]', new Blob(['bbb']), 'b.png');
  form.set('language', 'x'.repeat(500));
  return form;
}

const EXPECTED = {
  model: 'gpt-4o-transcribe',
  prompt: { bytes: 19 },
  stream: 'true',
  file: { bytes: 6, type: 'audio/mpeg' },
  'image[]': [
    { bytes: 2, type: 'image/png' },
    { bytes: 3, type: 'application/octet-stream' },
  ],
  language: { bytes: 500 },
};

test('fields, sizes and types come out, contents and names of files do not, wherever the body is cut', async () => {
  const { type, bytes } = await encoded(upload());
  assert.deepEqual(described(type, [bytes]), EXPECTED);
  for (const size of [1, 2, 3, 7, 50]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
      bytes.subarray(n * size, n * size + size),
    );
    assert.deepEqual(described(type, pieces), EXPECTED, `pieces of ${size}`);
  }
});

test('whatever a file holds, its size is right', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ maxLength: 20 }),
      fc.integer({ min: 1, max: 40 }),
      async (content, tail, size) => {
        const form = new FormData();
        form.set('file', new Blob([Buffer.from(content), `\r\n--${tail}`]), 'x');
        const { type, bytes } = await encoded(form);
        const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
          bytes.subarray(n * size, n * size + size),
        );
        const { file } = described(type, pieces) as { file: { bytes: number } };
        assert.equal(file.bytes, content.length + Buffer.byteLength(`\r\n--${tail}`.toWellFormed()));
      },
    ),
    { numRuns: 60 },
  );
});

test('an upload is a call with its model and a description instead of its contents', async () => {
  const { type, bytes } = await encoded(upload());
  const script = {
    path: '/v1/audio/transcriptions',
    requestHeaders: { 'content-type': type },
    requestPieces: [[500, bytes]] as Piece[],
    response: [[9000, '{"text":"my secret","usage":{"type":"tokens","input_tokens":14,"output_tokens":3}}']] as Piece[],
  };
  const { calls, contents } = observe([script]);
  const call = calls[0]!;
  assert.deepEqual([call.dialect, call.requestedModel, call.streaming], ['openai.audio', 'gpt-4o-transcribe', true]);
  assert.deepEqual([call.inputTokens, call.outputTokens, call.requestBytes], [14, 3, bytes.length]);
  assert.deepEqual(JSON.parse(call.requestSkeleton), EXPECTED);
  assert.ok(!/secret/.test(JSON.stringify([calls, contents])));
});

test('an upload of a file that is no call is an exchange', async () => {
  const { type, bytes } = await encoded(upload());
  const { calls, exchanges } = observe([
    {
      path: '/v1/files',
      requestHeaders: { 'content-type': type },
      requestPieces: [[500, bytes]],
      response: [[900, '{}']],
    },
  ]);
  assert.deepEqual([calls.length, exchanges.length], [0, 1]);
});

test('random bytes never throw and hold little', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20_000 }), { maxLength: 4 }), (pieces) => {
      const body = new MultipartBody('b');
      for (const piece of pieces) {
        body.data(Buffer.from(`\r\n--b\r\n`));
        body.data(Buffer.from(piece));
        assert.ok(body.heldBytes < 30_000);
      }
      JSON.parse(body.bytes.toString());
    }),
  );
});
