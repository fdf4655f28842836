/** One capture's worth of traffic for a drill. Rounds take turns: over HTTP/1 and WebSocket; with HTTP/2; as two probes saw it. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { capturesOfProbes, independentLosses } from '../e2e/probes.ts';
import { GENERATOR_DEFAULTS, type GeneratorOptions, generate } from '../generator/generate.ts';
import type { Manifest } from '../manifest.ts';

/** Of each probe's packets: what one misses, the other has. */
const MISSED = 0.01;
/** Who joins in the middle, and what is lost among pipelined requests, isn't exact with two probes (docs/limits.md). */
const EXACT_FOR_TWO = { midStream: 0, pipelining: 0 } as const;

const KINDS: readonly { readonly traffic: Partial<GeneratorOptions>; readonly probes: 1 | 2 }[] = [
  { traffic: { sockets: 0.2 }, probes: 1 },
  { traffic: { http2: 0.6, sockets: 0.2 }, probes: 1 },
  { traffic: { http2: 0.3, sockets: 0.2, ...EXACT_FOR_TWO }, probes: 2 },
];

export interface Round {
  /** Told apart by it, also where two rounds have the same addresses. */
  readonly network: string;
  /** One a probe. */
  readonly files: readonly string[];
  readonly manifest: Manifest;
  /** What publishes it. */
  readonly command: readonly string[];
}

/** Writes the `n`th round's captures into `folder`. */
export async function writeRound(n: number, seed: number, calls: number, folder: string): Promise<Round> {
  const { traffic, probes } = KINDS[n % KINDS.length]!;
  const { pcap, manifest } = generate({ ...GENERATOR_DEFAULTS, ...traffic, seed, calls });
  const captures = probes === 1 ? [pcap] : Object.values(capturesOfProbes(pcap, independentLosses(MISSED, seed)));
  const files = captures.map((_capture, probe) => path.join(folder, `${seed}-${probe}.pcap`));
  await Promise.all(captures.map((capture, probe) => writeFile(files[probe]!, capture)));
  const mirrors = probes === 1 ? [] : ['--mirrors'];
  return { network: `r${seed}`, files, manifest, command: ['replay', ...files, ...mirrors, '--kafka'] };
}

export async function removeRound({ files }: Round): Promise<void> {
  await Promise.all(files.map((file) => rm(file)));
}
