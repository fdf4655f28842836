/**
 * The stage that turns frames into observations, spread over worker threads: each has a reassembler and one partition of the
 * frames. A connection's frames are all in one partition, so that they keep their order, and what comes out of them too.
 *
 *     bus: frames, partition n ──► worker n: reassembler ──► bus: observations
 *
 * A worker that has enough to do holds its partition back; one that waits for room in the bus stops reading. One that fails
 * fails the stage: nothing that it had in hand counts as committed.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Observation } from '../../../schemas/call.ts';
import type { Frame } from '../../../schemas/frame.ts';
import type { Batch, Consumer, ConsumerHandlers, Producer } from '../../bus/bus.ts';
import { addCounts } from '../../privacy/redactor.ts';
import type { PrivacyPlan } from '../../privacy/settings.ts';
import type { PartitionHold, Reassembler, ReassemblerOptions } from '../../reassembler/reassembler.ts';
import type { StageFigures } from './messages.ts';
import { shareOf } from './share.ts';
import { WorkerHandle } from './worker-handle.ts';

export interface ThreadOptions {
  /** At least one. */
  readonly workers: number;
  readonly reassembler: ReassemblerOptions;
  readonly privacy: PrivacyPlan | null;
  /** Of the fingerprints of credentials. */
  readonly key: Buffer;
}

export interface WorkerFigures {
  readonly worker: number;
  /** JavaScript heap in use, bytes. */
  readonly heapBytes: number;
  readonly utilization: number;
}

export class ReassemblerThreads implements ConsumerHandlers<Frame>, StageFigures {
  readonly #workers: readonly WorkerHandle[];
  #closed = false;

  /** `onFailure`: is called once, with the first failure of a worker. */
  constructor(
    options: ThreadOptions,
    observations: Producer<Observation>,
    note: (line: string) => void,
    onFailure: (error: unknown) => void,
  ) {
    const reassembler = shareOf(options.reassembler, options.workers);
    this.#workers = Array.from({ length: options.workers }, (_, partition) => {
      const { privacy } = options;
      const task = { partition, options: reassembler, privacy, key: new Uint8Array(options.key) };
      return new WorkerHandle(task, { observations, note, onFailure });
    });
  }

  /** Resolves when all workers are loaded: what comes from then on is seen at once. */
  async started(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.started()));
  }

  attach(consumer: Pick<Consumer, 'commit'>): void {
    for (const worker of this.#workers) worker.attach(consumer);
  }

  async batch(batch: Batch<Frame>): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#workers[batch.partition]!.frames(batch);
    } catch (error) {
      if (!this.#closed) throw error;
    }
    // What the probe makes in a turn of the event loop goes in one message.
    await nextTurn();
  }

  /** Resolves when everything that was delivered is done with, and what came out is in the bus. */
  async drained(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.drained()));
  }

  /** No more frames come: whatever is open ends as the capture's end found it. */
  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.end()));
  }

  /** What is in hand is dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  /** Bytes of frames that workers have in hand or are on their way to them. */
  get flightBytes(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.flightBytes, 0);
  }

  /** Of each worker, since this was last asked for. */
  takeWorkers(): readonly WorkerFigures[] {
    return this.#workers.map((each, worker) => {
      return { worker, heapBytes: each.heapBytes, utilization: each.takeUtilization() };
    });
  }

  get counts(): Reassembler['counts'] {
    return summed(
      this.#figures.map(({ counts }) => counts),
      { calls: 0, exchanges: 0 },
    );
  }

  get losses(): Reassembler['losses'] {
    return summed(
      this.#figures.map(({ losses }) => losses),
      { overtaken: 0, checkpointsMissing: 0 },
    );
  }

  get totals(): Reassembler['totals'] {
    const none = { idle: 0, cut: 0, droppedBytes: 0, skippedBytes: 0, opaqueBytes: 0, gaps: 0, gapBytes: 0 };
    return summed(
      this.#figures.map(({ totals }) => totals),
      none,
    );
  }

  get redactions(): Reassembler['redactions'] {
    const sum: Record<string, number> = {};
    for (const { redactions } of this.#figures) addCounts(sum, redactions);
    return sum;
  }

  get holds(): readonly PartitionHold[] {
    return this.#figures.flatMap(({ holds }) => holds);
  }

  get #figures(): readonly StageFigures[] {
    return this.#workers.flatMap(({ figures }) => figures ?? []);
  }
}

function summed<T extends { readonly [K in keyof T]: number }>(figures: readonly T[], none: T): T {
  const sums: { [K in keyof T]: number } = { ...none };
  for (const each of figures) for (const name of Object.keys(none) as (keyof T)[]) sums[name] += each[name];
  return sums as T;
}
