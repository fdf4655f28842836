/** Measures one run of a stage: wall clock, CPU of this process and of the engine beside it, memory. */
import { readFileSync } from 'node:fs';

export interface Measured {
  readonly stage: string;
  readonly calls: number;
  /** Bytes of capture (or of what the stage is given). */
  readonly bytes: number;
  readonly seconds: number;
  /** User and system, all threads (garbage collection included), of all processes that took part. */
  readonly cpuSeconds: number;
  /** Peak resident memory of this process, and of the engine when one took part, MB. */
  readonly rssMb: number;
  readonly engineRssMb: number;
  /** JSON.parse of the same calls' request bodies, MB for each CPU second, in this process: before, between and after the rounds. */
  readonly yardstickMbPerSecond: number;
  readonly note: string;
}

/** `USER_HZ`, which Linux fixes at 100 for user space (proc(5)). */
const TICKS_PER_SECOND = 100;

/** CPU seconds that a process has used so far: fields 14 and 15 of /proc/PID/stat (proc(5)). */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Peak resident memory of a process, MB. */
export function peakRssMbOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1000;
}

/** Resident memory of a process now, MB. */
export function rssMbOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1000);
}

export interface Timed {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Runs `step` once and tells what it cost; `enginePid` is counted as well. */
export async function timed(step: () => void | Promise<void>, enginePid?: number): Promise<Timed> {
  const engineBefore = enginePid === undefined ? 0 : cpuSecondsOf(enginePid);
  const before = process.cpuUsage();
  const started = performance.now();
  await step();
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(before);
  const engine = enginePid === undefined ? 0 : cpuSecondsOf(enginePid) - engineBefore;
  return { seconds, cpuSeconds: (used.user + used.system) / 1e6 + engine };
}

const YARDSTICK_ROUNDS = 5;

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** The machine's yardstick as it is now: JSON.parse of these texts, MB for each CPU second; the median of a few rounds. */
export function yardstick(texts: readonly string[]): number {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const rounds: number[] = [];
  for (let round = 0; round < YARDSTICK_ROUNDS; round++) {
    const before = process.cpuUsage();
    for (const text of texts) JSON.parse(text);
    const used = process.cpuUsage(before);
    rounds.push(bytes / Math.max(1, used.user + used.system));
  }
  return median(rounds);
}

/** What a round of a stage cost, and the yardstick at that time. */
export interface Round extends Timed {
  readonly yardstickMbPerSecond: number;
}

/**
 * Runs `step` once to warm it up and then `rounds` times, the yardstick before and after each. A machine that is busy slows both:
 * the round whose cost is the median, counted in yardsticks, is the result.
 */
export async function medianRound(
  texts: readonly string[],
  rounds: number,
  step: () => void | Promise<void>,
): Promise<Round> {
  const all: Round[] = [];
  let before = yardstick(texts);
  for (let round = 0; round <= rounds; round++) {
    const cost = await timed(step);
    const after = yardstick(texts);
    if (round > 0) all.push({ ...cost, yardstickMbPerSecond: (before + after) / 2 });
    before = after;
  }
  const inYardsticks = (round: Round): number => round.cpuSeconds * round.yardstickMbPerSecond;
  return all.sort((a, b) => inYardsticks(a) - inYardsticks(b))[all.length >> 1]!;
}
