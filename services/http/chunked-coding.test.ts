import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHUNK_DAMAGE, CHUNK_DATA_NEXT, CHUNK_MORE, ChunkReader, mayBeginChunk } from './chunked-coding.ts';
import { HTTP_DEFAULTS } from './options.ts';

const CASES: readonly (readonly [segment: string, plausible: boolean])[] = [
  ['5\r\nhello\r\n', true],
  ['5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n', true],
  ['5;name="v"\r\nhello\r\n1f', true],
  ['5\r\nhello\r', true],
  ['ffff\r\nonly the beginning', true],
  ['0\r\n\r\n', true],
  ['0\r\n\r\nHTTP/1.1 200 OK\r\n', true],
  ['0\r\n\r\nHTT', true],
  ['5\nhello\n', false],
  ['5 \r\nhello\r\n', false],
  ['5\rhello', false],
  ['5\r\nhello!\r\n', false],
  ['5\r\nhello\r\nworld', false],
  ['5\r\nhello\r\n3\r\nabcd\r\n', false],
  ['123456789\r\n', false],
  ['5', false],
  ['5\r', false],
  ['', false],
  ['\r\n5\r\nhello\r\n', false],
  ['0\r\n', false],
  ['0\r\nTrailer: x\r\n\r\n', false],
  ['0\r\n\r\ntext', false],
  ['data: {"a":1}\n\n', false],
  ['DELETE / HTTP/1.1\r\n', false],
];

for (const [segment, plausible] of CASES) {
  test(`chunked: behind a gap ${JSON.stringify(segment)} ${plausible ? 'may begin' : 'begins no'} chunk`, () => {
    const bytes = Buffer.from(`...${segment}`);
    assert.equal(mayBeginChunk(bytes, 3, bytes.length), plausible);
  });
}

/** Reads a size line byte by byte. */
function sizeLine(line: string, strict: boolean): { readonly result: number; readonly size: number } {
  const reader = new ChunkReader(HTTP_DEFAULTS);
  reader.begin(strict);
  for (const byte of Buffer.from(line)) {
    reader.read(Buffer.from([byte]), 0, 1);
    if (reader.result !== CHUNK_MORE) break;
  }
  return { result: reader.result, size: reader.size };
}

test('chunked: a size line may be padded and end with a bare line feed, but not when a border is looked for', () => {
  for (const line of ['1a\r\n', '1A;x=y\r\n']) {
    assert.deepEqual(sizeLine(line, false), { result: CHUNK_DATA_NEXT, size: 26 });
    assert.deepEqual(sizeLine(line, true), { result: CHUNK_DATA_NEXT, size: 26 });
  }
  for (const line of ['1a\n', '1a  \r\n', '00000001a\r\n']) {
    assert.deepEqual(sizeLine(line, false), { result: CHUNK_DATA_NEXT, size: 26 });
    assert.equal(sizeLine(line, true).result, CHUNK_DAMAGE);
  }
});
