/** The examples of RFC 7541 appendix C, all of them, and what a table that is known in part may say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCredentialMasker } from '../../credentials.ts';
import { DynamicTable } from './dynamic-table.ts';
import { type Field, makeField } from './field.ts';
import { HeaderDecoder } from './header-decoder.ts';
import { decodeHuffman } from './huffman.ts';
import { readInteger } from './integer.ts';

const masker = createCredentialMasker(Buffer.from('a key for tests only'));
const CAP = 64 * 1024;
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');

function decoder(complete = true): HeaderDecoder {
  return new HeaderDecoder(masker, CAP, 256, complete);
}

function decoded(by: HeaderDecoder, hex: string): string[] | null {
  const block = bytes(hex);
  return by.decode(block, 0, block.length)?.map(({ name, value }) => `${name}: ${value}`) ?? null;
}

function tableOf({ table }: HeaderDecoder): string[] {
  return Array.from({ length: table.length }, (_, index) => {
    const { name, value, size } = table.get(index)!;
    return `${size} ${name}: ${value}`;
  });
}

test('C.1: integers', () => {
  for (const [hex, bits, value] of [
    ['0a', 5, 10],
    ['1f9a0a', 5, 1337],
    ['2a', 8, 42],
  ] as const) {
    assert.equal(readInteger(bytes(hex), { at: 0 }, hex.length / 2, bits), value);
  }
  for (const hex of ['1f', '1f9a', '1fffffffffff7f', '1f808080808000', ''])
    assert.equal(readInteger(bytes(hex), { at: 0 }, hex.length / 2, 5), -1);
});

test('C.2: one field in each representation', () => {
  const literal = decoder();
  assert.deepEqual(decoded(literal, '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'), [
    'custom-key: custom-header',
  ]);
  assert.deepEqual(tableOf(literal), ['55 custom-key: custom-header']);
  const others = decoder();
  assert.deepEqual(decoded(others, '040c 2f73 616d 706c 652f 7061 7468'), [':path: /sample/path']);
  assert.deepEqual(decoded(others, '1008 7061 7373 776f 7264 0673 6563 7265 74'), ['password: secret']);
  assert.deepEqual(decoded(others, '82'), [':method: GET']);
  assert.deepEqual(tableOf(others), []);
});

const REQUESTS = [
  {
    plain: '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    huffman: '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
    fields: [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
    table: ['57 :authority: www.example.com'],
  },
  {
    plain: '8286 84be 5808 6e6f 2d63 6163 6865',
    huffman: '8286 84be 5886 a8eb 1064 9cbf',
    fields: [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
    table: ['53 cache-control: no-cache', '57 :authority: www.example.com'],
  },
  {
    plain: '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    huffman: '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    fields: [
      ':method: GET',
      ':scheme: https',
      ':path: /index.html',
      ':authority: www.example.com',
      'custom-key: custom-value',
    ],
    table: ['54 custom-key: custom-value', '53 cache-control: no-cache', '57 :authority: www.example.com'],
  },
] as const;

test('C.3 and C.4: requests, without and with Huffman coding', () => {
  for (const coding of ['plain', 'huffman'] as const) {
    const reader = decoder();
    for (const request of REQUESTS) {
      assert.deepEqual(decoded(reader, request[coding]), request.fields);
      assert.deepEqual(tableOf(reader), request.table);
    }
  }
});

const DATE = 'date: Mon, 21 Oct 2013 20:13:21 GMT';
const LATER = 'date: Mon, 21 Oct 2013 20:13:22 GMT';
const LOCATION = 'location: https://www.example.com';
const COOKIE = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
/** As it is kept. */
const MASKED = `set-cookie: ${masker.mask('set-cookie', COOKIE).stored}`;

