/**
 * The bus within one process: what `bittern up` and `bittern replay` run on.
 *
 * Backpressure is by bytes: `publish` resolves at once while the topic's undelivered records weigh less than the limit, and
 * otherwise when its slowest group has caught up. Nothing is persisted: a crash of the process takes the queue with it, and
 * the source (a capture file) is simply read again.
 */
import { BitternError } from '../common/errors.ts';
import type {
  Batch,
  Bus,
  BusRecord,
  CommitResult,
  Consumer,
  ConsumerHandlers,
  Poison,
  Producer,
  RecordHeaders,
  Topic,
} from './bus.ts';

export interface MemoryBusOptions {
  /** Undelivered bytes per topic above which publishers wait. */
  readonly queueBytesMax: number;
  /** Records handed to a consumer at once. */
  readonly batchRecordsMax: number;
  /** Passes every value through the topic's codec, as a broker would: proves that no stage depends on object identity. */
  readonly serialize: boolean;
}

export const MEMORY_BUS_DEFAULTS: MemoryBusOptions = {
  queueBytesMax: 32 * 1024 * 1024,
  batchRecordsMax: 64,
  serialize: false,
};

/** There is one partition: order is kept for all keys, and one consumer a group is all that one process needs. */
const PARTITION = 0;
const READY = Promise.resolve();

/** The in-process bus has no dead-letter topic: it keeps the newest few. */
const DEAD_LETTERS_MAX = 16;
/** One owner from start to end. */
const EPOCH = 0;

export interface DeadRecord {
  readonly record: BusRecord<unknown>;
  readonly poison: Poison;
}

interface Queued {
  readonly record: BusRecord<unknown>;
  readonly bytes: number;
}

class Group<T> implements Consumer {
  readonly done: Promise<void>;
  readonly #handlers: ConsumerHandlers<T>;
  readonly #batchRecordsMax: number;
  readonly #onProgress: () => void;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #wake: (() => void) | null = null;
  #closing = false;
  #failed = false;
  #busy = false;
  #committed = 0;
  readonly #deadLetters: DeadRecord[] = [];

  constructor(handlers: ConsumerHandlers<T>, batchRecordsMax: number, onProgress: () => void) {
    this.#handlers = handlers;
    this.#batchRecordsMax = batchRecordsMax;
    this.#onProgress = onProgress;
    this.done = this.#run().catch((error: unknown) => {
      this.#failed = true;
      this.#queue = [];
      this.#queuedBytes = 0;
      onProgress();
      throw error;
    });
    // The owner learns of a failure from `done` when it looks; until then it isn't an unhandled rejection.
    this.done.catch(() => {});
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Nothing waits and nothing is being handled. */
  get idle(): boolean {
    return (this.#queue.length === 0 && !this.#busy) || this.#failed;
  }

  get committed(): number {
    return this.#committed;
  }

  push(queued: Queued): void {
    if (this.#closing || this.#failed) return;
    this.#queue.push(queued);
    this.#queuedBytes += queued.bytes;
    this.#wake?.();
  }

  async commit(partition: number, offset: number): Promise<CommitResult> {
    if (partition !== PARTITION) throw new RangeError(`no partition ${partition}`);
    this.#committed = Math.max(this.#committed, offset);
    return 'committed';
  }

  get deadLetters(): readonly DeadRecord[] {
    return this.#deadLetters;
  }

  async deadLetter(_partition: number, record: BusRecord<unknown>, poison: Poison): Promise<void> {
    this.#deadLetters.push({ record, poison });
    if (this.#deadLetters.length > DEAD_LETTERS_MAX) this.#deadLetters.shift();
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    await this.done;
  }

  async #run(): Promise<void> {
    // The caller of `consumer` comes first, so that its handlers can use the consumer.
    await new Promise<void>((resolve) => setImmediate(resolve));
    await this.#handlers.assigned?.([{ partition: PARTITION, offset: 0, metadata: '', epoch: EPOCH }]);
    while (!this.#closing) {
      if (this.#queue.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
        continue;
      }
      await this.#deliver();
    }
    await this.#handlers.revoked?.([PARTITION]);
  }

  async #deliver(): Promise<void> {
    const taken = this.#queue.splice(0, this.#batchRecordsMax);
    const batch: Batch<T> = {
      partition: PARTITION,
      records: taken.map(({ record }) => record as BusRecord<T>),
      nextOffset: taken[taken.length - 1]!.record.offset + 1,
    };
    this.#busy = true;
    try {
      await this.#handlers.batch(batch);
    } finally {
      this.#busy = false;
      for (const { bytes } of taken) this.#queuedBytes -= bytes;
    }
    this.#onProgress();
  }
}

