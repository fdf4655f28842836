/**
 * Whether memory stays flat: streams the reference traffic, new conversations all the time, into `bittern replay -` and samples the
 * resident memory of its processes.
 *
 *     npm run soak -- [--gigabytes 5] [--most-mb 700] [--growth-mb 60] [--seed 1]
 *
 * Nothing is written but the database, which is removed at the end. Ends with 1 when the processes together take more than `--most-mb`, or
 * when the second half of the traffic makes their memory grow by more than `--growth-mb` (means over a tenth of it).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuSecondsOf, rssMbOf } from '../bench/measure.ts';
import { endlessTraffic } from './traffic.ts';

const GB = 1e9;
/** Times that memory is looked at. */
const SAMPLES = 100;
const { values } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '5' },
    'most-mb': { type: 'string', default: '700' },
    'growth-mb': { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
  },
});
const bytes = Number(values.gigabytes) * GB;

interface Sample {
  readonly bytes: number;
  /** MB, of the process and of the engine that it started. */
  readonly process: number;
  readonly engine: number;
}

/** The processes that a process has started, and those that these have. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => '');
  const children = text.trim().split(' ').filter(Boolean).map(Number);
  const further = await Promise.all(children.map(childrenOf));
  return [...children, ...further.flat()];
}

async function look(pid: number, at: number): Promise<Sample> {
  const engines = await childrenOf(pid);
  return { bytes: at, process: rssMbOf(pid), engine: engines.reduce((sum, engine) => sum + rssMbOf(engine), 0) };
}

const together = (sample: Sample): number => sample.process + sample.engine;
const mean = (samples: readonly Sample[]): number =>
  samples.reduce((sum, sample) => sum + together(sample), 0) / Math.max(1, samples.length);

function tell(sample: Sample): void {
  const { process: own, engine } = sample;
  console.log(
    `${(sample.bytes / GB).toFixed(2)} GB: ${own} MB and the engine ${engine} MB, together ${together(sample)} MB`,
  );
}

/** Writes the traffic to standard input of the process, as fast as it takes it. */
async function feed(stdin: NodeJS.WritableStream, pid: number): Promise<{ samples: Sample[]; calls: number }> {
  const samples: Sample[] = [];
  let written = 0;
  let calls = 0;
  let told = 0;
  for (const batch of endlessTraffic(Number(values.seed))) {
    if (!stdin.write(batch.bytes)) await once(stdin, 'drain');
    written += batch.bytes.length;
    calls += batch.calls;
    if (written >= (samples.length * bytes) / SAMPLES) samples.push(await look(pid, written));
    if (Math.floor((written / GB) * 4) > told) {
      told = Math.floor((written / GB) * 4);
      tell(await look(pid, written));
    }
    if (written >= bytes) break;
  }
  return { samples, calls };
}

const folder = await mkdtemp(path.join(tmpdir(), 'bittern-soak-'));
const started = performance.now();
const bittern = spawn(
  fileURLToPath(new URL('../../bittern', import.meta.url)),
  ['replay', '-', '--json', '--data', path.join(folder, 'data')],
  { stdio: ['pipe', 'pipe', 'inherit'], cwd: folder },
);
try {
  let stored = '';
  bittern.stdout.setEncoding('utf8').on('data', (part: string) => (stored += part));
  const ended = once(bittern, 'close');
  const { samples, calls } = await feed(bittern.stdin, bittern.pid!);
  const cpu = [bittern.pid!, ...(await childrenOf(bittern.pid!))].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  bittern.stdin.end();
  await ended;
  const seconds = (performance.now() - started) / 1000;
  const most = Math.max(...samples.map(together));
  const tenth = Math.ceil(samples.length / 10);
  const half = Math.floor(samples.length / 2);
  const growth = mean(samples.slice(-tenth)) - mean(samples.slice(half - tenth, half));
  const got = (JSON.parse(stored) as { calls: number }).calls;
  console.log(
    `${calls} calls, ${got} stored, ${seconds.toFixed(0)} s, ${cpu.toFixed(0)} s of CPU; most ${most} MB, the second half grew by ${growth.toFixed(0)} MB`,
  );
  if (most > Number(values['most-mb']) || growth > Number(values['growth-mb']) || got !== calls) process.exitCode = 1;
} finally {
  bittern.kill();
  await rm(folder, { recursive: true, force: true });
}
