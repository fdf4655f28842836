/**
 * Tells whether this checkout makes the same of a capture as another one does: every observation, to the last field.
 *
 *     sh scripts/node.sh load-tests/differential.ts BASE [--captures N] [--seed S]
 *
 * BASE is another checkout with its modules (`git worktree add`). The captures are generated: seeds, loss, reordering, duplicates,
 * snap lengths, joins in mid-stream, all dialects, HTTP/1, HTTP/2 and WebSockets. Each is read in pieces of a random size, so that
 * frames end anywhere. For a change that must change nothing but the work. Ends with 1 at the first difference.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type * as Mirror from '../mirror/index.ts';
import type { Observation } from '../schemas/call.ts';
import type * as Stages from './bench/stages.ts';
import { GENERATOR_DEFAULTS, type GeneratorOptions, generate } from './generator/generate.ts';
import { Random } from './generator/random.ts';

const CALLS = 40;
/** What a capture is handed on by. */
const CHUNK_BYTES = [64 * 1024, 1024 * 1024];
const FRAME_BYTES = [1_000, 16 * 1024, 256 * 1024];
const FRAME_DELAY_MS = [0, 5, 200];

type Read = (pcap: Buffer, chunkBytes: number, frameBytesMax: number, frameDelayMs: number) => readonly Observation[];

async function reader(root: string): Promise<Read> {
  const load = (name: string) => import(`${root}/${name}`);
  const { Capture, CAPTURE_DEFAULTS } = (await load('mirror/index.ts')) as typeof Mirror;
  const { HttpAssembler } = (await load(
    'services/http/assembler.ts',
  )) as typeof import('../services/http/assembler.ts');
  const { HTTP_DEFAULTS } = (await load('services/http/options.ts')) as typeof import('../services/http/options.ts');
  const { createCredentialMasker } = (await load(
    'services/http/credentials.ts',
  )) as typeof import('../services/http/credentials.ts');
  const { CallRecognizer } = (await load(
    'services/llm/recognizer.ts',
  )) as typeof import('../services/llm/recognizer.ts');
  const { LLM, KEY } = (await load('load-tests/bench/stages.ts')) as typeof Stages;
  return (pcap, chunkBytes, frameBytesMax, frameDelayMs) => {
    const observations: Observation[] = [];
    const recognizer = new CallRecognizer(LLM, (observation) => observations.push(observation));
    const http = new HttpAssembler(HTTP_DEFAULTS, recognizer, createCredentialMasker(KEY));
    const capture = new Capture({ ...CAPTURE_DEFAULTS, frameBytesMax, frameDelayMs }, (frame) => http.feed(frame));
    capture.nextSource('generated');
    for (let at = 0; at < pcap.length; at += chunkBytes) capture.write(pcap.subarray(at, at + chunkBytes));
    capture.end('eof');
    http.end();
    return observations;
  };
}

const pick = <T>(random: Random, of: readonly T[]): T => random.pick([...of]);

function optionsOf(seed: number, random: Random): GeneratorOptions {
  return {
    ...GENERATOR_DEFAULTS,
    seed,
    calls: CALLS,
    reorder: pick(random, [0, 0, 0.02, 0.1]),
    duplicate: pick(random, [0, 0, 0.02]),
    loss: pick(random, [0, 0.002, 0.01, 0.05]),
    snapLengthBytes: pick(random, [262_144, 262_144, 262_144, 400]),
    midStream: pick(random, [0.03, 0.3]),
    pipelining: pick(random, [0.08, 0.4]),
    http2: pick(random, [0, 0, 0.5, 1]),
    sockets: pick(random, [0, 0, 0.5]),
    carried: random.chance(0.1),
  };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { captures: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } },
});
const [base = ''] = positionals;
if (base === '') throw new Error('name the checkout to compare with');
const [before, now] = [await reader(base), await reader(fileURLToPath(new URL('..', import.meta.url)))];
let observations = 0;
for (let n = 0; n < Number(values.captures); n++) {
  const seed = Number(values.seed) + n;
  const random = new Random(seed);
  const { pcap } = generate(optionsOf(seed, random));
  const cut = [
    random.int(CHUNK_BYTES[0]!, CHUNK_BYTES[1]!),
    pick(random, FRAME_BYTES),
    pick(random, FRAME_DELAY_MS),
  ] as const;
  const [expected, actual] = [before(pcap, ...cut), now(pcap, ...cut)];
  const at = Array.from({ length: Math.max(expected.length, actual.length) }).findIndex(
    (_, each) => JSON.stringify(expected[each]) !== JSON.stringify(actual[each]),
  );
  if (at >= 0) {
    process.stdout.write(
      `Seed ${seed}, observation ${at}:\n${JSON.stringify(expected[at])}\n${JSON.stringify(actual[at])}\n`,
    );
    process.exit(1);
  }
  observations += expected.length;
}
process.stdout.write(`${values.captures} captures, ${observations} observations: the same\n`);
