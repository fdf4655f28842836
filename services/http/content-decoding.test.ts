import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { HttpOptions } from './options.ts';
import { client, framesOf, type Recorded, run, server } from './testing.ts';

const TEXT = Buffer.from('data: {"text":"é 😀 and more text"}\n\n'.repeat(50));
const REQUEST = client('GET / HTTP/1.1\r\nHost: h\r\n\r\n');

function decode(encoding: string, wire: Buffer, pieceBytes: number, options: Partial<HttpOptions> = {}): Recorded {
  const head = server(`HTTP/1.1 200 OK\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${wire.length}\r\n\r\n`);
  const pieces = [];
  for (let at = 0; at < wire.length; at += pieceBytes) pieces.push(server(wire.subarray(at, at + pieceBytes)));
  return run(framesOf([REQUEST, head, ...pieces]), options).ended[0]!;
}

const CODINGS: readonly (readonly [encoding: string, wire: Buffer])[] = [
  ['gzip', gzipSync(TEXT)],
  ['X-GZip', gzipSync(TEXT)],
  ['gzip', Buffer.concat([gzipSync(TEXT.subarray(0, 900)), gzipSync(TEXT.subarray(900))])],
  ['deflate', deflateSync(TEXT)],
  ['deflate', deflateRawSync(TEXT)],
  ['br', brotliCompressSync(TEXT)],
  ['zstd', zstdCompressSync(TEXT)],
  ['gzip, br', brotliCompressSync(gzipSync(TEXT))],
  ['identity', TEXT],
];

CODINGS.forEach(([encoding, wire], n) => {
  test(`decoding: ${encoding} (${n}) in pieces of any size`, () => {
    for (const size of [1, 7, 100, 100_000]) {
      const { exchange, responseBody } = decode(encoding, wire, size);
      assert.equal(exchange.response.undecoded, '');
      assert.ok(responseBody.equals(TEXT));
      assert.equal(exchange.response.bodyBytes, wire.length);
    }
  });
});

test('decoding: bytes flushed by the sender come out with their segment', () => {
  const { ended, recorder } = run(
    framesOf([
      REQUEST,
      server('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n'),
      server(gzipSync('one')),
      server(gzipSync('two')),
      { side: 'server', kind: 'fin' },
    ]),
  );
  assert.equal(ended[0]!.responseBody.toString(), 'onetwo');
  assert.deepEqual(recorder.responseTimes[0], [1002, 1003]);
});

test('decoding: damage, an early end and unknown codings are told and cost nobody else', () => {
  const damaged = gzipSync(TEXT);
  damaged.fill(0xff, 30, 60);
  assert.equal(decode('gzip', damaged, 50).exchange.response.undecoded, 'gzip');
  assert.equal(decode('gzip', gzipSync(TEXT).subarray(0, -9), 50).exchange.response.undecoded, 'gzip');
  const unknown = decode('compress', TEXT, 50);
  assert.equal(unknown.exchange.response.undecoded, 'compress');
  assert.equal(unknown.responseBody.length, 0);
  assert.equal(unknown.exchange.response.bodyBytes, TEXT.length);
});

test('decoding: bombs stop at the limits', () => {
  const zeros = Buffer.alloc(30 * 1024 * 1024);
  const limits = { decodedBytesMax: 5 * 1024 * 1024, decodedFloorBytes: 1024 * 1024 };
  for (const [encoding, wire] of [
    ['gzip', gzipSync(zeros)],
    ['br', brotliCompressSync(zeros, { params: {} })],
    ['zstd', zstdCompressSync(zeros)],
  ] as const) {
    const { exchange, responseBody } = decode(encoding, wire, 100_000, limits);
    assert.equal(exchange.response.undecoded, `limit:${encoding}`);
    assert.ok(responseBody.length <= limits.decodedBytesMax);
    assert.equal(exchange.response.state, 'complete');
  }
});

test('decoding: nothing follows a gap', () => {
  const wire = gzipSync(Buffer.from(Array.from({ length: 4000 }, (_, n) => Math.imul(n + 1, 0x9e3779b1) >>> 24)));
  const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${wire.length}\r\n\r\n`;
  const steps = [REQUEST, server(head), server(wire.subarray(0, 500)), server(wire.subarray(600), 100)];
  const { exchange, bodyGaps } = run(framesOf(steps)).ended[0]!;
  assert.equal(exchange.response.undecoded, 'gzip');
  assert.equal(exchange.response.missingBytes, 100);
  assert.equal(bodyGaps, 1);
});
