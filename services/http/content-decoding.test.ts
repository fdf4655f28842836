import assert from 'node:assert/strict';
import type { Transform } from 'node:stream';
import { test } from 'node:test';
import {
  brotliCompressSync,
  createBrotliCompress,
  createDeflate,
  createGzip,
  createZstdCompress,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
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
  ['zstd', Buffer.concat([zstdCompressSync(TEXT.subarray(0, 900)), zstdCompressSync(TEXT.subarray(900))])],
  ['gzip, br', brotliCompressSync(gzipSync(TEXT))],
  ['br, deflate', deflateSync(brotliCompressSync(TEXT))],
  ['deflate, deflate', deflateSync(deflateRawSync(TEXT))],
  ['deflate, deflate, zstd', zstdCompressSync(deflateRawSync(deflateSync(TEXT)))],
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

/** What a server writes that flushes after each event; one entry a write. */
async function flushed(
  packer: Transform & { flush(done: () => void): void },
  texts: readonly string[],
): Promise<Buffer[]> {
  const writes: Buffer[] = [];
  for (const text of texts) {
    packer.write(text);
    await new Promise<void>((done) => packer.flush(done));
    writes.push(Buffer.concat([packer.read() as Buffer]));
  }
  return writes;
}

const PACKERS = {
  gzip: () => createGzip(),
  deflate: () => createDeflate(),
  br: () => createBrotliCompress(),
  zstd: () => createZstdCompress(),
} as const;

for (const [encoding, packer] of Object.entries(PACKERS)) {
  test(`decoding: each event of a ${encoding} stream comes out with the bytes that complete it`, async () => {
    const texts = ['data: "Grüße 😀"\n\n', 'data: 2\n\n', 'data: 3\n\n'];
    const writes = await flushed(packer(), texts);
    const head = server(`HTTP/1.1 200 OK\r\nContent-Encoding: ${encoding}\r\n\r\n`);
    const steps = writes.map((bytes) => server(bytes));
    const { ended, recorder } = run(framesOf([REQUEST, head, ...steps, { side: 'server', kind: 'fin' }]));
    assert.equal(ended[0]!.responseBody.toString(), texts.join(''));
    assert.deepEqual(recorder.responseTimes[0], [1002, 1003, 1004]);
  });
}

test('decoding: requests may be encoded as well, in all codings, one over the other, and bombs among them stop', () => {
  const zeros = Buffer.alloc(8 * 1024 * 1024);
  const cases: readonly (readonly [string, Buffer, string])[] = [
    ...CODINGS.map(([encoding, wire]) => [encoding, wire, ''] as const),
    ['zstd', zstdCompressSync(zeros), 'limit:zstd'],
    ['gzip, br', brotliCompressSync(gzipSync(zeros)), 'limit:gzip, br'],
  ];
  for (const [encoding, wire, undecoded] of cases) {
    const head = `POST / HTTP/1.1\r\nHost: h\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${wire.length}\r\n\r\n`;
    const answer = server('HTTP/1.1 204 No Content\r\n\r\n');
    const limits = { decodedBytesMax: 1024 * 1024, decodedFloorBytes: 65_536 };
    const { exchange, requestBody } = run(framesOf([client(head), client(wire), answer]), limits).ended[0]!;
    assert.equal(exchange.request.undecoded, undecoded, encoding);
    if (undecoded === '') assert.ok(requestBody.equals(TEXT), encoding);
    assert.equal(exchange.request.bodyBytes, wire.length);
  }
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
