/**
 * The bus's consumer over Kafka: kafkajs fetches and keeps the membership, everything that makes it exact is here.
 *
 *   fetched ──► PartitionDelivery ──► handler          fetching goes on beside the handler, so heartbeats never wait for it;
 *                  │  too many bytes waiting            a partition whose queue is full is paused
 *                  └► pause / resume
 *   rebalance ──► running batches end (≤ drainMs) ──► handler.revoked ──► commits sent ──► epoch ends ──► rejoin
 *                                                                         later commits: 'fenced'
 */
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, {
  type EachBatchPayload,
  type Kafka,
  type Consumer as KafkajsConsumer,
  type KafkaMessage,
} from 'kafkajs';
import type {
  Assignment,
  Batch,
  BusRecord,
  CommitResult,
  Consumer,
  ConsumerHandlers,
  Poison,
  Topic,
} from '../bus/bus.ts';
import type { CheckpointReference, Checkpoints } from './checkpoints.ts';
import { KAFKAJS_RETRY } from './clients.ts';
import { CommitMetadata } from './commit-metadata.ts';
import { Committer } from './committer.ts';
import type { DeadLetterWriter } from './dead-letter-writer.ts';
import { KafkaRecord, PartitionDelivery } from './delivery.ts';
import { kafkaError } from './errors.ts';
import { type Generation, Membership, type PartitionOffset } from './membership.ts';
import type { KafkaConsumerOptions } from './options.ts';
import { type OwnedPartition, Ownership } from './ownership.ts';
import { kafkaGroupId } from './topics.ts';

/** How long a full queue holds the fetch loop (and with it all partitions) before its partition alone is paused. */
const PAUSE_AFTER_MS = 500;
/** A slice of the drain deadline that is kept for `revoked` and the last commits. */
const REVOKE_SHARE = 0.4;
/** For telling the group that this member leaves, whatever time is left. */
const LEAVE_MS_MIN = 750;
const POSITION_ATTEMPTS = 10;
const POSITION_RETRY_MS = 300;

/** How far a partition is, for health and metrics. Offsets are of the next record. */
export interface PartitionProgress {
  readonly partition: number;
  readonly committed: number;
  /** Below it the handler is done with everything. */
  readonly handled: number;
  /** Null: not heard of yet. */
  readonly end: number | null;
  /** How old the newest handled record was when it was handled, ms; null: there was none. */
  readonly delayMs: number | null;
}

/** What a consumer has done since it began, for health and metrics. */
export interface KafkaConsumerStats {
  readonly topic: string;
  readonly group: string;
  /** Owned now. */
  readonly partitions: readonly number[];
  readonly progress: readonly PartitionProgress[];
  readonly pausedPartitions: readonly number[];
  /** Bytes fetched and not yet handled. */
  readonly queuedBytes: number;
  /** Records, their bytes and batches that handlers are done with. */
  readonly records: number;
  readonly bytes: number;
  readonly batches: number;
  /** When the last batch was handled, milliseconds since the epoch; 0: never. */
  readonly lastBatchMs: number;
  readonly rebalances: number;
  /** Restarts of the client after it lost its brokers. */
  readonly restarts: number;
  readonly commits: Readonly<Record<'committed' | 'fenced' | 'retried', number>>;
  /** Since when the group's coordinator hasn't heard of this member, ms; null: it never has. */
  readonly unheardMs: number | null;
}

export interface ConsumerParts<T> {
  readonly client: Kafka;
  readonly topic: Topic<T>;
  readonly group: string;
  readonly handlers: ConsumerHandlers<T>;
  readonly options: KafkaConsumerOptions;
  readonly deadLetters: DeadLetterWriter;
  readonly checkpoints: Checkpoints;
}

/** Where a partition goes on, and the record that its metadata was in. */
interface Position {
  readonly assignment: Omit<Assignment, 'epoch'>;
  readonly reference: CheckpointReference | null;
}

