/** One play from its packets to the rows, and how they differ from what was played. */
import type { Store } from '../../services/clickhouse/store.ts';
import type { RecognizerOptions } from '../../services/llm/recognizer.ts';
import { Random } from '../generator/random.ts';
import { compareSessions } from './compare.ts';
import { expect } from './expected.ts';
import type { Stage } from './stage.ts';
import { track } from './track.ts';
import { capture } from './wire.ts';

export interface VerifyOptions {
  readonly seed: number;
  /** Connections come one after another, in an order of their own. */
  readonly shuffled?: boolean;
  /** What the recogniser does in another way. */
  readonly llm?: Partial<RecognizerOptions>;
}

export async function sessionDifferences(store: Store, stage: Stage, options: VerifyOptions): Promise<string[]> {
  const { connections, whole, seen } = capture(stage.calls, options.seed);
  const captures = options.shuffled === true ? shuffle(connections, new Random(options.seed)) : [whole];
  const tracked = await track(store, captures, 5, options.llm);
  return compareSessions(expect(stage, seen), tracked);
}

function shuffle<T>(list: readonly T[], random: Random): T[] {
  return list
    .map((value) => ({ value, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
