import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Direction } from './difference.ts';
import { headerDifferences } from './header-difference.ts';
import { jsonDifferences } from './json-difference.ts';

/** As `name: change, call, hop`. */
const lines = (differences: ReturnType<typeof jsonDifferences>): string[] =>
  differences.map(({ name, change, call, hop }) => `${name}: ${change}, ${call}, ${hop}`);
const bodies = (call: unknown, hop: unknown, direction: Direction = 'asked'): string[] =>
  lines(jsonDifferences(JSON.stringify(call), JSON.stringify(hop), direction));

test('headers that were added, removed and changed are told, and no equal ones', () => {
  const own = 'host: a\nx-one: 1\naccept: x\nx-gone: 2\n';
  const other = 'x-new: 3\nhost: b\naccept: x\nx-one: 1\n';
  assert.deepEqual(lines(headerDifferences(own, other, 'asked')), [
    'host: changed, a, b',
    'x-gone: removed, 2, –',
    'x-new: added, –, 3',
  ]);
});

test('of an answer it is the hop that comes first: what only the client got was added', () => {
  assert.deepEqual(lines(headerDifferences('server: a\nvia: g\n', 'server: a\nage: 1\n', 'answered')), [
    'via: added, g, –',
    'age: removed, –, 1',
  ]);
});

test('what may only not be stored is not told as removed or added', () => {
  assert.deepEqual(lines(headerDifferences('host: a\n[more]: 3\n', 'host: b\nx: 1\n', 'asked')), [
    'host: changed, a, b',
  ]);
  assert.deepEqual(headerDifferences('host: a\n', '', 'asked'), []);
});

test('members of bodies are told by their paths', () => {
  const call = { model: 'a', n: 1, options: { deep: [1, { x: 1, y: 2 }] } };
  const hop = { n: 1, model: 'b', options: { deep: [1, { x: 3, y: 2 }] }, seed: 7 };
  assert.deepEqual(bodies(call, hop), [
    'model: changed, a, b',
    'options.deep[1].x: changed, 1, 3',
    'seed: added, –, 7',
  ]);
});

test('what is put in front of a list, or taken out of it, is one difference', () => {
  const messages = ['a', 'b', 'c', 'd'].map((content) => ({ role: 'user', content }));
  const system = { role: 'system', content: 's' };
  const added = 'messages[0]: added, –, {"role":"system","content":"s"}';
  assert.deepEqual(bodies({ messages }, { messages: [system, ...messages] }), [added]);
  const removed = 'messages[1]: removed, {"role":"user","content":"b"}, –';
  assert.deepEqual(bodies({ messages }, { messages: messages.toSpliced(1, 1) }), [removed]);
});

test('a text that is no JSON is compared as a whole, and long values are cut', () => {
  assert.deepEqual(lines(jsonDifferences('one', 'two', 'asked')), [': changed, one, two']);
  const [long] = bodies({ a: 'x'.repeat(1000) }, { a: 'y' });
  assert.equal(long, `a: changed, ${'x'.repeat(80)} … (1000 characters), y`);
});

test('of many differences the first are told, and the depth is no matter', () => {
  const numbers = Array.from({ length: 1000 }, (_, i) => i);
  assert.equal(
    bodies(
      numbers,
      numbers.map((n) => n + 1),
    ).length,
    50,
  );
  const deep = (leaf: string): string => `${'['.repeat(3000)}${leaf}${']'.repeat(3000)}`;
  assert.equal(jsonDifferences(deep('1'), deep('2'), 'asked').length, 1);
});

test('bodies differ in nothing when they are equal but for the order of members, else in something', () => {
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, each]) => [name, shuffled(each)]),
    );
  };
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(bodies(value, shuffled(value)), []);
      assert.equal(bodies({ value }, { value: [value] }).length > 0, true);
    }),
  );
});
