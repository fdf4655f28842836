import { test } from 'node:test';
import { fuzzOne } from './fuzz.ts';

test('mutated HTTP/2 never throws, every byte is told, every exchange ends once, and memory stays bounded', () => {
  for (let seed = 1; seed <= 20_000; seed++) fuzzOne(seed);
});
