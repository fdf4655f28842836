/** The same traffic seen by two probes: one call each, complete, and equal to the manifest. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CaptureOptions } from '../../mirror/index.ts';
import type { Content, Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import { replayFiles } from '../../services/cli/replay.ts';
import type { ContentHash } from '../../services/common/types.ts';
import { loadConfig } from '../../services/config/load.ts';
import { createCredentialMasker } from '../../services/http/credentials.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { IDENTITY_DEFAULTS } from '../../services/identity/mapping.ts';
import { LLM_DEFAULTS } from '../../services/llm/defaults.ts';
import { MERGE_DEFAULTS } from '../../services/reassembler/merge/merger.ts';
import { PartitionReassembler, type ReassemblerOptions } from '../../services/reassembler/partition.ts';
import { compare } from '../compare.ts';
import { GENERATOR_DEFAULTS, type GeneratorOptions, generate } from '../generator/generate.ts';
import type { Manifest } from '../manifest.ts';
import { withFolder } from '../testing.ts';
import { rowsOf } from './observe.ts';
import {
  capturesOfProbes,
  framesOfProbes,
  independentLosses,
  type Missing,
  NOTHING,
  ONE_DIRECTION_EACH,
} from './probes.ts';

const SHOWN = 8;
const masker = createCredentialMasker(Buffer.from('a key that only tests know'));
const options = {
  http: HTTP_DEFAULTS,
  llm: { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: true, limits: LLM_DEFAULTS },
  merge: { ...MERGE_DEFAULTS, several: true },
};

function observationsOf(frames: readonly Frame[], stage: ReassemblerOptions = options): Observation[] {
  const partition = new PartitionReassembler(stage, masker, null);
  frames.forEach((frame, offset) => {
    partition.feed(frame, offset);
  });
  partition.end();
  return partition.takeReady();
}

/** `bittern replay --mirrors`, as far as the frames. */
async function framesOfFiles(captures: readonly Buffer[]): Promise<Frame[]> {
  const frames: Frame[] = [];
  await withFolder(async (folder) => {
    const files = captures.map((capture, n) => {
      const file = join(folder, `${n}.pcap`);
      writeFileSync(file, capture);
      return file;
    });
    const { config } = await loadConfig({ env: {} });
    const target = {
      frames: { publish: async (_: string, frame: Frame) => void frames.push(frame), flush: async () => {} },
      reports: { publish: async () => {}, flush: async () => {} },
      failed: new AbortController().signal,
      progress: () => '',
      finish: async () => {},
      observed: [],
      stored: null,
      close: async () => {},
    };
    const signal = new AbortController().signal;
    await replayFiles({ config, files, signal, mirrors: true, openTarget: async () => target });
  });
  return frames;
}

interface Outcome {
  readonly differences: readonly string[];
  readonly probes: ReadonlySet<string>;
}

/** Joined connections are left out: two probes give them two ids. */
function outcomeOf(
  seed: number,
  missing: Missing,
  generator: Partial<GeneratorOptions> = {},
  capture: Partial<CaptureOptions> = {},
): Outcome {
  const { pcap, manifest } = generate({ ...GENERATOR_DEFAULTS, calls: 60, midStream: 0, ...generator, seed });
  return judged(seed, manifest, framesOfProbes(pcap, missing, capture));
}

function judged(seed: number, manifest: Manifest, frames: readonly Frame[]): Outcome {
  const observations = observationsOf(frames);
  const calls = observations.flatMap((each) => (each.type === 'call' ? [each.call] : []));
  const contents = new Map<ContentHash, Content>();
  for (const each of observations) {
    if (each.type === 'call') for (const content of each.contents) contents.set(content.hash, content);
  }
  const { differences } = compare(manifest, rowsOf({ calls, exchanges: [], contents, reports: [], executions: [] }));
  const found = differences.map((difference) => `seed ${seed}: ${difference}`).slice(0, SHOWN);
  if (calls.length !== manifest.calls.length)
    found.push(`seed ${seed}: ${calls.length} calls, not ${manifest.calls.length}`);
  const exchanges = observations.length - calls.length;
  if (exchanges !== manifest.exchanges.length) {
    found.push(`seed ${seed}: ${exchanges} exchanges, not ${manifest.exchanges.length}`);
  }
  return { differences: found, probes: new Set(calls.map(({ probe }) => probe)) };
}

const seeds = (from: number, count: number): number[] => Array.from({ length: count }, (_, at) => from + at);

test('two probes that both see everything make one call of each', () => {
  for (const seed of seeds(1, 6)) assert.deepEqual(outcomeOf(seed, NOTHING).differences, []);
});

test('what one probe lost the other one has: every call is complete', () => {
  for (const seed of seeds(101, 6)) {
    for (const share of [0.005, 0.05]) {
      // Which of several requests under way lost what isn't always known (docs/limits.md).
      const { differences, probes } = outcomeOf(seed, independentLosses(share, seed), { pipelining: 0 });
      assert.deepEqual(differences, []);
      assert.ok(
        probes.has('mirror-a,mirror-b'),
        `calls name the probes that have parts of them: ${[...probes].join(' ')}`,
      );
    }
  }
});

test('each direction seen by a probe of its own: every call is complete', () => {
  for (const seed of seeds(201, 6)) {
    const { differences, probes } = outcomeOf(seed, ONE_DIRECTION_EACH);
    assert.deepEqual(differences, []);
    assert.ok(probes.has('mirror-a,mirror-b'));
  }
});

test('whatever the traffic, the losses and the size of frames', () => {
  const property = fc.property(
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc.constantFrom(0, 0.001, 0.02, 0.05),
    fc.constantFrom(0, 0.08, 0.5),
    fc.constantFrom(512, 4096, 262_144),
    fc.constantFrom(0, 5, 200),
    (seed, share, pipelining, frameBytesMax, frameDelayMs) => {
      const traffic = { calls: 30, pipelining: share === 0 ? pipelining : 0 };
      const found = outcomeOf(seed, independentLosses(share, seed), traffic, { frameBytesMax, frameDelayMs });
      assert.deepEqual(found.differences, []);
    },
  );
  fc.assert(property, { numRuns: 25 });
});

test('two capture files of two mirrors are read side by side', async () => {
  for (const missing of [NOTHING, ONE_DIRECTION_EACH, independentLosses(0.02, 7)]) {
    const { pcap, manifest } = generate({ ...GENERATOR_DEFAULTS, calls: 60, midStream: 0, pipelining: 0, seed: 301 });
    const captures = capturesOfProbes(pcap, missing);
    const frames = await framesOfFiles([captures['mirror-a'], captures['mirror-b']]);
    assert.deepEqual(judged(301, manifest, frames).differences, []);
  }
});

test('without being told, several probes are counted on as soon as the second one publishes', () => {
  const { pcap } = generate({ ...GENERATOR_DEFAULTS, calls: 60, midStream: 0, seed: 302 });
  const frames = framesOfProbes(pcap, ONE_DIRECTION_EACH);
  const second = frames.find(({ probe }) => probe !== frames[0]!.probe)!;
  const early = new Set(frames.slice(0, frames.indexOf(second)).map(({ connection }) => connection));
  const partial = observationsOf(frames, { ...options, merge: MERGE_DEFAULTS }).flatMap((each) =>
    each.type === 'call' && each.call.completeness !== 'full' && !early.has(each.call.connectionId) ? [each.call] : [],
  );
  const expected = observationsOf(frames).filter((each) => each.type === 'call' && each.call.completeness !== 'full');
  assert.ok(partial.length <= expected.length, `${partial.length} of ${expected.length} calls are partial`);
});
