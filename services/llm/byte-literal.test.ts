import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteLiteral, viewOf } from './byte-literal.ts';

const bytes = fc.uint8Array({ maxLength: 40 });

test('a literal stands where its bytes do, at any place in memory and nowhere else', () => {
  fc.assert(
    fc.property(bytes, bytes, bytes, fc.nat({ max: 40 }), fc.nat({ max: 7 }), (before, literal, behind, cut, bit) => {
      const memory = Buffer.concat([before, literal, behind]);
      const view = new DataView(memory.buffer, memory.byteOffset, memory.length);
      const wanted = new ByteLiteral(Buffer.from(literal));
      const end = before.length + literal.length;
      assert.ok(wanted.standsAt(view, before.length, end));
      if (literal.length === 0) return;
      assert.equal(wanted.standsAt(view, before.length, end - 1), false);
      memory[before.length + (cut % literal.length)]! ^= 1 << bit;
      assert.equal(wanted.standsAt(view, before.length, end), false);
    }),
  );
});

test('a view shows all memory that a buffer is a part of, and the same one for the same memory', () => {
  const [one, other] = [Buffer.alloc(64), Buffer.alloc(64)];
  for (const whole of [one, other, one]) {
    const part = whole.subarray(10, 20);
    part[0] = 7;
    assert.equal(viewOf(part).getUint8(part.byteOffset), 7);
    assert.equal(viewOf(whole), viewOf(part));
  }
});
