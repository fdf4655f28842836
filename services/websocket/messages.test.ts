/** The examples of RFC 6455 section 5.7 and RFC 7692 section 7.2.3, limits, and what a gap does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { parseExtensions } from './extension.ts';
import { type Piece, readAll } from './testing.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const texts = (pieces: readonly Piece[], side: 'client' | 'server', context: boolean | null): string[] =>
  readAll(pieces, side, context).messages.map(({ text, problem }) => (problem === '' ? text : `${problem}: ${text}`));

const FRAMES: readonly (readonly [name: string, hex: string, side: 'client' | 'server', texts: readonly string[]])[] = [
  ['an unmasked text', '81 05 48 65 6c 6c 6f', 'server', ['Hello']],
  ['a masked text', '81 85 37 fa 21 3d 7f 9f 4d 51 58', 'client', ['Hello']],
  ['a fragmented text', '01 03 48 65 6c  80 02 6c 6f', 'server', ['Hello']],
  ['a ping in a fragmented text', '01 03 48 65 6c  89 05 48 65 6c 6c 6f  80 02 6c 6f', 'server', ['Hello']],
  ['an empty text', '81 00', 'server', ['']],
  ['nothing behind a close frame', '88 02 03 e8  81 01 41', 'server', []],
];
for (const [name, bytes, side, expected] of FRAMES) {
  test(`RFC 6455: ${name}`, () => {
    assert.deepEqual(texts([hex(bytes)], side, null), expected);
    const each = [...hex(bytes)].map((byte) => Buffer.of(byte));
    assert.deepEqual(texts(each, side, null), expected);
  });
}

test('RFC 6455: lengths of 16 and 64 bits', () => {
  for (const [head, size] of [
    ['82 7e 01 00', 256],
    ['82 7f 00 00 00 00 00 01 00 00', 65_536],
  ] as const) {
    const { messages } = readAll([hex(head), Buffer.alloc(size, 'a')], 'server', null);
    assert.deepEqual([messages[0]?.isText, messages[0]?.wireBytes, messages[0]?.text.length], [false, size, size]);
  }
});

const COMPRESSED: readonly (readonly [name: string, hex: string, context: boolean, texts: readonly string[]])[] = [
  ['one block', 'c1 07 f2 48 cd c9 c9 07 00', false, ['Hello']],
  ['fragments', '41 03 f2 48 cd  80 04 c9 c9 07 00', false, ['Hello']],
  ['a shared window', 'c1 07 f2 48 cd c9 c9 07 00  c1 05 f2 00 11 00 00', true, ['Hello', 'Hello']],
  ['a block without compression', 'c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00', false, ['Hello']],
  ['a final block', 'c1 08 f3 48 cd c9 c9 07 00 00', false, ['Hello']],
  ['two blocks', 'c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00', false, ['Hello']],
  [
    'an uncompressed message in between',
    'c1 07 f2 48 cd c9 c9 07 00  81 01 41  c1 05 f2 00 11 00 00',
    true,
    ['Hello', 'A', 'Hello'],
  ],
];
for (const [name, bytes, context, expected] of COMPRESSED) {
  test(`RFC 7692: ${name}`, () => {
    assert.deepEqual(texts([hex(bytes)], 'server', context), expected);
  });
}

test('what a frame may not be loses sync', () => {
  const wrong = [
    '91 00',
    'a1 00',
    'c1 00',
    '83 00',
    '81 80 00 00 00 00',
    '81 7e 00 05',
    '89 7e 00 80',
    '09 00',
    '80 00',
    '82 7f ff ff ff ff ff ff ff ff',
  ];
  for (const bytes of wrong) {
    const { lost, messages } = readAll([hex(bytes)], 'server', null);
    assert.deepEqual([lost, messages.length], [1, 0], bytes);
  }
  assert.equal(readAll([hex('81 05 48 65 6c 6c 6f')], 'client', null).lost, 1, 'clients mask');
});

test('the code of a close frame is read, its reason is not kept', () => {
  assert.equal(readAll([hex('88 05 03 f1 62 79 65')], 'server', null).reader.closeCode, 1009);
  assert.equal(readAll([hex('88 00')], 'server', null).reader.closeCode, 1005);
  assert.equal(readAll([hex('88 82 37 fa 21 3d 34 12')], 'client', null).reader.closeCode, 1000);
});

const json = (text: string): string => JSON.stringify({ type: 'x', text });
const frame = (text: string, first = 0x81): Buffer => {
  const bytes = Buffer.from(text);
  assert.ok(bytes.length < 126);
  return Buffer.concat([Buffer.of(first, bytes.length), bytes]);
};
const packed = (text: string): Buffer => {
  const bytes = deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4);
  return Buffer.concat([Buffer.of(0xc1, bytes.length), bytes]);
};

test('a gap inside a message costs that message its rest; the next one is whole', () => {
  const bytes = frame(json('abcdefghijkl'));
  const pieces = [bytes.subarray(0, 10), 5, bytes.subarray(15), frame(json('next'))];
  const { messages, lost } = readAll(pieces, 'server', null);
  assert.deepEqual(
    messages.map(({ problem, missingBytes, text }) => [problem, missingBytes, text]),
    [
      ['gap', 5, json('abcdefghijkl').slice(0, 8)],
      ['', 0, json('next')],
    ],
  );
  assert.equal(lost, 0);
});

test('a gap over a border: the direction goes on at a segment that begins with a frame', () => {
  const first = frame(json('first'));
  const inside = Buffer.from('some text of a message');
  const pieces = [first.subarray(0, 10), 100, inside, frame(json('second')), frame(json('third'))];
  const { messages, lost, reader } = readAll(pieces, 'server', null);
  assert.deepEqual(
    messages.map(({ problem, text }) => problem || text),
    ['gap', json('second'), json('third')],
  );
  assert.deepEqual([lost, reader.skippedBytes], [2, inside.length], 'the gap, and what was skipped behind it');
});

test('bytes that only look like a frame are not believed', () => {
  // A frame's head by chance, and whole frames that are no texts of an API.
  const looks = [
    Buffer.from([0x81, 0x20, 0x41, 0x42]),
    frame('plain words'),
    Buffer.from([0x81, 0x03, 0xff, 0xfe, 0xfd]),
  ];
  for (const bytes of looks) {
    assert.deepEqual(readAll([300, bytes], 'server', null).messages, []);
    assert.deepEqual(readAll([300, bytes], 'server', false).messages, []);
  }
  const bad = packed(json('x'));
  bad[3]! ^= 0xff;
  assert.deepEqual(readAll([300, bad], 'server', false).messages, []);
  assert.equal(readAll([300, packed(json('x'))], 'server', false).messages[0]?.text, json('x'));
});

test('a lost message takes the inflate context with it: what follows is counted, and never made up', () => {
  const unread = packed(json('two'));
  const { messages, reader } = readAll([packed(json('one')), 200, unread, frame(json('plain'))], 'server', true);
  assert.equal(reader.skippedBytes, unread.length - 2);
  assert.deepEqual(
    messages.map(({ problem, text }) => problem || text),
    [json('one'), 'context', json('plain')],
  );
});

test('limits: the size of a message and what it inflates to', () => {
  const big = Buffer.concat([hex('82 7e 10 00'), Buffer.alloc(4096, 'a')]);
  const limited = readAll([big, frame('{"a":1}')], 'server', null, { messageBytesMax: 1000 });
  assert.deepEqual(
    limited.messages.map(({ problem, wireBytes, text }) => [problem, wireBytes, text]),
    [
      ['limit', 4096, ''],
      ['', 7, '{"a":1}'],
    ],
  );
  const zeros = deflateRawSync(Buffer.alloc(20_000_000), { finishFlush: 2 }).subarray(0, -4);
  const head = Buffer.from([0xc1, 0x7e, 0, 0]);
  head.writeUInt16BE(zeros.length, 2);
  const bomb = readAll([head, zeros, frame('{"a":1}')], 'server', false);
  assert.deepEqual(
    bomb.messages.map(({ problem }) => problem),
    ['limit', ''],
  );
});

test('a length that nobody sends is damage, and takes no memory', () => {
  const { lost, reader } = readAll([hex('82 7f 00 00 00 ff ff ff ff ff'), Buffer.alloc(1000)], 'server', null);
  assert.equal(lost, 2);
  assert.ok(reader.heldBytes < 100_000);
});

test('extensions are read as the server agreed to them', () => {
  assert.equal(parseExtensions(''), null);
  assert.deepEqual(parseExtensions('permessage-deflate'), { clientContext: true, serverContext: true });
  assert.deepEqual(
    parseExtensions(
      'Permessage-Deflate; server_no_context_takeover; client_max_window_bits=12; server_max_window_bits=10',
    ),
    { clientContext: true, serverContext: false },
  );
  assert.equal(parseExtensions('permessage-deflate, x-webkit-deflate-frame'), 'unknown');
});
