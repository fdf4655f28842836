/**
 * What it costs to tell that a text holds no secret, against parsing and hashing the same text: `sh scripts/node.sh services/privacy/prefilter.bench.ts`.
 * Best of several rounds, one after the other, so that they share the machine's mood.
 */

import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { wholeRule } from './custom.ts';
import { placeholderMaker } from './placeholder.ts';
import { Prefilter } from './prefilter.ts';
import { Redactor } from './redactor.ts';
import { BUILT_IN_RULES } from './rules/built-in.ts';
import { builtInRedactor, TEST_KEY } from './testing.ts';
import { viewOf } from './view.ts';

const ROUNDS = 12;
const BYTES = 4_000_000;

function prose(): string {
  const words =
    'the heron stands still in the reeds and listens while an agent asks for the next result of its tests'.split(' ');
  const messages = Array.from({ length: 200 }, (_, i) => ({
    role: 'user',
    content: `${words.join(' ')} ${i}\n`.repeat(60),
  }));
  return JSON.stringify(messages);
}

function code(): string {
  const folder = new URL('../llm/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.includes('test'));
  const text = files.map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
  return JSON.stringify([{ role: 'tool', content: text }]);
}

function repeated(text: string): string {
  return `[${Array.from({ length: Math.ceil(BYTES / text.length) }, () => text).join(',')}]`;
}

const prefilter = new Prefilter(BUILT_IN_RULES);
const redactor = builtInRedactor();
const own = { name: 'own', pattern: '(?i)emp[-_ ]?id[:= ]+[0-9]{6}', keywords: [] };
const withOwn = new Redactor([], [wholeRule(own)], placeholderMaker(TEST_KEY));

for (const [name, one] of [
  ['prose', prose()],
  ['code', code()],
] as const) {
  // As it comes from the wire: flat.
  const text = Buffer.from(repeated(one)).toString('utf8');
  const runs: Record<string, () => unknown> = {
    'JSON.parse': () => JSON.parse(text),
    'SHA-256': () => hash('sha256', text, 'hex'),
    // To the end of the text, whatever is found in it.
    prefilter: () => [...prefilter.hits(text)].length,
    'unpacked view': () => viewOf(text),
    'whole redaction': () => redactor.redact(text),
    'own rule': () => withOwn.redact(text),
  };
  const best: Record<string, number> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [what, run] of Object.entries(runs)) {
      const started = performance.now();
      run();
      best[what] = Math.min(best[what] ?? Number.POSITIVE_INFINITY, performance.now() - started);
    }
  }
  const parsed = best['JSON.parse']!;
  console.log(`${name}, ${(text.length / 1e6).toFixed(1)} MB; may hold a secret: ${prefilter.mayHit(text)}`);
  for (const [what, ms] of Object.entries(best))
    console.log(
      `  ${what.padEnd(16)} ${(text.length / 1e3 / ms).toFixed(0).padStart(6)} MB/s, ${(parsed / ms).toFixed(2)} times JSON.parse`,
    );
}

/** Texts made to keep the readers busy. */
const HOSTILE_BYTES = 16_000_000;
for (const unit of [
  'sk-',
  'eyJ',
  'eyJaaaaaaaaaaaaaaaa.',
  'password="',
  '-----BEGIN PRIVATE KEY-----',
  '\\u0073k-',
  '\\u005cu005c',
]) {
  const text = unit.repeat(HOSTILE_BYTES / unit.length);
  const started = performance.now();
  redactor.redact(text);
  console.log(`hostile ${JSON.stringify(unit)}, 16 MB: ${Math.round(performance.now() - started)} ms`);
}
