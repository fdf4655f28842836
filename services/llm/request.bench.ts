/**
 * What taking requests apart costs, with JSON.parse of the same bodies beside it.
 *
 *     node services/llm/request.bench.ts
 *
 * A coding agent's conversation: each request carries all messages so far, the system prompt and 15 tools. `cold` knows
 * nothing of the requests before, `warm` has seen them. The best of many rounds counts: other processes only add.
 */

import { plainPrivacy } from '../privacy/privacy.ts';
import { LLM_DEFAULTS } from './defaults.ts';
import { dialectsOfPath } from './dialects/registry.ts';
import { PrefixCache } from './prefix-cache.ts';
import { RequestCaches, readRequest } from './request-facts.ts';
import { takeApart } from './request-parts.ts';

const ROUNDS = 60;
const REQUESTS = 30;
const PATH = '/v1/messages';
const CODE =
  'const value = "the quick"; function foo(bar) { return bar.baz[0]; } // it\'s fine\n\tif (x > 3) { y(); }\n';

let seed = 1;
function random(): number {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return seed / 0x7fffffff;
}

function text(length: number): string {
  let out = '';
  while (out.length < length) out += CODE.slice(Math.floor((random() * CODE.length) / 2));
  return out.slice(0, length);
}

function turn(index: number): readonly unknown[] {
  const id = `toolu_${index}`;
  const use = { type: 'tool_use', id, name: 'read', input: { path: text(60) } };
  const result = { type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text: text(1200) }] };
  return [
    { role: 'assistant', content: [{ type: 'text', text: text(200) }, use] },
    { role: 'user', content: [result] },
  ];
}

function conversation(): Buffer[] {
  const tool = {
    description: text(600),
    input_schema: { type: 'object', properties: { a: { description: text(60) } } },
  };
  const tools = Array.from({ length: 15 }, (_, i) => ({ name: `tool${i}`, ...tool }));
  const system = [{ type: 'text', text: text(4000) }];
  const messages: unknown[] = [{ role: 'user', content: text(1500) }];
  return Array.from({ length: REQUESTS }, (_, i) => {
    const body = JSON.stringify({ model: 'm', messages, system, tools, max_tokens: 32000, stream: true });
    messages.push(...turn(i));
    return Buffer.from(body);
  });
}

function measure(name: string, bytes: number, round: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const start = performance.now();
    round();
    best = Math.min(best, performance.now() - start);
  }
  const micros = (best * 1000) / REQUESTS;
  console.log(
    `${name.padEnd(22)}${micros.toFixed(1).padStart(8)} µs a request${(bytes / best / 1000).toFixed(0).padStart(7)} MB/s`,
  );
  return best;
}

const bodies = conversation();
const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
const dialect = dialectsOfPath(PATH)[0]!;
const { layout } = dialect.request;
const { partsMax, prefixCacheBytes } = LLM_DEFAULTS;
console.log(`${REQUESTS} requests of ${Math.round(bytes / REQUESTS)} bytes on average`);

const parse = measure('JSON.parse', bytes, () => {
  for (const body of bodies) JSON.parse(body.toString('utf8'));
});
const cold = measure('take apart, cold', bytes, () => {
  for (const body of bodies) takeApart(body, layout, partsMax, null, '');
});
const warm = measure('take apart, warm', bytes, () => {
  const cache = new PrefixCache(prefixCacheBytes);
  for (const body of bodies) takeApart(body, layout, partsMax, cache, '');
});
const facts = measure('all facts, warm', bytes, () => {
  const caches = new RequestCaches(LLM_DEFAULTS, plainPrivacy(true));
  for (const body of bodies) {
    const { contents } = readRequest(body, dialect, PATH, true, '', caches, LLM_DEFAULTS);
    for (const { hash } of contents) caches.emitted.add(hash);
  }
});
console.log(
  `of a parse: cold ${(cold / parse).toFixed(2)}, warm ${(warm / parse).toFixed(2)}, all facts ${(facts / parse).toFixed(2)}`,
);
