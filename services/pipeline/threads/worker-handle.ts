/** A worker thread as the main thread sees it: what it was given, what came out of it, and how it ended. */
import type { EventLoopUtilization } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import type { Observation } from '../../../schemas/call.ts';
import type { Frame } from '../../../schemas/frame.ts';
import { FRAMES } from '../../../schemas/topics.ts';
import type { Batch, BusRecord, Consumer, Producer } from '../../bus/bus.ts';
import { BitternError, toldOf } from '../../common/errors.ts';
import { THREAD_DEFAULTS } from './defaults.ts';
import { packFrames } from './frame-batch.ts';
import type { FromWorker, Progress, StageFigures, ToWorker, WorkerTask } from './messages.ts';

const SOURCE = new URL('./worker.ts', import.meta.url);

export interface WorkerHost {
  readonly observations: Producer<Observation>;
  /** Is told what an operator should know, a sentence a line. */
  readonly note: (line: string) => void;
  /** Once; the worker has ended. */
  readonly onFailure: (error: unknown) => void;
}

export class WorkerHandle {
  readonly #host: WorkerHost;
  readonly #worker: Worker;
  readonly #partition: number;
  /** Bytes of the messages that it has not done with yet, in order. */
  readonly #underWay: number[] = [];
  #flightBytes = 0;
  #publishing: Promise<void> = Promise.resolve();
  #waiting: {
    readonly done: () => boolean;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  #consumer: Pick<Consumer, 'commit'> | null = null;
  #figures: StageFigures | null = null;
  #heapBytes = 0;
  #utilizationBefore: EventLoopUtilization = { idle: 0, active: 0, utilization: 0 };
  /** Why it takes nothing any more. */
  #end: { readonly reason: unknown } | null = null;

  constructor(task: WorkerTask, host: WorkerHost) {
    this.#host = host;
    this.#partition = task.partition;
    const { youngMbMax, oldMbMax } = THREAD_DEFAULTS;
    this.#worker = new Worker(SOURCE, {
      workerData: task,
      name: `reassembler ${task.partition}`,
      resourceLimits: { maxYoungGenerationSizeMb: youngMbMax, maxOldGenerationSizeMb: oldMbMax },
    });
    this.#worker.on('message', (message: FromWorker) => this.#take(message));
    this.#worker.on('error', (error) => this.#fail(endedError(error)));
    this.#worker.on('exit', () => this.#fail(new BitternError('BIT_WORKER_ENDED', 'A worker thread ended by itself.')));
  }

  /** As of its last message; null before the first. */
  get figures(): StageFigures | null {
    return this.#figures;
  }

  get heapBytes(): number {
    return this.#heapBytes;
  }

  /** Frames that it has not done with yet, bytes. */
  get flightBytes(): number {
    return this.#flightBytes;
  }

  /** What share of the time it was busy since this was last asked for. */
  takeUtilization(): number {
    const now = this.#worker.performance.eventLoopUtilization();
    const { utilization } = this.#worker.performance.eventLoopUtilization(now, this.#utilizationBefore);
    this.#utilizationBefore = now;
    return utilization;
  }

  /** The consumer that its offsets are committed to. */
  attach(consumer: Pick<Consumer, 'commit'>): void {
    this.#consumer = consumer;
  }

  /** Resolves when it is loaded. Rejects when it can't be. */
  started(): Promise<void> {
    return this.#until(() => this.#figures !== null);
  }

  /** Resolves when there is room for more. Rejects when the worker has failed. */
  frames({ records, nextOffset }: Batch<Frame>): Promise<void> {
    const { batch, transfer } = packFrames(records);
    this.#send({ type: 'frames', batch, nextOffset }, sizeOf(records), transfer);
    return this.#until(() => this.#flightBytes < THREAD_DEFAULTS.flightBytesMax);
  }

  /** No more frames come. Resolves when all that comes out is in the bus. */
  end(): Promise<void> {
    this.#send({ type: 'end' }, 0);
    return this.drained();
  }

  /** Resolves when everything that it was given is done with, and what came out is in the bus. */
  async drained(): Promise<void> {
    await this.#until(() => this.#underWay.length === 0);
    await this.#publishing;
  }

  /** What it has in hand is dropped. */
  async close(): Promise<void> {
    this.#over(new BitternError('BIT_WORKER_CLOSED', 'The worker threads are closed: nothing can be added any more.'));
    await this.#worker.terminate();
  }

  #send(message: ToWorker, bytes: number, transfer: Parameters<Worker['postMessage']>[1] = []): void {
    this.#underWay.push(bytes);
    this.#flightBytes += bytes;
    if (this.#end === null) this.#worker.postMessage(message, transfer);
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case 'progress':
        this.#publishing = this.#publishing.then(() => this.#publish(message)).catch((error) => this.#fail(error));
        return;
      case 'commit':
        this.#publishing = this.#publishing.then(() => this.#commit(message.offset, message.metadata));
        return;
      case 'note':
        this.#host.note(message.line);
        return;
      case 'failed':
        this.#fail(failedError(message));
        return;
    }
  }
  async #publish({ records, bytes, done, figures, heapBytes }: Progress): Promise<void> {
    const { observations } = this.#host;
    for (const { key, value, headers } of records) await observations.publish(key, value, headers);
    if (this.#end !== null) return;
    this.#figures = figures;
    this.#heapBytes = heapBytes;
    if (bytes > 0) this.#worker.postMessage({ type: 'taken', bytes } satisfies ToWorker);
    for (const message of this.#underWay.splice(0, done)) this.#flightBytes -= message;
    this.#waiting = this.#waiting.filter((waiter) => {
      if (waiter.done()) waiter.resolve();
      return !waiter.done();
    });
  }

  async #commit(offset: number, metadata: string): Promise<void> {
    await this.#consumer?.commit(this.#partition, offset, metadata);
  }

  /** The first failure counts. */
  #fail(error: unknown): void {
    if (this.#end !== null) return;
    this.#over(error);
    void this.#worker.terminate();
    this.#host.onFailure(error);
  }

  #over(reason: unknown): void {
    this.#end ??= { reason };
    for (const { reject } of this.#waiting) reject(this.#end.reason);
    this.#waiting = [];
  }

  #until(done: () => boolean): Promise<void> {
    if (this.#end !== null) return Promise.reject(this.#end.reason);
    if (done()) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ done, resolve, reject }));
  }
}

function sizeOf(records: readonly BusRecord<Frame>[]): number {
  return records.reduce((sum, { value }) => sum + FRAMES.sizeOf(value), 0);
}

/** What the worker's own stage threw, as if it had run in this thread: whoever tells of it needs its code, or where it happened. */
function failedError({ code, told, stack }: Extract<FromWorker, { readonly type: 'failed' }>): Error {
  if (/^BIT_/.test(code)) return new BitternError(code as `BIT_${string}`, told);
  const error = new Error(told);
  error.name = told;
  error.stack = stack;
  return error;
}

/** The thread itself ended, whatever its stage did. */
function endedError(error: unknown): Error {
  if ((error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY')
    return new BitternError(
      'BIT_WORKER_MEMORY',
      'A worker thread had no memory left: lower llm.openBytesMax, or set pipeline.workers to 0.',
      { cause: error },
    );
  return new BitternError('BIT_WORKER_FAILED', `A worker thread failed: ${toldOf(error)}.`, { cause: error });
}
