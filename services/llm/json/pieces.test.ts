import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonPieces } from './pieces.ts';

function read(bytes: Buffer, cuts: readonly number[], valueBytesMax = 1_000_000): unknown[] {
  const values: unknown[] = [];
  const pieces = new JsonPieces((text) => values.push(JSON.parse(text)), valueBytesMax);
  const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  for (let i = 1; i < borders.length; i++) pieces.data(Buffer.from(bytes.subarray(borders[i - 1]!, borders[i]!)), 0);
  return values;
}

const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), { maxLength: 8 });

test('the elements of a list and the values of NDJSON come out whole, wherever the bytes are cut', () => {
  fc.assert(
    fc.property(objects, fc.array(fc.nat(), { maxLength: 20 }), fc.boolean(), (values, cuts, list) => {
      const text = list
        ? JSON.stringify(values, null, 1)
        : values.map((value) => `${JSON.stringify(value)}\r\n`).join('');
      assert.deepEqual(read(Buffer.from(text), cuts), JSON.parse(JSON.stringify(values)));
    }),
    { numRuns: 300 },
  );
});

test('a value over the limit is dropped and counted, the next one is read', () => {
  const seen: string[] = [];
  const pieces = new JsonPieces((text) => seen.push(text), 10);
  pieces.data(Buffer.from('[{"a":"xxxxxxx'), 0);
  pieces.data(Buffer.from('xxxxx"},{"b":1}]'), 0);
  assert.deepEqual([seen, pieces.dropped, pieces.heldBytes], [['{"b":1}'], 1, 0]);
});

test('after a hole the value that was open is lost and a later one is read', () => {
  const seen: string[] = [];
  const pieces = new JsonPieces((text) => seen.push(text), 1000);
  pieces.data(Buffer.from('[{"a":1},{"b":"x'), 0);
  pieces.gap();
  pieces.data(Buffer.from('{"c":2}]'), 0);
  assert.deepEqual(seen, ['{"a":1}', '{"c":2}']);
});