class Log<T> implements Producer<T> {
  readonly groups = new Map<string, Group<T>>();
  readonly #topic: Topic<T>;
  readonly #options: MemoryBusOptions;
  #waiting: (() => void)[] = [];
  #nextOffset = 0;

  constructor(topic: Topic<T>, options: MemoryBusOptions) {
    this.#topic = topic;
    this.#options = options;
  }

  publish(key: string, value: T, headers?: RecordHeaders): Promise<void> {
    const stored = this.#options.serialize ? this.#topic.codec.decode(this.#topic.codec.encode(value)) : value;
    const offset = this.#nextOffset++;
    const record = headers === undefined ? { key, offset, value: stored } : { key, offset, value: stored, headers };
    const queued = { record, bytes: this.#topic.sizeOf(value) };
    for (const group of this.groups.values()) group.push(queued);
    return this.#hasRoom() ? READY : this.#until(() => this.#hasRoom());
  }

  flush(): Promise<void> {
    return READY;
  }

  /** Resolves when every group has handled all that was published. */
  drained(): Promise<void> {
    return this.#until(() => [...this.groups.values()].every((group) => group.idle));
  }

  readonly onProgress = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const check of waiting) check();
  };

  get queuedBytes(): number {
    return Math.max(0, ...[...this.groups.values()].map((group) => group.queuedBytes));
  }

  #hasRoom(): boolean {
    for (const group of this.groups.values()) if (group.queuedBytes >= this.#options.queueBytesMax) return false;
    return true;
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (condition()) resolve();
        else this.#waiting.push(check);
      };
      check();
    });
  }
}

export class MemoryBus implements Bus {
  readonly #options: MemoryBusOptions;
  readonly #logs = new Map<string, Log<unknown>>();

  constructor(options: MemoryBusOptions = MEMORY_BUS_DEFAULTS) {
    this.#options = options;
  }

  producer<T>(topic: Topic<T>): Producer<T> {
    return this.#log(topic);
  }

  async consumer<T>(topic: Topic<T>, group: string, handlers: ConsumerHandlers<T>): Promise<Consumer> {
    const log = this.#log(topic);
    if (log.groups.has(group)) {
      throw new BitternError(
        'BIT_BUS_GROUP_TAKEN',
        `The group '${group}' already consumes '${topic.name}' in this process.`,
      );
    }
    const created = new Group<T>(handlers, this.#options.batchRecordsMax, log.onProgress);
    log.groups.set(group, created);
    return created;
  }

  /** Resolves when every group of the topic has handled all that was published to it. */
  drained<T>(topic: Topic<T>): Promise<void> {
    return this.#log(topic).drained();
  }

  /** Bytes that wait for the slowest group of each topic. */
  get queued(): ReadonlyMap<string, number> {
    return new Map([...this.#logs].map(([name, log]) => [name, log.queuedBytes]));
  }

  /** The newest records that the topic's groups couldn't use, `DEAD_LETTERS_MAX` a group at most. */
  deadLetters<T>(topic: Topic<T>): readonly DeadRecord[] {
    return [...this.#log(topic).groups.values()].flatMap((group) => group.deadLetters);
  }

  async close(): Promise<void> {
    for (const log of this.#logs.values()) {
      for (const group of log.groups.values()) await group.close();
    }
  }

  #log<T>(topic: Topic<T>): Log<T> {
    let log = this.#logs.get(topic.name);
    if (log === undefined) {
      log = new Log(topic as Topic<unknown>, this.#options);
      this.#logs.set(topic.name, log);
    }
    return log as unknown as Log<T>;
  }
}
