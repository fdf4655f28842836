/**
 * `npm run bench [-- --smoke] [--calls N] [--stage NAME …] [--save]`: measures each stage alone and the whole on the reference traffic.
 *
 * Every stage runs in a process of its own, which also measures the machine's yardstick: JSON.parse of the same calls'
 * request bodies. Machines differ and are noisy, so what is compared with the stored baseline is the ratio to the
 * yardstick of the same run. `--save` stores the ratios as the new baseline. Exit code 1: a stage fell below half its baseline.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { writeReference } from '../generator/reference.ts';
import type { Measured } from './measure.ts';
import { STAGES } from './stages.ts';

const CALLS = 2900;
const SMOKE_CALLS = 160;
const SEED = 1;
const FALL_MAX = 0.5;
const folder = fileURLToPath(new URL('.', import.meta.url));
const cache = fileURLToPath(new URL('../../.cache/bench/', import.meta.url));
const baselineFile = `${folder}baseline.json`;
const run = promisify(execFile);

async function referenceFile(calls: number, http2: boolean): Promise<string> {
  const file = `${cache}reference-${http2 ? 'http2-' : ''}${SEED}-${calls}.pcap`;
  const exists = await stat(file).catch(() => null);
  if (exists === null) {
    await mkdir(cache, { recursive: true });
    await writeReference({ seed: SEED, calls, http2 }, `${file}.tmp`);
    await rename(`${file}.tmp`, file);
  }
  return file;
}

async function measure(stage: string, file: string): Promise<Measured> {
  const { stdout } = await run(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', `${folder}child.ts`, stage, file],
    { maxBuffer: 10_000_000 },
  );
  return JSON.parse(stdout) as Measured;
}

const mbPerSecond = (measured: Measured): number => measured.bytes / 1e6 / measured.seconds;
/** MB/s for each MB/s of the yardstick. */
const ratio = (measured: Measured): number => mbPerSecond(measured) / measured.yardstickMbPerSecond;

function line(measured: Measured, baseline: number | undefined): string {
  const { calls, seconds, cpuSeconds } = measured;
  const perCpu = calls > 0 ? (calls / cpuSeconds).toFixed(0) : '';
  const cells = [
    (STAGES[measured.stage]?.title ?? measured.stage).padEnd(30),
    (calls > 0 ? (calls / seconds).toFixed(0) : '').padStart(8),
    mbPerSecond(measured).toFixed(0).padStart(7),
    (calls > 0 ? ((cpuSeconds / calls) * 1000).toFixed(2) : '').padStart(12),
    perCpu.padStart(11),
    (calls > 0 ? (calls / cpuSeconds / measured.yardstickMbPerSecond).toFixed(2) : '').padStart(10),
    measured.rssMb.toFixed(0).padStart(7),
    (measured.engineRssMb > 0 ? measured.engineRssMb.toFixed(0) : '').padStart(8),
    measured.yardstickMbPerSecond.toFixed(0).padStart(10),
    ratio(measured).toFixed(2).padStart(7),
    (baseline === undefined ? '' : `${((ratio(measured) / baseline) * 100).toFixed(0)} %`).padStart(9),
  ];
  return `${cells.join('')}  ${measured.note}`.trimEnd();
}

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean' },
    calls: { type: 'string' },
    stage: { type: 'string', multiple: true },
    save: { type: 'boolean' },
  },
});
const calls = Number(values.calls ?? (values.smoke ? SMOKE_CALLS : CALLS));
const file = await referenceFile(calls, false);
const http2File = await referenceFile(calls, true);
const baseline = JSON.parse(await readFile(baselineFile, 'utf8').catch(() => '{}')) as Record<string, number>;
const { size } = await stat(file);
console.log(
  `Reference traffic: ${calls} calls, ${(size / 1e6).toFixed(0)} MB of packets. One process a stage; CPU counts all threads${values.smoke ? '. Smoke run: too short to be quoted' : ''}.\n`,
);
console.log(
  `${'stage'.padEnd(30)}${'calls/s'.padStart(8)}${'MB/s'.padStart(7)}${'CPU s/1000'.padStart(12)}${'calls/CPU s'.padStart(11)}${'per JSON'.padStart(10)}${'RSS MB'.padStart(7)}${'engine'.padStart(8)}${'JSON MB/s'.padStart(10)}${'ratio'.padStart(7)}${'of base'.padStart(9)}`,
);
const results: Record<string, number> = {};
let fallen = 0;
for (const stage of values.stage ?? Object.keys(STAGES)) {
  const measured = await measure(stage, STAGES[stage]?.http2 === true ? http2File : file);
  results[stage] = Number(ratio(measured).toFixed(3));
  const expected = baseline[stage];
  console.log(line(measured, expected));
  if (!values.smoke && expected !== undefined && ratio(measured) < expected * FALL_MAX) fallen++;
}
console.log(
  '\nper JSON: calls per CPU second for each MB/s of JSON.parse. ratio: MB/s for each MB/s of JSON.parse; of base: against the stored baseline.',
);
if (values.save) await writeFile(baselineFile, `${JSON.stringify({ ...baseline, ...results }, null, 2)}\n`);
if (fallen > 0) {
  console.error(`${fallen} stage(s) fell below half of the baseline`);
  process.exitCode = 1;
}
