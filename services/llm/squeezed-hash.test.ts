import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { looseHash, SQUEEZED_CHARS_MAX, squeezedHash } from './squeezed-hash.ts';

const shortHash = (text: string): string => (text === '' ? '' : hash('sha256', text, 'hex').slice(0, 32));
const begins = (text: string): string => text.slice(0, SQUEEZED_CHARS_MAX);
/** By the definition. */
const squeezed = (text: string): string => shortHash(begins(text).replace(/\s+/g, ''));
const loose = (text: string): string =>
  shortHash(
    begins(text)
      .toLowerCase()
      .replace(/[\s\d]+/g, ''),
  );

function assertAsDefined(text: string): void {
  assert.equal(squeezedHash(text), squeezed(text));
  assert.equal(looseHash(text), loose(text));
}

test('every UTF-16 unit is hashed or left out as a regular expression has it, alone and between others', () => {
  for (let unit = 0; unit <= 0xffff; unit++) {
    const text = String.fromCharCode(unit);
    if (squeezedHash(text) !== squeezed(text) || looseHash(text) !== loose(text)) assertAsDefined(text);
    const between = `a${text}😀${text}\udc00`;
    if (squeezedHash(between) !== squeezed(between) || looseHash(between) !== loose(between)) assertAsDefined(between);
  }
});

test('texts are hashed without their white space, whatever else is in them', () => {
  const unit = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 5 }),
    fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)),
    fc.constantFrom(' ', '\n\t', '\u00a0', '\u2028', '\ufeff', '\ud83d', '\ude00', 'İ', 'ΑΣ', '7', 'A', ''),
  );
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 60 }), (some) => assertAsDefined(some.join(''))),
    { numRuns: 1000 },
  );
});

test('of a long text the beginning counts, even where that cuts a character in two or grows in lower case', () => {
  for (const before of [SQUEEZED_CHARS_MAX - 2, SQUEEZED_CHARS_MAX - 1, SQUEEZED_CHARS_MAX]) {
    assertAsDefined(`${'x'.repeat(before)}😀 and more`);
  }
  assertAsDefined('İ'.repeat(SQUEEZED_CHARS_MAX + 5));
  assertAsDefined('ﷺ 字'.repeat(SQUEEZED_CHARS_MAX));
});
