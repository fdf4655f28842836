import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalHash, canonicalHashOf, canonicalJson } from './canonical.ts';

test('the examples of RFC 8785 come out as it says', () => {
  const numbers =
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}';
  assert.equal(
    canonicalJson(JSON.parse(numbers)),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  const sorting =
    '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}';
  assert.deepEqual(Object.values(JSON.parse(canonicalJson(JSON.parse(sorting))!)).slice(1), [
    'Carriage Return',
    'Control',
    'Latin Small Letter O With Diaeresis',
    'Euro Sign',
    'Emoji: Grinning Face',
    'Hebrew Letter Dalet With Dagesh',
  ]);
});

function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, each]) => [key, shuffled(each)]),
  );
}

test('equal values have equal hashes, however they are written, and others have others', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (value, other) => {
      const text = JSON.stringify(value);
      assert.equal(canonicalHashOf(JSON.stringify(shuffled(value), null, 3)), canonicalHashOf(text));
      assert.equal(canonicalHash(JSON.parse(text)), canonicalHashOf(text));
      assert.deepEqual(JSON.parse(canonicalJson(JSON.parse(text))!), JSON.parse(text));
      const same = canonicalHash(JSON.parse(JSON.stringify(other))) === canonicalHashOf(text);
      assert.equal(same, canonicalJson(JSON.parse(JSON.stringify(other))) === canonicalJson(JSON.parse(text)));
    }),
  );
});

test('a hash is 128 bits of the SHA-256 of the canonical text; what is no JSON, or too deep, is hashed as it stands', () => {
  const of = (text: string): string => hash('sha256', text).slice(0, 32);
  assert.equal(canonicalHashOf(' {"b": 1, "a" : [ ] } '), of('{"a":[],"b":1}'));
  assert.equal(canonicalHashOf(''), of('{}'));
  assert.equal(canonicalHashOf('{"a":'), of('{"a":'));
  const deep = '['.repeat(5000) + ']'.repeat(5000);
  assert.equal(canonicalHashOf(deep), of(deep));
});
