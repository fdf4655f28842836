import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
  zstdDecompressSync,
} from 'node:zlib';
import fc from 'fast-check';
import { encode } from './body-coding.ts';

const pieces = fc.array(fc.string({ unit: 'grapheme', maxLength: 200 }), { minLength: 1, maxLength: 12 });

test('pieces in a row decode to the whole body', () => {
  fc.assert(
    fc.property(pieces, (texts) => {
      const whole = Buffer.from(texts.join(''));
      const buffers = texts.map((text) => Buffer.from(text));
      assert.deepEqual(gunzipSync(Buffer.concat(encode(buffers, 'gzip'))), whole);
      assert.deepEqual(inflateSync(Buffer.concat(encode(buffers, 'deflate'))), whole);
      assert.deepEqual(Buffer.concat(encode(buffers, 'zstd').map((frame) => zstdDecompressSync(frame))), whole);
      assert.deepEqual(brotliDecompressSync(encode([whole], 'br')[0]!), whole);
      assert.deepEqual(inflateRawSync(Buffer.concat(encode(buffers, 'raw_deflate'))), whole);
    }),
    { numRuns: 60 },
  );
});

test('each piece can be decoded as soon as it is there', () => {
  const texts = ['one ', 'two – zwei ', 'three 🐦', ''];
  const encoded = encode(
    texts.map((text) => Buffer.from(text)),
    'gzip',
  );
  texts.forEach((_, at) => {
    const sofar = Buffer.concat(encoded.slice(0, at + 1));
    const text = gunzipSync(sofar, { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    assert.equal(text, texts.slice(0, at + 1).join(''));
  });
});
