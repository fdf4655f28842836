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
import type { Checkpoints } from './checkpoints.ts';
import { KAFKAJS_RETRY } from './clients.ts';
import { CommitMetadata } from './commit-metadata.ts';
import { Committer } from './committer.ts';
import type { DeadLetterWriter } from './dead-letter-writer.ts';
import { KafkaRecord, PartitionDelivery } from './delivery.ts';
import { kafkaError } from './errors.ts';
import { type Generation, Membership } from './membership.ts';
import type { KafkaConsumerOptions } from './options.ts';
import { type OwnedPartition, Ownership } from './ownership.ts';
import { Positions } from './positions.ts';
import { Queues } from './queues.ts';
import { kafkaGroupId } from './topics.ts';

/** A slice of the drain deadline that is kept for `revoked` and the last commits. */
const REVOKE_SHARE = 0.4;
/** For telling the group that this member leaves, whatever time is left. */
const LEAVE_MS_MIN = 750;

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

export class KafkaConsumer<T> implements Consumer {
  readonly done: Promise<void>;
  readonly #parts: ConsumerParts<T>;
  readonly #groupId: string;
  readonly #kafkajs: KafkajsConsumer;
  readonly #membership: Membership;
  readonly #ownership = new Ownership();
  readonly #positions: Positions;
  readonly #committer: Committer;
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };
  readonly #queues: Queues<T>;
  #generation: Generation | null = null;
  #records = 0;
  #bytes = 0;
  #batches = 0;
  #lastBatchMs = 0;
  #rebalances = 0;
  #restarts = 0;
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
    this.#queues = new Queues(options, {
      pause: (partitions) => this.#fetching('pause', partitions),
      resume: (partitions) => this.#fetching('resume', partitions),
    });
    this.#settle = { resolve, reject };
    // The owner learns of a failure from `done` when it looks; until then it isn't an unhandled rejection.
    this.done.catch(() => {});
    this.#membership = new Membership(topic.name, groupId, {
      leaving: () => this.#leave(),
      joined: (generation, partitions) => this.#take(generation, partitions),
    });
    const metadata = new CommitMetadata(groupId, topic.codec, parts.checkpoints);
    this.#positions = new Positions(topic.name, groupId, this.#membership, metadata);
    this.#committer = new Committer(topic.name, groupId, this.#membership, this.#ownership, metadata);
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
      pausedPartitions: this.#queues.paused,
      queuedBytes: this.#queues.bytes,
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

  async endOf(partition: number): Promise<number> {
    const { topic } = this.#parts;
    const end = (await this.#membership.offsets('end', [partition])).get(partition);
    if (end === undefined) throw new RangeError(`'${topic.name}' has no partition ${partition}`);
    this.#heardOfEnd(partition, end);
    return end;
  }

  /** Asks for the ends of the owned partitions, which fetching tells only while it goes on. */
  async refreshEnds(): Promise<void> {
    const { partitions } = this.#ownership;
    if (partitions.length === 0 || this.#closing !== null) return;
    for (const [partition, end] of await this.#membership.offsets('end', partitions)) this.#heardOfEnd(partition, end);
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
    const deliveries = this.#queues.close();
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
    const positions = partitions.length === 0 ? [] : await this.#positions.of(partitions);
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
    const { topic, options } = this.#parts;
    this.#queues.open(assignments.map(({ partition }) => new PartitionDelivery(topic, partition, options, hooks)));
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

  async #fetched({ batch, resolveOffset }: EachBatchPayload): Promise<void> {
    const delivery = this.#queues.get(batch.partition);
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
    await this.#queues.makeRoom(delivery);
  }

  #progress(bytes: number): void {
    this.#bytes += bytes;
    this.#queues.progress();
  }

  /** kafkajs can be told so only while it runs. */
  #fetching(how: 'pause' | 'resume', partitions: readonly number[]): void {
    if (this.#closing === null) this.#kafkajs[how]([{ topic: this.#parts.topic.name, partitions: [...partitions] }]);
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
