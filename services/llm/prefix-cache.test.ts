import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ScannedMember } from './json/scan.ts';
import { PrefixCache } from './prefix-cache.ts';
import { takeApart } from './request-parts.ts';

const LAYOUT = { messages: 'message', system: 'system', tools: 'tool' } as const;
const PARTS_MAX = 10_000;

function facts(body: Buffer, cache: PrefixCache | null) {
  const { bodyHash, members, fields, skeleton } = takeApart(body, LAYOUT, PARTS_MAX, cache, 'key');
  const plain = ({ key, start, end, starts, ends, hashes }: ScannedMember) => ({
    key,
    start,
    end,
    starts,
    ends,
    hashes,
  });
  return { bodyHash, members: members.map(plain), fields, skeleton };
}

const message = fc.oneof(
  fc.record({ role: fc.constantFrom('user', 'assistant'), content: fc.string({ maxLength: 400 }) }),
  fc.record({ role: fc.constant('user'), n: fc.integer({ min: 0, max: 20 }) }),
  fc.integer({ min: 0, max: 200 }),
);
/** What a client does to its conversation before the next request. */
const edit = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('append' as const), messages: fc.array(message, { maxLength: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('change' as const), at: fc.nat(50), message }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), at: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('system' as const), text: fc.string({ maxLength: 700 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: fc.nat(2000) }) },
);

test('with a warm cache every request of a growing, edited conversation is taken apart as with a cold one', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.array(edit, { maxLength: 15 }), (first, edits) => {
      const cache = new PrefixCache(20_000);
      const tools = Array.from({ length: 5 }, (_, i) => ({ name: `tool${i}`, description: 'd'.repeat(150) }));
      let messages: unknown[] = first;
      let system: unknown = 's'.repeat(600);
      for (const change of edits) {
        if (change.kind === 'append') messages = [...messages, ...change.messages];
        else if (change.kind === 'change' && messages.length > 0)
          messages = messages.with(change.at % messages.length, change.message);
        else if (change.kind === 'drop') messages = messages.toSpliced(change.at, 1);
        else if (change.kind === 'system') system = change.text;
        const text = JSON.stringify({ model: 'm', messages, system, tools, stream: true });
        const body = Buffer.from(change.kind === 'cut' ? text.slice(0, change.at) : text);
        assert.deepEqual(facts(body, cache), facts(body, null));
        assert.ok(cache.bytes <= 20_000);
      }
    }),
    { numRuns: 300 },
  );
});

test('a conversation that grows is found again, in whatever order conversations take turns', () => {
  const cache = new PrefixCache(10_000_000);
  const talk = (who: number, length: number) =>
    Array.from({ length }, (_, i) => ({
      role: i % 2 === 0 ? 'user' : 'assistant',
      content: `${who} ${i} `.repeat(100),
    }));
  let lastHits = 0;
  for (let round = 1; round <= 5; round++) {
    for (let who = 0; who < 20; who++) {
      const messages = [{ role: 'system', content: 'the same for all '.repeat(50) }, ...talk(who, round * 2)];
      takeApart(Buffer.from(JSON.stringify({ messages })), LAYOUT, PARTS_MAX, cache, '');
    }
    if (round > 1) assert.equal(cache.stats.hits - lastHits, 20);
    lastHits = cache.stats.hits;
  }
  assert.ok(cache.stats.reusedBytes > 20 * 4 * 1000);
});