export class KafkaConsumer<T> implements Consumer {
  readonly done: Promise<void>;
  readonly #parts: ConsumerParts<T>;
  readonly #groupId: string;
  readonly #kafkajs: KafkajsConsumer;
  readonly #membership: Membership;
  readonly #ownership = new Ownership();
  readonly #metadata: CommitMetadata;
  readonly #committer: Committer;
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };
  #deliveries = new Map<number, PartitionDelivery<T>>();
  #paused = new Set<number>();
  #generation: Generation | null = null;
  #records = 0;
  #bytes = 0;
  #batches = 0;
  #lastBatchMs = 0;
  #rebalances = 0;
  #restarts = 0;
  #roomWaiters: (() => void)[] = [];
  #releasing: Promise<void> | null = null;
  /** When partitions are given up, done or not, ms of performance.now(). */
  #givenUpMs = Number.POSITIVE_INFINITY;
  #closing: Promise<void> | null = null;
  /** Resolved when running batches are not waited for any longer. */
  readonly #hurry = Promise.withResolvers<void>();

  constructor(parts: ConsumerParts<T>) {
    const { client, topic, options } = parts;
    const groupId = kafkaGroupId(topic.name, parts.group);
    this.#groupId = groupId;
    this.#parts = parts;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#settle = { resolve, reject };
    // The owner learns of a failure from `done` when it looks; until then it isn't an unhandled rejection.
    this.done.catch(() => {});
    this.#membership = new Membership(topic.name, groupId, {
      leaving: () => this.#leave(),
      joined: (generation, partitions) => this.#take(generation, partitions),
    });
    this.#metadata = new CommitMetadata(groupId, topic.codec, parts.checkpoints);
    this.#committer = new Committer(topic.name, groupId, this.#membership, this.#ownership, this.#metadata);
    this.#kafkajs = client.consumer({
      groupId,
      partitionAssigners: [this.#membership.assigner],
      sessionTimeout: options.sessionTimeoutMs,
      heartbeatInterval: options.heartbeatIntervalMs,
      rebalanceTimeout: options.rebalanceTimeoutMs,
      maxBytes: options.fetchBytesMax,
      maxBytesPerPartition: options.fetchPartitionBytesMax,
      maxWaitTimeInMs: options.fetchWaitMs,
      // A consumer that is closed in an outage must not come back to life with the brokers.
      retry: { ...KAFKAJS_RETRY, restartOnFailure: async () => this.#closing === null },
    });
  }

  /** Connects; delivery begins after this turn of the event loop. @throws BitternError when the topic can't be subscribed. */
  async start(): Promise<void> {
    const { topic } = this.#parts;
    this.#kafkajs.on('consumer.crash', ({ payload }) => {
      this.#restarts++;
      if (!payload.restart && this.#closing === null)
        this.#fail(kafkaError(`Consuming '${topic.name}'`, payload.error));
    });
    try {
      await this.#kafkajs.connect();
      await this.#kafkajs.subscribe({ topic: topic.name, fromBeginning: true });
    } catch (cause) {
      await this.#kafkajs.disconnect().catch(() => {});
      throw kafkaError(`Subscribing to '${topic.name}'`, cause);
    }
    setImmediate(() => {
      if (this.#closing !== null) return;
      const run = this.#kafkajs.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 4,
        eachBatch: (payload) => this.#fetched(payload),
      });
      run.catch((error: unknown) => this.#fail(kafkaError(`Consuming '${topic.name}'`, error)));
    });
  }

  commit(partition: number, offset: number, metadata = '', epoch?: number): Promise<CommitResult> {
    return this.#committer.commit(partition, offset, metadata, epoch);
  }

  async deadLetter(partition: number, record: BusRecord<unknown>, poison: Poison): Promise<void> {
    if (!(record instanceof KafkaRecord))
      throw new RangeError('only a record that this bus delivered can be a dead letter');
    await this.#bury(partition, record.wire, poison);
  }

  /**
   * Nobody else owns the partition before this member's session has run out, or before it has let go in a rebalance, for which
   * `revoked` has a share of the drain deadline.
   */
  ownedForMs(partition: number, epoch: number): number | null {
    if (this.#ownership.find(partition, epoch) === undefined) return null;
    const { sessionTimeoutMs, drainMs } = this.#parts.options;
    const nowMs = performance.now();
    const sessionMs = this.#membership.heardMs + sessionTimeoutMs - nowMs;
    const revokeMs = Math.min(drainMs * REVOKE_SHARE, this.#givenUpMs - nowMs);
    return Math.max(0, Math.min(sessionMs, revokeMs));
  }

  get stats(): KafkaConsumerStats {
    const { heardMs } = this.#membership;
    return {
      topic: this.#parts.topic.name,
      group: this.#parts.group,
      partitions: this.#ownership.partitions,
      pausedPartitions: [...this.#paused],
      queuedBytes: this.#queuedBytes,
      progress: this.#ownership.all.map(progressOf),
      records: this.#records,
      bytes: this.#bytes,
      batches: this.#batches,
      lastBatchMs: this.#lastBatchMs,
      rebalances: this.#rebalances,
      restarts: this.#restarts,
      commits: this.#committer.counts,
      unheardMs: Number.isFinite(heardMs) ? performance.now() - heardMs : null,
    };
  }

  /** Asks for the ends of the owned partitions, which fetching tells only while it goes on. */
  async refreshEnds(): Promise<void> {
    const { partitions } = this.#ownership;
    if (partitions.length === 0 || this.#closing !== null) return;
    for (const [partition, end] of await this.#membership.offsets('end', partitions)) this.#heardOfEnd(partition, end);
  }

  get #queuedBytes(): number {
    let bytes = 0;
    for (const delivery of this.#deliveries.values()) bytes += delivery.queuedBytes;
    return bytes;
  }

  /** Ends within `withinMs`, or soon after it when that is less than what `revoked` is promised. */
  close(withinMs = this.#parts.options.drainMs): Promise<void> {
    this.#closing ??= this.#close(withinMs);
    return this.#closing;
  }

  async #close(withinMs: number): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    // Partitions are not left sooner than what they were promised: inserts may be under way until then.
    const stopMs = Math.max(0, withinMs - this.#parts.options.drainMs * REVOKE_SHARE - LEAVE_MS_MIN);
    const hurry = setTimeout(() => this.#hurry.resolve(), stopMs);
    await this.#release();
    clearTimeout(hurry);
    // Without a broker nobody can be told that this member leaves: its session runs out.
    await within(
      Math.max(LEAVE_MS_MIN, deadlineMs - performance.now()),
      this.#kafkajs.disconnect().catch(() => {}),
    );
    this.#settle.resolve();
  }

  #fail(error: unknown): void {
    this.#settle.reject(error);
    // Nothing more is delivered: what was in flight belongs to the next owner.
    this.#ownership.end();
    void this.close();
  }

  async #leave(): Promise<void> {
    await this.#release();
    if (this.#closing !== null) throw new kafkajs.KafkaJSNonRetriableError('closed while joining');
  }

  /** Gives up all partitions in order: no new batch, the running ones end, `revoked`, the last commits, then the fence. */
  #release(): Promise<void> {
    this.#releasing ??= this.#giveUp()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#releasing = null;
      });
    return this.#releasing;
  }

  async #giveUp(): Promise<void> {
    const partitions = this.#ownership.partitions;
    const deliveries = [...this.#deliveries.values()];
    this.#deliveries = new Map();
    this.#wakeRoomWaiters();
    if (partitions.length === 0) return;
    const { drainMs } = this.#parts.options;
    const keepAlive = setInterval(() => this.#heartbeat(), this.#parts.options.heartbeatIntervalMs);
    try {
      const stopped = Promise.all(deliveries.map((delivery) => delivery.stop()));
      await within(drainMs * (1 - REVOKE_SHARE), Promise.race([stopped, this.#hurry.promise]));
      this.#givenUpMs = performance.now() + drainMs * REVOKE_SHARE;
      await within(drainMs * REVOKE_SHARE, this.#revoke(partitions));
    } finally {
      clearInterval(keepAlive);
      this.#ownership.end();
      this.#givenUpMs = Number.POSITIVE_INFINITY;
    }
  }

  async #revoke(partitions: readonly number[]): Promise<void> {
    await this.#parts.handlers.revoked?.(partitions);
    await this.#committer.idle();
  }

  /** While work is drained the member is not fetching, and must not be taken for dead. The answer ("rebalance") is known. */
  #heartbeat(): void {
    const generation = this.#generation;
    if (generation === null) return;
    const { memberId, generationId } = generation;
    const request = { groupId: this.#groupId, groupGenerationId: generationId, memberId };
    this.#membership
      .coordinator()
      .then((coordinator) => coordinator.heartbeat(request))
      .catch(() => {});
  }

  /** An assignment: positions and metadata are read before anything is delivered. */
  async #take(generation: Generation, partitions: readonly number[]): Promise<void> {
    if (this.#closing !== null) return;
    this.#generation = generation;
    this.#rebalances++;
    // kafkajs keeps what is paused over a rebalance; here everything begins with empty queues.
    this.#resume(this.#paused);
    const positions = partitions.length === 0 ? [] : await this.#positions(partitions);
    const epoch = this.#ownership.begin(
      generation,
      positions.map(({ assignment, reference }) => ({ ...assignment, reference })),
    );
    const hooks = {
      batch: (batch: Batch<T>) => this.#handle(batch, epoch),
      poison: (partition: number, message: KafkaMessage, poison: Poison) => this.#bury(partition, message, poison),
      progress: (bytes: number) => this.#progress(bytes),
      failed: (error: unknown) => this.#fail(error),
    };
    const assignments = positions.map(({ assignment }): Assignment => ({ ...assignment, epoch }));
    for (const { partition } of assignments) {
      this.#deliveries.set(partition, new PartitionDelivery(this.#parts.topic, partition, this.#parts.options, hooks));
    }
    try {
      await this.#parts.handlers.assigned?.(assignments);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  async #handle(batch: Batch<T>, epoch: number): Promise<void> {
    await this.#parts.handlers.batch(batch);
    this.#records += batch.records.length;
    this.#batches++;
    this.#lastBatchMs = Date.now();
    const owned = this.#ownership.find(batch.partition, epoch);
    if (owned === undefined) return;
    owned.handled = batch.nextOffset;
    owned.newestMs = batch.records.at(-1)?.publishedMs ?? owned.newestMs;
    owned.newestHandledMs = this.#lastBatchMs;
  }

  #heardOfEnd(partition: number, end: number): void {
    const owned = this.#ownership.find(partition, undefined);
    if (owned !== undefined) owned.end = Math.max(owned.end ?? 0, end);
  }

  async #positions(partitions: readonly number[]): Promise<Position[]> {
    const topic = this.#parts.topic.name;
    const request = {
      groupId: this.#groupId,
      topics: [{ topic, partitions: partitions.map((partition) => ({ partition })) }],
    };
    for (let attempt = 1; ; attempt++) {
      try {
        const { responses } = await (await this.#membership.coordinator()).offsetFetch(request);
        const found = responses.flatMap((response) => response.partitions);
        return await this.#resolvePositions(found);
      } catch (error) {
        if (attempt === POSITION_ATTEMPTS) throw error;
        this.#membership.forgetCoordinator();
        await sleep(POSITION_RETRY_MS);
      }
    }
  }

  /** Where nothing was committed, the first record still there is the first that is delivered. */
  async #resolvePositions(found: readonly PartitionOffset[]): Promise<Position[]> {
    const fresh = found.filter(({ offset }) => Number(offset) < 0).map(({ partition }) => partition);
    const earliest = fresh.length === 0 ? new Map<number, number>() : await this.#membership.offsets('earliest', fresh);
    const positions: Position[] = [];
    for (const { partition, offset, metadata } of found) {
      const committed = Number(offset);
      if (committed >= 0) positions.push(await this.#position(partition, committed, metadata ?? ''));
      else {
        const assignment = { partition, offset: earliest.get(partition) ?? 0, metadata: '' };
        positions.push({ assignment, reference: null });
      }
    }
    return positions;
  }

  async #position(partition: number, offset: number, committed: string): Promise<Position> {
    const { reference, ...metadata } = await this.#metadata.read(partition, offset, committed);
    return { assignment: { partition, offset, ...metadata }, reference };
  }

  async #fetched({ batch, resolveOffset }: EachBatchPayload): Promise<void> {
    const delivery = this.#deliveries.get(batch.partition);
    if (delivery === undefined) {
      // While work is drained nothing is taken, and nothing fetched again and again.
      await this.#releasing;
      if (this.#closing !== null) return;
      // kafkajs believes that it owns a partition which was never handed over here: only joining again can repair that.
      throw Object.assign(new Error('partition without an owner'), { type: 'REBALANCE_IN_PROGRESS' });
    }
    delivery.push(batch.messages, Number(batch.lastOffset()) + 1);
    this.#heardOfEnd(batch.partition, Number(batch.highWatermark));
    resolveOffset(batch.lastOffset());
    if (this.#hasRoom(delivery)) return;
    await Promise.race([this.#room(delivery), sleep(PAUSE_AFTER_MS, undefined, { ref: false })]);
    if (this.#hasRoom(delivery) || this.#deliveries.get(batch.partition) !== delivery) return;
    this.#paused.add(batch.partition);
    this.#kafkajs.pause([{ topic: this.#parts.topic.name, partitions: [batch.partition] }]);
  }

  #hasRoom(delivery: PartitionDelivery<T>): boolean {
    const { queueBytesMax, queuePartitionBytesMax } = this.#parts.options;
    return delivery.queuedBytes < queuePartitionBytesMax && this.#queuedBytes < queueBytesMax;
  }

  async #room(delivery: PartitionDelivery<T>): Promise<void> {
    while (!this.#hasRoom(delivery) && this.#deliveries.get(delivery.partition) === delivery) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  #progress(bytes: number): void {
    this.#bytes += bytes;
    if (this.#roomWaiters.length > 0) this.#wakeRoomWaiters();
    for (const partition of this.#paused) {
      const delivery = this.#deliveries.get(partition);
      if (delivery !== undefined && !this.#hasRoom(delivery)) continue;
      this.#resume([partition]);
    }
  }

  #resume(paused: Iterable<number>): void {
    const partitions = [...paused];
    for (const partition of partitions) this.#paused.delete(partition);
    if (this.#closing === null && partitions.length > 0)
      this.#kafkajs.resume([{ topic: this.#parts.topic.name, partitions }]);
  }

  #wakeRoomWaiters(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }

  #bury(partition: number, message: KafkaMessage, poison: Poison): Promise<void> {
    const { topic, group, deadLetters } = this.#parts;
    return deadLetters.write(message, poison, { stage: group, topic: topic.name, partition });
  }
}

function progressOf({
  partition,
  committed,
  handled,
  end,
  newestMs,
  newestHandledMs,
}: OwnedPartition): PartitionProgress {
  return { partition, committed, handled, end, delayMs: newestMs === 0 ? null : newestHandledMs - newestMs };
}

/** Waits for `work`, but no longer than `timeoutMs`. A failure of it is the caller's. */
async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  try {
    await Promise.race([work, sleep(timeoutMs, undefined, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}
