/**
 * The bus between the stages: typed topics of keyed records in partitions, consumed by groups that commit offsets.
 *
 * The interface is what a log such as Kafka can promise, and no more: records of one key keep their order, a consumer is told
 * which partitions it owns and from where, it commits the lowest offset that it still needs, and after a crash the
 * successor is given that offset (and the metadata committed with it) again. Nothing here assumes one process.
 */

/** How a topic's values become bytes and back. The in-process bus passes values as they are; a broker needs the bytes. */
export interface Codec<T> {
  encode(value: T): Buffer;
  /** The same behind other bytes, without copying it there; absent: put them together yourself. */
  encodeAfter?(lead: Buffer, value: T): Buffer;
  /**
   * @returns a value that shares no memory with `bytes`.
   * @throws BitternError when the bytes can't be read; the bus then sends the record to the dead letters.
   * @throws NotYetReadable when something must be fetched first; the bus waits for it and decodes again.
   */
  decode(bytes: Buffer): T;
  /** What every value that it encodes is: `content-type`, `schema`. A broker keeps them beside the record. */
  readonly headers?: RecordHeaders;
}

/** The bytes may be readable once `ready` has resolved. It never rejects, and resolves as well when there is nothing to wait for any more. */
export class NotYetReadable extends Error {
  readonly ready: Promise<void>;

  constructor(ready: Promise<void>) {
    super('not readable yet');
    this.name = 'NotYetReadable';
    this.ready = ready;
  }
}

export interface Topic<T> {
  readonly name: string;
  readonly codec: Codec<T>;
  /** What a value weighs in memory, in bytes: the unit of backpressure. */
  sizeOf(value: T): number;
}

/** Names and values that travel beside a record's value, such as `traceparent`. */
export type RecordHeaders = Readonly<Record<string, string>>;

export interface BusRecord<T> {
  readonly key: string;
  readonly offset: number;
  /** When it was published, by the publisher's clock or the broker's, ms since the epoch; absent where the bus doesn't keep it. */
  readonly publishedMs?: number;
  readonly value: T;
  /** What the publisher gave, and what the bus adds; empty or absent when there is nothing. */
  readonly headers?: RecordHeaders;
}

export interface Batch<T> {
  readonly partition: number;
  /** The first offset taken, whether or not its record could be read; absent where offsets have no holes. */
  readonly firstOffset?: number;
  /** May be empty: then only `nextOffset` moves on. */
  readonly records: readonly BusRecord<T>[];
  /** The offset to commit when all of this batch is done with: records that went to the dead letters are below it too. */
  readonly nextOffset: number;
}

export interface Assignment {
  readonly partition: number;
  /** The committed offset: the first record that will be delivered. */
  readonly offset: number;
  /** What was committed with it; empty when nothing was. */
  readonly metadata: string;
  /** Why metadata that was committed is not given; absent when all is well. */
  readonly metadataMissing?: Poison;
  /** Which ownership this is: a partition that comes again after a rebalance has another. Pass it to `commit`. */
  readonly epoch: number;
}

/** `fenced`: the partition was taken away in the meantime; nothing was committed, and its new owner does the work again. */
export type CommitResult = 'committed' | 'fenced';

/** Why a record can't be used: a stable code (`BIT_…`) and a sentence. */
export interface Poison {
  readonly code: string;
  readonly message: string;
}

export interface ConsumerHandlers<T> {
  /** Partitions were assigned; state for them starts empty. */
  assigned?(assignments: readonly Assignment[]): void | Promise<void>;
  /** Records in offset order. The next batch of the partition comes when the promise resolves. A rejection is fatal to the consumer. */
  batch(batch: Batch<T>): Promise<void>;
  /** Partitions are about to be taken away: finish and commit what can be finished, drop the rest. */
  revoked?(partitions: readonly number[]): void | Promise<void>;
}

export interface Producer<T> {
  /** Appends one record. Resolves when the bus has room for more (backpressure); await it before the next. */
  publish(key: string, value: T, headers?: RecordHeaders): Promise<void>;
  /** Resolves when everything published so far is durable in the bus. */
  flush(): Promise<void>;
}

export interface Consumer {
  /**
   * Records below `offset` are done with. `metadata` is handed to the partition's next owner. May be called at any time after
   * the batch; `epoch` is the ownership that did the work (without it: the present one), and a lower offset than the last is
   * ignored.
   */
  commit(partition: number, offset: number, metadata?: string, epoch?: number): Promise<CommitResult>;
  /**
   * Puts a record that this stage can't use into the dead letters, as it came from the bus. Resolves when it is durable there;
   * only then may an offset above it be committed.
   */
  deadLetter(partition: number, record: BusRecord<unknown>, poison: Poison): Promise<void>;
  /**
   * For how long, in ms from now, nobody else can own this partition, whatever happens to this process, provided that `revoked`
   * doesn't resolve before the work under way has ended. 0: uncertain at the moment; null: the ownership is over. Absent where
   * nobody else ever owns it.
   */
  ownedForMs?(partition: number, epoch: number): number | null;
  /**
   * The offset that the partition's next record will get, asked for now. Rejects while it can't be asked. Absent where delivery is
   * never behind.
   */
  endOf?(partition: number): Promise<number>;
  /** Stops delivery, lets the running batch finish, calls `revoked`. */
  close(): Promise<void>;
  /** Rejects when the consumer fails; resolves after `close`. */
  readonly done: Promise<void>;
}

export interface Bus {
  producer<T>(topic: Topic<T>): Producer<T>;
  /** Nothing is delivered before the promise has resolved, so that handlers may use the consumer. */
  consumer<T>(topic: Topic<T>, group: string, handlers: ConsumerHandlers<T>): Promise<Consumer>;
  close(): Promise<void>;
}
