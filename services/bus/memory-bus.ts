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
  /** Partitions of the topics that have more than one, by name. */
  readonly partitions?: Readonly<Record<string, number>>;
}

export const MEMORY_BUS_DEFAULTS: MemoryBusOptions = {
  queueBytesMax: 32 * 1024 * 1024,
  batchRecordsMax: 64,
  serialize: false,
};

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

/** What waits of one partition for one group, handed on in its order. */
class Lane<T> {
  readonly #partition: number;
  readonly #batchRecordsMax: number;
  readonly #onProgress: () => void;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #wake: (() => void) | null = null;
  #over = false;
  #busy = false;

  constructor(partition: number, batchRecordsMax: number, onProgress: () => void) {
    this.#partition = partition;
    this.#batchRecordsMax = batchRecordsMax;
    this.#onProgress = onProgress;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Nothing waits and nothing is being handled. */
  get idle(): boolean {
    return this.#queue.length === 0 && !this.#busy;
  }

  push(queued: Queued): void {
    if (this.#over) return;
    this.#queue.push(queued);
    this.#queuedBytes += queued.bytes;
    this.#wake?.();
  }

  /** Delivers until it is stopped. */
  async run(handlers: ConsumerHandlers<T>): Promise<void> {
    while (!this.#over) {
      if (this.#queue.length === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
        continue;
      }
      await this.#deliver(handlers);
    }
  }

  /** Nothing more is delivered after the batch under way. */
  stop(): void {
    this.#over = true;
    this.#wake?.();
  }

  /** Lets go of what waits. */
  drop(): void {
    this.stop();
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  async #deliver(handlers: ConsumerHandlers<T>): Promise<void> {
    const taken = this.#queue.splice(0, this.#batchRecordsMax);
    const batch: Batch<T> = {
      partition: this.#partition,
      records: taken.map(({ record }) => record as BusRecord<T>),
      nextOffset: taken[taken.length - 1]!.record.offset + 1,
    };
    this.#busy = true;
    try {
      await handlers.batch(batch);
    } finally {
      this.#busy = false;
      for (const { bytes } of taken) this.#queuedBytes -= bytes;
    }
    this.#onProgress();
  }
}

class Group<T> implements Consumer {
  readonly done: Promise<void>;
  readonly #handlers: ConsumerHandlers<T>;
  readonly #lanes: readonly Lane<T>[];
  readonly #committed: number[];
  #failed = false;
  readonly #deadLetters: DeadRecord[] = [];

  constructor(handlers: ConsumerHandlers<T>, partitions: number, batchRecordsMax: number, onProgress: () => void) {
    this.#handlers = handlers;
    this.#lanes = Array.from({ length: partitions }, (_, n) => new Lane<T>(n, batchRecordsMax, onProgress));
    this.#committed = this.#lanes.map(() => 0);
    this.done = this.#run().catch((error: unknown) => {
      this.#failed = true;
      for (const lane of this.#lanes) lane.drop();
      onProgress();
      throw error;
    });
    // The owner learns of a failure from `done` when it looks; until then it isn't an unhandled rejection.
    this.done.catch(() => {});
  }

  get queuedBytes(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.queuedBytes, 0);
  }

  /** Nothing waits and nothing is being handled. */
  get idle(): boolean {
    return this.#failed || this.#lanes.every((lane) => lane.idle);
  }

  push(partition: number, queued: Queued): void {
    this.#lanes[partition]!.push(queued);
  }

  async commit(partition: number, offset: number): Promise<CommitResult> {
    const before = this.#committed[partition];
    if (before === undefined) throw new RangeError(`no partition ${partition}`);
    this.#committed[partition] = Math.max(before, offset);
    return 'committed';
  }

  /** By partition. */
  get committed(): readonly number[] {
    return this.#committed;
  }

  get deadLetters(): readonly DeadRecord[] {
    return this.#deadLetters;
  }

  async deadLetter(_partition: number, record: BusRecord<unknown>, poison: Poison): Promise<void> {
    this.#deadLetters.push({ record, poison });
    if (this.#deadLetters.length > DEAD_LETTERS_MAX) this.#deadLetters.shift();
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.stop();
    await this.done;
  }

  async #run(): Promise<void> {
    // The caller of `consumer` comes first, so that its handlers can use the consumer.
    await new Promise<void>((resolve) => setImmediate(resolve));
    const beginning = { offset: 0, metadata: '', epoch: EPOCH };
    await this.#handlers.assigned?.(this.#lanes.map((_, partition) => ({ partition, ...beginning })));
    await Promise.all(this.#lanes.map((lane) => lane.run(this.#handlers)));
    await this.#handlers.revoked?.(this.#lanes.map((_, partition) => partition));
  }
}

/** FNV-1a over the key's UTF-16 units, mixed so that its low bits depend on all of them. */
function partitionOf(key: string, partitions: number): number {
  if (partitions === 1) return 0;
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % partitions;
}

class Log<T> implements Producer<T> {
  readonly groups = new Map<string, Group<T>>();
  readonly #topic: Topic<T>;
  readonly #options: MemoryBusOptions;
  #waiting: (() => void)[] = [];
  readonly #nextOffsets: number[];

  constructor(topic: Topic<T>, options: MemoryBusOptions) {
    this.#topic = topic;
    this.#options = options;
    this.#nextOffsets = Array.from({ length: options.partitions?.[topic.name] ?? 1 }, () => 0);
  }

  get partitions(): number {
    return this.#nextOffsets.length;
  }

  publish(key: string, value: T, headers?: RecordHeaders): Promise<void> {
    const stored = this.#options.serialize ? this.#topic.codec.decode(this.#topic.codec.encode(value)) : value;
    const partition = partitionOf(key, this.partitions);
    const offset = this.#nextOffsets[partition]!++;
    const record = headers === undefined ? { key, offset, value: stored } : { key, offset, value: stored, headers };
    const queued = { record, bytes: this.#topic.sizeOf(value) };
    for (const group of this.groups.values()) group.push(partition, queued);
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
    const created = new Group<T>(handlers, log.partitions, this.#options.batchRecordsMax, log.onProgress);
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

  /** What a group has committed of a topic, by partition. */
  committed<T>(topic: Topic<T>, group: string): readonly number[] {
    return this.#log(topic).groups.get(group)?.committed ?? [];
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
