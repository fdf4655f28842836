/** Fuzzes one target: mutates its seeds, keeps what leads to something new, stops at the first fault. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Random } from '../generator/random.ts';
import { mutate } from './mutate.ts';
import type { FuzzTarget } from './target.ts';

/** zlib's streams of inputs that it refuses are freed in the event loop's turn: without one their memory only grows. */
const TURN_EVERY = 256;

/** Longest input. */
export const INPUT_BYTES_MAX = 64 * 1024;
/** Inputs kept to mutate further. */
const CORPUS_MAX = 4096;
/** An input that takes more of the thread's CPU time than this is a fault, too. By the clock a busy machine takes as long at times. */
const INPUT_MS_MAX = 2_000;

export interface FuzzOptions {
  readonly inputs: number;
  readonly seed: number;
  /** Called before each input is run. */
  onInput?(input: Buffer): void;
}

export interface FuzzResult {
  readonly inputs: number;
  /** Different things that the inputs led to. */
  readonly features: number;
  readonly fault: { readonly input: Buffer; readonly error: unknown } | null;
}

/** Runs an input as fuzzing does. @throws what is wrong */
export function runInput(target: FuzzTarget, input: Buffer): number {
  const started = process.threadCpuUsage();
  const feature = target.run(input);
  const { user, system } = process.threadCpuUsage(started);
  const elapsed = (user + system) / 1000;
  if (elapsed > INPUT_MS_MAX) throw new Error(`the input took ${Math.round(elapsed)} ms`);
  return feature;
}

export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const random = new Random(options.seed);
  const seeds = target.seeds();
  const corpus = [...seeds];
  const features = new Set<number>();
  const { tokens = [] } = target;
  for (let count = 0; count < options.inputs; count++) {
    if (count % TURN_EVERY === 0) await nextTurn();
    let input: Buffer;
    if (count < seeds.length) input = seeds[count]!;
    else {
      const [parent, other] = [random.pick(corpus), random.pick(corpus)];
      input =
        target.mutate !== undefined && random.chance(0.5)
          ? target.mutate(parent, other, random)
          : mutate(parent, other, random, tokens, INPUT_BYTES_MAX);
    }
    options.onInput?.(input);
    try {
      const feature = runInput(target, input);
      if (features.has(feature)) continue;
      features.add(feature);
      if (corpus.length < CORPUS_MAX) corpus.push(input);
    } catch (error) {
      return { inputs: count + 1, features: features.size, fault: { input, error } };
    }
  }
  return { inputs: options.inputs, features: features.size, fault: null };
}
