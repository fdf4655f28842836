/** Fuzzes one target in a thread of its own. The input at work stands in shared memory, so that one that never ends can be saved. */
import { parentPort, workerData } from 'node:worker_threads';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './targets/index.ts';

export interface WorkerTask {
  readonly target: string;
  readonly inputs: number;
  readonly seed: number;
  /** Number of the input (int32) and its length (int32), then its bytes. */
  readonly shared: SharedArrayBuffer;
}

export interface WorkerResult {
  readonly inputs: number;
  readonly features: number;
  readonly fault: { readonly input: Uint8Array; readonly message: string } | null;
}

export const SHARED_HEAD_BYTES = 8;

if (parentPort !== null) {
  const task = workerData as WorkerTask;
  const head = new Int32Array(task.shared, 0, 2);
  const bytes = new Uint8Array(task.shared, SHARED_HEAD_BYTES);
  const target = TARGETS.find(({ name }) => name === task.target)!;
  const { inputs, features, fault } = await fuzz(target, {
    inputs: task.inputs,
    seed: task.seed,
    onInput(input) {
      bytes.set(input);
      head[1] = input.length;
      head[0] = (head[0]! + 1) | 0;
    },
  });
  const message = fault === null ? '' : fault.error instanceof Error ? (fault.error.stack ?? '') : String(fault.error);
  const result: WorkerResult = { inputs, features, fault: fault === null ? null : { input: fault.input, message } };
  parentPort.postMessage(result);
}
