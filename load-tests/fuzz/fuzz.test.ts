import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashesOf } from './crashes.ts';
import { fuzz, runInput } from './fuzz.ts';
import type { FuzzTarget } from './target.ts';
import { TARGETS } from './targets/index.ts';

/** For each target; a longer run is `npm run fuzz`. */
const INPUTS = 15_000;

for (const target of TARGETS) {
  for (const { name, input } of crashesOf(target.name)) {
    test(`${target.name} withstands ${name}, which once led to a fault`, () => {
      runInput(target, input);
    });
  }

  test(`${target.name} withstands ${INPUTS} mutated inputs`, async () => {
    const { fault } = await fuzz(target, { inputs: INPUTS, seed: 1 });
    if (fault !== null) throw new Error(`input ${fault.input.toString('hex')}`, { cause: fault.error });
  });
}

test('a fault is found, with the input that led to it', async () => {
  const fragile: FuzzTarget = {
    name: 'test/fragile',
    share: 1,
    seeds: () => [Buffer.from('abcd')],
    run(input) {
      assert.notEqual(input[2], 255);
      return input[1] ?? 0;
    },
  };
  const { fault } = await fuzz(fragile, { inputs: 100_000, seed: 1 });
  assert.equal(fault?.input[2], 255);
});
