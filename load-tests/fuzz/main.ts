/**
 * Fuzzes parsers until a fault is found:
 *
 *     npm run fuzz -- --target mirror --inputs 10000000 [--seed 1]
 *
 * `--target`: a target, a group of them, or `all`. An input that led to a fault goes to `load-tests/fuzz/crashes/`, where
 * the test beside this file runs it from then on.
 */
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { saveCrash } from './crashes.ts';
import { INPUT_BYTES_MAX } from './fuzz.ts';
import type { FuzzTarget } from './target.ts';
import { TARGETS } from './targets/index.ts';
import { SHARED_HEAD_BYTES, type WorkerResult, type WorkerTask } from './worker.ts';

/** An input that is still at work after two of these never ends. */
const HANG_CHECK_MS = 15_000;

/** @throws the fault, after its input was saved */
function run(target: FuzzTarget, inputs: number, seed: number): Promise<WorkerResult> {
  const shared = new SharedArrayBuffer(SHARED_HEAD_BYTES + INPUT_BYTES_MAX);
  const head = new Int32Array(shared, 0, 2);
  const task: WorkerTask = { target: target.name, inputs, seed, shared };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task });
  return new Promise((resolve, reject) => {
    const fail = (input: Uint8Array, message: string): void => {
      clearInterval(watch);
      const path = saveCrash(target.name, input);
      void worker.terminate();
      reject(new Error(`${target.name}: ${message}\nThe input is in ${path}.`));
    };
    const atWork = (): Uint8Array => Uint8Array.from(new Uint8Array(shared, SHARED_HEAD_BYTES, head[1]));
    let seen = -1;
    const watch = setInterval(() => {
      if (head[0] === seen && seen > 0) fail(atWork(), 'an input never ends');
      seen = head[0]!;
    }, HANG_CHECK_MS);
    worker.once('message', (result: WorkerResult) => {
      clearInterval(watch);
      if (result.fault === null) resolve(result);
      else fail(result.fault.input, result.fault.message);
    });
    worker.once('error', (error) => fail(atWork(), `the thread died: ${error.message}`));
  });
}

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'all' },
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
const chosen = TARGETS.filter(
  ({ name }) => values.target === 'all' || name === values.target || name.startsWith(`${values.target}/`),
);
if (chosen.length === 0) throw new Error(`--target must be all, or of ${TARGETS.map(({ name }) => name).join(', ')}`);
const shares = chosen.reduce((sum, { share }) => sum + share, 0);
let total = 0;
for (const target of chosen) {
  const wanted = Math.ceil((Number(values.inputs) * target.share) / shares);
  const started = performance.now();
  const { inputs, features } = await run(target, wanted, Number(values.seed));
  const seconds = (performance.now() - started) / 1000;
  total += inputs;
  const rate = Math.round(inputs / seconds);
  console.log(
    `${target.name}: ${inputs} inputs, ${features} features, ${seconds.toFixed(1)} s, ${rate} inputs/s, no fault`,
  );
}
console.log(`${total} inputs over ${chosen.length} targets, no fault`);