const RESPONSES = [
  {
    plain:
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    huffman:
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
    fields: [':status: 302', 'cache-control: private', DATE, LOCATION],
    table: [`63 ${LOCATION}`, `65 ${DATE}`, '52 cache-control: private', '42 :status: 302'],
  },
  {
    plain: '4803 3330 37c1 c0bf',
    huffman: '4883 640e ffc1 c0bf',
    fields: [':status: 307', 'cache-control: private', DATE, LOCATION],
    table: ['42 :status: 307', `63 ${LOCATION}`, `65 ${DATE}`, '52 cache-control: private'],
  },
  {
    plain:
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    huffman:
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    fields: [':status: 200', 'cache-control: private', LATER, LOCATION, 'content-encoding: gzip', MASKED],
    table: [`98 ${MASKED}`, '52 content-encoding: gzip', `65 ${LATER}`],
  },
] as const;

test('C.5 and C.6: responses that evict fields from a table of 256 bytes; what is secret is kept as a fingerprint', () => {
  for (const coding of ['plain', 'huffman'] as const) {
    const reader = decoder();
    reader.table.resize(256);
    for (const response of RESPONSES) {
      assert.deepEqual(decoded(reader, response[coding]), response.fields);
      assert.deepEqual(tableOf(reader), response.table);
    }
  }
});

test('Huffman coded strings that are padded with other bits, too many bits or EOS are not valid', () => {
  assert.equal(decodeHuffman(bytes('f1e3c2e5f23a6ba0ab90f4ff'), 0, 12), 'www.example.com');
  for (const hex of ['ff', 'f1e3c2e5f23a6ba0ab90f4ffff', '1e', 'fffffffc'])
    assert.equal(decodeHuffman(bytes(hex), 0, hex.length / 2), null, hex);
  assert.equal(decodeHuffman(bytes('1f'), 0, 1), 'a');
});

test('a field larger than the table empties it; a table of no size keeps nothing', () => {
  const table = new DynamicTable(CAP, true);
  const field = (value: string): Field => makeField('a', value, masker);
  table.add(field('1'));
  table.add(field('x'.repeat(5000)));
  assert.equal(table.length, 0);
  table.resize(0);
  table.add(field('1'));
  assert.equal(table.length, 0);
});

test('a size update beyond what was agreed, behind a field, or cut off is damage', () => {
  for (const hex of ['3fe2 1f', '8220', '3f']) assert.equal(decoded(decoder(), hex), null, hex);
  const allowed = decoder();
  allowed.table.agree(8192);
  assert.deepEqual(decoded(allowed, '3fe1 3f82'), [':method: GET']);
});

test('after a join, what was added since resolves, what was there before stays unknown', () => {
  const joined = decoder(false);
  assert.deepEqual(decoded(joined, '82be 5808 6e6f 2d63 6163 6865'), [
    ':method: GET',
    'null: null',
    'cache-control: no-cache',
  ]);
  assert.deepEqual(decoded(joined, 'bebf'), ['cache-control: no-cache', 'null: null']);
  // A literal whose name is unknown may be a credential: its value is not kept, its place is.
  const again = decoder(false);
  assert.deepEqual(decoded(again, '7f05 0673 6563 7265 74be'), ['null: null', 'null: null']);
});

test('more than our cap is given up from the old end, and never mistaken', () => {
  const reader = new HeaderDecoder(masker, 100, 256, true);
  for (const name of ['a', 'b', 'c']) decoded(reader, `4001 ${Buffer.from(name).toString('hex')} 0131`);
  assert.deepEqual(decoded(reader, 'bebfc0'), ['c: 1', 'b: 1', 'null: null']);
});

test('a credential from the table is a fingerprint there, too', () => {
  const reader = decoder();
  const value = Buffer.from('Bearer made-up1').toString('hex');
  const [first] = decoded(reader, `570f ${value}`)!;
  assert.match(first!, /^authorization: Bearer fp_[0-9a-f]{16}$/);
  assert.deepEqual(decoded(reader, 'be'), [first]);
});
