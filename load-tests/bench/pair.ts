/**
 * `sh scripts/node.sh load-tests/bench/pair.ts BASE [--calls N] [--rounds N]`: packets → calls of this checkout against another
 * one's (`git worktree add BASE HEAD~1`, with its modules), on the reference traffic that `npm run bench` has made.
 *
 * Each runs in a process of its own, so that one's garbage isn't the other's, and they take turns by the round: what slows the
 * machine slows both. The ratio of each pair of rounds is told by its median and quartiles, and that of the
 * cheapest rounds, which others disturbed least.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './measure.ts';
import type { PairRound } from './pair-child.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { calls: { type: 'string', default: '2900' }, rounds: { type: 'string', default: '15' } },
});
const here = fileURLToPath(new URL('../../', import.meta.url));
const file = `${here}.cache/bench/reference-1-${values.calls}.pcap`;

async function start(root: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('./pair-child.ts', import.meta.url)), [root, file]);
  await once(child, 'message');
  return child;
}

async function round(child: ChildProcess): Promise<PairRound> {
  child.send('round');
  const [told] = await once(child, 'message');
  return told as PairRound;
}

const [base = ''] = positionals;
if (base === '') throw new Error('name the checkout to compare with');
const old = await start(base);
const now = await start(here);
/** The first two rounds are for the compiler. */
for (let n = 0; n < 2; n++) for (const child of [old, now]) await round(child);
const pairs: { readonly old: PairRound; readonly now: PairRound }[] = [];
for (let n = 0; n < Number(values.rounds); n++) {
  const first = n % 2 === 0 ? await round(old) : await round(now);
  const second = n % 2 === 0 ? await round(now) : await round(old);
  pairs.push(n % 2 === 0 ? { old: first, now: second } : { old: second, now: first });
}
old.disconnect();
now.disconnect();

const micros = ({ cpuSeconds, calls }: PairRound): number => (cpuSeconds / calls) * 1e6;
const perJson = (round: PairRound): number => 1e6 / micros(round) / round.yardstickMbPerSecond;
for (const side of ['old', 'now'] as const) {
  const of = (value: (round: PairRound) => number): number => median(pairs.map((pair) => value(pair[side])));
  const main = of(({ mainSeconds, calls }) => (mainSeconds / calls) * 1e6);
  console.log(
    `${side}: ${of(micros).toFixed(1)} µs a call (${main.toFixed(1)} in the main thread), ${of(perJson).toFixed(2)} per JSON at ${of((each) => each.yardstickMbPerSecond).toFixed(0)} MB/s`,
  );
}
const ratios = pairs.map((pair) => pair.now.cpuSeconds / pair.old.cpuSeconds).sort((a, b) => a - b);
const at = (part: number): string => ratios[Math.floor((ratios.length - 1) * part)]!.toFixed(3);
const least = (side: 'old' | 'now'): number => Math.min(...pairs.map((pair) => micros(pair[side])));
console.log(
  `least of all rounds: ${least('old').toFixed(1)} and ${least('now').toFixed(1)} µs, ${(least('now') / least('old')).toFixed(3)}`,
);
console.log(`now / old: ${at(0.5)} (quartiles ${at(0.25)} to ${at(0.75)}, ${ratios.length} pairs of rounds)`);
