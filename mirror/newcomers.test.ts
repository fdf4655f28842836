import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { INTS, Newcomers } from './newcomers.ts';

const NO_BYTES = Buffer.alloc(0);

/** What `Newcomers` does, with a list. */
class Model {
  readonly list: { key: number; value: number; bytes: string }[] = [];
  lost: number[] = [];
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: fc.nat(40), length: fc.nat(120) }) },
  { weight: 2, arbitrary: fc.record({ take: fc.nat(40) }) },
);

test('keys, numbers and bytes come back as they were kept, and what has no place any more is told, the oldest first', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const model = new Model();
      const lost: number[] = [];
      const newcomers = new Newcomers(16, 1000, (entry) => lost.push(newcomers.ints[entry * INTS]!));
      let value = 0;
      for (const each of steps) {
        const key = 'add' in each ? each.add : each.take;
        newcomers.key[3] = key;
        if ('add' in each) {
          const bytes = Buffer.alloc(each.length, String.fromCharCode(65 + (++value % 26)));
          const entry = newcomers.add(bytes, 0, bytes.length);
          newcomers.ints[entry * INTS] = value;
          model.list.push({ key, value, bytes: bytes.toString() });
          // Those that were lost are the oldest ones of the model.
          while (model.lost.length < lost.length) model.lost.push(model.list.shift()!.value);
          assert.deepEqual(lost, model.lost);
        } else {
          const entry = newcomers.find();
          const at = model.list.findLastIndex((kept) => kept.key === key);
          assert.equal(entry >= 0, at >= 0);
          if (entry < 0) continue;
          const [kept] = model.list.splice(at, 1);
          const start = newcomers.offsetOf(entry);
          assert.equal(newcomers.ints[entry * INTS], kept!.value);
          assert.equal(newcomers.bytes.toString('latin1', start, start + newcomers.lengthOf(entry)), kept!.bytes);
          newcomers.remove(entry);
        }
        assert.equal(newcomers.size, model.list.length);
        assert.ok(newcomers.size <= 16 && newcomers.bytes.length <= 1000);
      }
      newcomers.clear();
      assert.deepEqual(lost, [...model.lost, ...model.list.map((kept) => kept.value)]);
    }),
    { numRuns: 500 },
  );
});

test('many grow into their places, and each is found', () => {
  const newcomers = new Newcomers(65_536, 0, () => assert.fail('nothing is lost'));
  const add = (index: number): void => {
    newcomers.key[0] = index;
    const entry = newcomers.add(NO_BYTES, 0, 0);
    newcomers.ints[entry * INTS] = index;
  };
  for (let index = 0; index < 65_536; index++) add(index);
  for (let index = 0; index < 65_536; index += 3) {
    newcomers.key[0] = index;
    newcomers.remove(newcomers.find());
  }
  for (let index = 0; index < 65_536; index += 3) add(index);
  for (let index = 0; index < 65_536; index++) {
    newcomers.key[0] = index;
    assert.equal(newcomers.ints[newcomers.find() * INTS], index);
  }
});
