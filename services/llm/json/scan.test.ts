import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contentsOf, hashesOf, rebuildRequest, takeApart } from '../request-parts.ts';
import { type RequestLayout, scanRequest } from './scan.ts';
import { JSON_DEPTH_MAX, skipValue } from './skip.ts';

const LAYOUT: RequestLayout = { messages: 'message', system: 'system', tools: 'tool' };
const PARTS_MAX = 10_000;
const NOTHING = { epoch: 0, has: () => false };

/** JSON text with any whitespace between tokens and some characters written as escapes. */
function written(value: unknown, space: () => string, escaped: () => boolean): string {
  const s = space;
  if (Array.isArray(value)) return `[${s()}${value.map((v) => written(v, s, escaped) + s()).join(`,${s()}`)}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}${s()}:${s()}${written(v, s, escaped)}`);
    return `{${s()}${members.join(`${s()},${s()}`)}${s()}}`;
  }
  if (typeof value !== 'string') return JSON.stringify(value);
  if (!escaped()) return JSON.stringify(value);
  return `"${unicode(value)}"`;
}

function unicode(value: string): string {
  let text = '';
  for (let i = 0; i < value.length; i++) {
    text += `\\u${value.charCodeAt(i).toString(16).padStart(4, '0')}`;
  }
  return text;
}

const body = fc.dictionary(
  fc.oneof(fc.constantFrom('messages', 'system', 'tools', 'model', 'a"b', 'x\\'), fc.string()),
  fc.oneof(fc.jsonValue({ maxDepth: 6 }), fc.array(fc.jsonValue({ maxDepth: 4 }))),
);
const seeds = fc.array(fc.nat(7), { minLength: 1, maxLength: 50 });

function write(value: unknown, seed: readonly number[]): string {
  let i = 0;
  const next = () => seed[i++ % seed.length]!;
  return written(
    value,
    () => ['', '', ' ', '\n', '\t', '\r\n  ', '', '  '][next()]!,
    () => next() === 1,
  );
}

test('the parts of any JSON object are sliced exactly, and the request is put together again byte for byte', () => {
  fc.assert(
    fc.property(body, seeds, (value, seed) => {
      const text = write(value, seed);
      const bytes = Buffer.from(text);
      const scan = scanRequest(bytes, LAYOUT, PARTS_MAX, null);
      assert.equal(scan.status, 'ok');
      const parsed = JSON.parse(text) as Record<string, unknown>;
      for (const member of scan.members) {
        const slices = member.starts.map((from, i) =>
          JSON.parse(bytes.toString('utf8', member.start + from, member.start + member.ends[i]!)),
        );
        if (member.isList) assert.deepEqual(slices, parsed[member.key]);
        else if (slices.length > 0) assert.deepEqual(slices, [parsed[member.key]]);
      }
      const apart = takeApart(bytes, LAYOUT, PARTS_MAX, null, '');
      assert.equal(apart.bodyHash, null);
      const stored = new Map(contentsOf(bytes, apart, NOTHING).map((content) => [content.hash, content.text]));
      const texts = hashesOf(apart).map((hash) => stored.get(hash)!);
      assert.equal(rebuildRequest(apart.skeleton, texts), text);
    }),
    { numRuns: 500 },
  );
});

test('a member that comes twice is taken apart twice and read as its last one', () => {
  const text = '{"messages":[1],"messages":["a","b"]}';
  const apart = takeApart(Buffer.from(text), LAYOUT, PARTS_MAX, null, '');
  assert.equal(apart.skeleton, '{"messages":[\0],"messages":[\0,\0]}');
  assert.equal(rebuildRequest(apart.skeleton, ['1', '"a"', '"b"']), text);
});

const MALFORMED = [
  '',
  ' ',
  '[]',
  '{',
  '{"messages":[',
  '{"messages":[{"a":1}',
  '{"messages":[{"a":1}]',
  '{"messages":[{"a":1]}]}',
  '{"messages":[1 2]}',
  '{"messages":[,]}',
  '{"model":"x" "y":1}',
  '{"model":"x\\"}',
  '{"a":1}x',
  '{"a":}',
  '{a:1}',
  '{"a":tru}',
  '{"a":"\0"}',
];

for (const text of MALFORMED) {
  test(`${JSON.stringify(text)} is noticed as malformed and stored whole`, () => {
    const apart = takeApart(Buffer.from(text), LAYOUT, PARTS_MAX, null, '');
    assert.notEqual(apart.bodyHash, null);
    assert.equal(apart.skeleton, '\0');
    assert.equal(rebuildRequest(apart.skeleton, [text]), text);
  });
}

test('a body that is cut off still gives its whole members and messages', () => {
  const text = '{"model":"m","messages":[{"role":"user"},{"role":"assis';
  const apart = takeApart(Buffer.from(text), LAYOUT, PARTS_MAX, null, '');
  assert.deepEqual(apart.fields, { model: 'm' });
  assert.equal(apart.members[1]!.ends.length, 1);
});

test('nesting deeper than the limit is malformed, not a stack overflow', () => {
  const deep = (n: number) => Buffer.from('['.repeat(n) + ']'.repeat(n));
  assert.equal(skipValue(deep(JSON_DEPTH_MAX), 0, 2 * JSON_DEPTH_MAX), 2 * JSON_DEPTH_MAX);
  assert.equal(skipValue(deep(1_000_000), 0, 2_000_000), -1);
});

test('more parts than the limit store the request whole', () => {
  const text = `{"messages":[${Array(11).fill('1').join(',')}]}`;
  assert.equal(takeApart(Buffer.from(text), LAYOUT, 10, null, '').bodyHash === null, false);
  assert.equal(takeApart(Buffer.from(text), LAYOUT, 11, null, '').bodyHash === null, true);
});

test('random bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (noise, text) => {
      takeApart(Buffer.from(noise), LAYOUT, PARTS_MAX, null, '');
      takeApart(Buffer.concat([Buffer.from(`{"messages":[${text}`), noise]), LAYOUT, PARTS_MAX, null, '');
    }),
  );
});

test('members one object further inside count as those of the body, deeper ones do not', () => {
  const layout: RequestLayout = { contents: 'message', tools: 'tool', request: 'inside' };
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue({ maxDepth: 3 })),
      fc.array(fc.jsonValue({ maxDepth: 3 })),
      seeds,
      (messages, tools, seed) => {
        const deeper = { request: { contents: [1, 2] } };
        const text = write(
          { model: 'm', request: { contents: messages, x: deeper, tools, request: { contents: [3] } }, y: 1 },
          seed,
        );
        const bytes = Buffer.from(text);
        const parts = takeApart(bytes, layout, PARTS_MAX, null, '');
        assert.deepEqual(hashesOf(parts).length, messages.length + tools.length);
        const texts = new Map(contentsOf(bytes, parts, NOTHING).map((content) => [content.hash, content.text]));
        assert.equal(
          rebuildRequest(
            parts.skeleton,
            hashesOf(parts).map((hash) => texts.get(hash)!),
          ),
          text,
        );
        const { request } = parts.fields as { request: Record<string, unknown> };
        assert.deepEqual([request.contents, request.tools, request.x], [null, null, deeper]);
      },
    ),
  );
});
