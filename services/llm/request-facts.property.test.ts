import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CaptureModes } from '../privacy/capture-mode.ts';
import { Privacy, plainPrivacy } from '../privacy/privacy.ts';
import { builtInRedactor } from '../privacy/testing.ts';
import { resultsIn } from './conversation.ts';
import { LLM_DEFAULTS, type LlmLimits } from './defaults.ts';
import type { Dialect } from './dialects/dialect.ts';
import { dialectsOfPath } from './dialects/registry.ts';
import { RequestCaches, type RequestFacts, readRequest } from './request-facts.ts';

const APIS: readonly (readonly [path: string, list: string])[] = [
  ['/v1/messages', 'messages'],
  ['/v1/chat/completions', 'messages'],
  ['/v1/responses', 'input'],
  ['/v1beta/models/g:generateContent', 'contents'],
];

const said = fc.constantFrom(
  'Count the reeds.',
  'Go on.',
  '<system-reminder>the time</system-reminder>',
  'Process exited with code 2\nno reeds',
  'Chunk ID: 0a1\nreeds',
  'wide grass '.repeat(60),
  `the key is ghp_${'a1B2c3D4e5F6'.repeat(3)}, keep it`,
  '',
);
const id = fc.integer({ min: 0, max: 5 }).map((n) => `call_${n}`);
/** Elements of the lists of all these APIs: one that isn't the API's own is read as telling nothing. */
const message = fc.oneof(
  fc.record({ role: fc.constantFrom('user', 'assistant', 'system'), content: said }),
  fc.record({
    role: fc.constant('user'),
    content: fc.array(
      fc.oneof(
        fc.record({ type: fc.constant('text'), text: said }),
        fc.record({ type: fc.constant('tool_result'), tool_use_id: id, content: said, is_error: fc.boolean() }),
      ),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    role: fc.constant('assistant'),
    content: fc.array(fc.record({ type: fc.constant('tool_use'), id, name: said, input: fc.record({ a: said }) })),
  }),
  fc.record({ role: fc.constant('tool'), tool_call_id: id, content: said }),
  fc.record({ type: fc.constant('function_call_output'), call_id: id, output: said }),
  fc.record({ role: fc.constantFrom('user', 'model'), parts: fc.array(fc.record({ text: said }), { maxLength: 2 }) }),
  fc.integer(),
);
type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

/** What clients do to their history between two requests. */
const edit = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('append' as const), some: fc.array(message, { maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('change' as const), at: fc.nat(40), message }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), at: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), at: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('insert' as const), at: fc.nat(40), message }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mark' as const), at: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reorder' as const), at: fc.nat(40) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('other' as const), some: fc.array(message, { maxLength: 6 }) }),
  },
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

const reordered = (each: Message): Message =>
  typeof each === 'object' ? (Object.fromEntries(Object.entries(each).reverse()) as Message) : each;

function edited(messages: readonly Message[], change: Edit): readonly Message[] {
  const { length } = messages;
  switch (change.kind) {
    case 'append':
      return [...messages, ...change.some];
    case 'other':
      return change.some;
    case 'change':
      return length === 0 ? messages : messages.with(change.at % length, change.message);
    case 'truncate':
      return messages.slice(0, change.at);
    case 'drop':
      return messages.toSpliced(change.at, 1);
    case 'insert':
      return messages.toSpliced(change.at, 0, change.message);
    case 'reorder':
      return length === 0 ? messages : messages.with(change.at % length, reordered(messages[change.at % length]!));
    // Where the cache mark stands isn't said of the messages themselves, but it changes their bytes.
    case 'mark':
      return messages.map((each, at) => {
        if (typeof each !== 'object') return each;
        const { cache_control: _, ...rest } = each as { cache_control?: unknown };
        return (at === change.at % length ? { ...rest, cache_control: { type: 'ephemeral' } } : rest) as Message;
      });
  }
}

function plain(facts: RequestFacts) {
  const { history, contents: _, ...rest } = facts;
  if (history === null) return { ...rest, history };
  const [results, earlierResults] = [resultsIn(history.results), resultsIn(history.earlierResults)];
  return { ...rest, history: { ...history, results, earlierResults } };
}

function read(body: Buffer, dialect: Dialect, path: string, caches: RequestCaches, limits: LlmLimits): RequestFacts {
  return readRequest(body, dialect, path, true, 'key', caches, limits);
}

const settings = {
  prefixCacheBytes: fc.constantFrom(20_000, 600),
  factCacheEntries: fc.constantFrom(2000, 3),
  /** Few contents are remembered. */
  forgets: fc.boolean(),
  privacy: fc.constantFrom(plainPrivacy(true), new Privacy(new CaptureModes([], 'content'), builtInRedactor(), null)),
};

for (const [path, list] of APIS) {
  const dialect = dialectsOfPath(path)[0]!;
  test(`${dialect.name}: a request reads the same after any history of edits as with nothing known, and brings what is new`, () => {
    const steps = fc.array(fc.tuple(edit, fc.boolean()), { maxLength: 14 });
    fc.assert(
      fc.property(steps, fc.record(settings), (all, { prefixCacheBytes, factCacheEntries, forgets, privacy }) => {
        const contentCacheEntries = forgets ? 4 : LLM_DEFAULTS.contentCacheEntries;
        const limits = { ...LLM_DEFAULTS, prefixCacheBytes, factCacheEntries, contentCacheEntries };
        const caches = new RequestCaches(limits, privacy);
        const emitted = new Set<string>();
        let messages: readonly Message[] = [{ role: 'user', content: 'still deep '.repeat(80) }];
        for (const [change, ends] of all) {
          messages = edited(messages, change);
          const body = Buffer.from(JSON.stringify({ model: 'm', [list]: messages, max_tokens: 9 }));
          const warm = read(body, dialect, path, caches, limits);
          const cold = read(body, dialect, path, new RequestCaches(limits, privacy), limits);
          assert.deepEqual(plain(warm), plain(cold));
          const fresh = cold.contents.filter(({ hash }) => !emitted.has(hash));
          // What was forgotten comes once more.
          const brought = forgets ? warm.contents.filter(({ hash }) => !emitted.has(hash)) : warm.contents;
          assert.deepEqual(brought, fresh);
          // A call that isn't over when the next one begins has emitted nothing.
          if (!ends) continue;
          for (const { hash } of warm.contents) {
            caches.emitted.add(hash);
            emitted.add(hash);
          }
        }
      }),
      { numRuns: 250 },
    );
  });
}

test('many results behind one answer are read in a time that grows with their number, and all of them count', () => {
  const messages = Array.from({ length: 20_000 }, (_, n) => ({
    role: 'tool',
    tool_call_id: `c${n}`,
    content: `r${n}`,
  }));
  const body = Buffer.from(JSON.stringify({ model: 'm', messages }));
  const dialect = dialectsOfPath('/v1/chat/completions')[0]!;
  const before = process.memoryUsage().heapUsed;
  const facts = read(
    body,
    dialect,
    '/v1/chat/completions',
    new RequestCaches(LLM_DEFAULTS, plainPrivacy(true)),
    LLM_DEFAULTS,
  );
  const grown = process.memoryUsage().heapUsed - before;
  const results = resultsIn(facts.history!.results);
  assert.deepEqual([results.length, results[7]!.id, results.at(-1)!.id], [20_000, 'c7', 'c19999']);
  // A list of its own for each message would be 1.6 GB.
  assert.ok(grown < 200_000_000, `${grown} bytes`);
});
