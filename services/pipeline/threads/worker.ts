/** The worker thread: a reassembler on one partition of the frames, which the main thread sends. */
import { getHeapStatistics } from 'node:v8';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { BitternError, toldOf } from '../../common/errors.ts';
import { createCredentialMasker } from '../../http/credentials.ts';
import { withPrivacy } from '../../reassembler/privacy.ts';
import { Reassembler } from '../../reassembler/reassembler.ts';
import { THREAD_DEFAULTS } from './defaults.ts';
import { unpackFrames } from './frame-batch.ts';
import type { FromWorker, StageFigures, ToWorker, WorkerTask } from './messages.ts';
import { Outbox } from './outbox.ts';

const EPOCH = 0;

class WorkerStage {
  readonly #port: MessagePort;
  readonly #partition: number;
  readonly #outbox: Outbox;
  readonly #stage: Reassembler;
  /** Messages come one after the other: one may have to wait for the main thread in its middle. */
  #last: Promise<void> = Promise.resolve();
  #done = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #holds: StageFigures['holds'] = [];
  #heapBytes = 0;

  constructor(port: MessagePort, { partition, options, privacy, key }: WorkerTask) {
    this.#port = port;
    this.#partition = partition;
    this.#outbox = new Outbox((records, bytes) => {
      const { counts, totals, losses, redactions } = this.#stage;
      this.#look();
      const figures = { counts, totals, losses, redactions, holds: this.#holds };
      this.#post({ type: 'progress', records, bytes, done: this.#done, figures, heapBytes: this.#heapBytes });
      this.#done = 0;
    });
    const note = (line: string): void => this.#post({ type: 'note', line });
    const keyBytes = Buffer.from(key);
    const whole = privacy === null ? options : withPrivacy(options, privacy, keyBytes);
    this.#stage = new Reassembler(whole, createCredentialMasker(keyBytes), this.#outbox, note);
    this.#stage.attach({
      commit: async (_, offset, metadata = '') => {
        this.#post({ type: 'commit', offset, metadata });
        return 'committed';
      },
    });
    this.#stage.assigned([{ partition, offset: 0, metadata: '', epoch: EPOCH }]);
  }

  /** It is loaded: what comes from now on is read at once. */
  begin(): void {
    this.#outbox.send();
  }

  take(message: ToWorker): void {
    // Not in its turn: the message before may be waiting for it.
    if (message.type === 'taken') this.#outbox.taken(message.bytes);
    else this.#last = this.#last.then(() => this.#handle(message)).catch((error: unknown) => this.#fail(error));
  }

  async #handle(message: Exclude<ToWorker, { readonly type: 'taken' }>): Promise<void> {
    switch (message.type) {
      case 'frames': {
        const { batch, nextOffset } = message;
        await this.#stage.batch({ partition: this.#partition, records: unpackFrames(batch), nextOffset });
        break;
      }
      case 'end':
        await this.#stage.end();
        break;
    }
    this.#done++;
    this.#outbox.send();
  }

  #look(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lookedMs < THREAD_DEFAULTS.figuresMs) return;
    this.#lookedMs = nowMs;
    this.#holds = this.#stage.holds;
    this.#heapBytes = getHeapStatistics().used_heap_size;
  }

  #fail(error: unknown): void {
    const code = error instanceof BitternError ? error.code : '';
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    this.#post({ type: 'failed', code, told: toldOf(error), stack });
    this.#stage.close();
    this.#port.close();
  }

  #post(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}

if (parentPort !== null) {
  const stage = new WorkerStage(parentPort, workerData as WorkerTask);
  parentPort.on('message', (message: ToWorker) => stage.take(message));
  stage.begin();
}
