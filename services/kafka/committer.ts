/**
 * Sends commits: one request at a time, and what is asked for meanwhile goes into the next one, where only the newest offset of
 * a partition counts. Retries through outages for as long as the partition is owned; never with another generation than the
 * one that did the work.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommitResult } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import type { CheckpointReference } from './checkpoints.ts';
import type { CommitMetadata, WrittenMetadata } from './commit-metadata.ts';
import { kafkaError, marksOf } from './errors.ts';
import type { Coordinator, Generation } from './membership.ts';
import type { OwnedPartition, Ownership } from './ownership.ts';

const RETRY_DELAY_MS = 200;

const FENCED = ['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID'];
const REFUSED = [
  'OFFSET_METADATA_TOO_LARGE',
  'INVALID_COMMIT_OFFSET_SIZE',
  'GROUP_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
];

/** How the coordinator is found; it moves when a broker dies. */
export interface CoordinatorSource {
  coordinator(): Promise<Coordinator>;
  forgetCoordinator(): void;
}

interface Pending {
  readonly owned: OwnedPartition;
  offset: number;
  metadata: string;
  /** What stands for the metadata in the commit; null until it is written. */
  written: WrittenMetadata | null;
  readonly waiters: ((result: CommitResult | BitternError) => void)[];
}

export class Committer {
  readonly #topic: string;
  readonly #group: string;
  readonly #source: CoordinatorSource;
  readonly #ownership: Ownership;
  readonly #metadata: CommitMetadata;
  readonly counts = { committed: 0, fenced: 0, retried: 0 };
  #pending = new Map<OwnedPartition, Pending>();
  #running: Promise<void> | null = null;

  constructor(topic: string, group: string, source: CoordinatorSource, ownership: Ownership, metadata: CommitMetadata) {
    this.#topic = topic;
    this.#group = group;
    this.#source = source;
    this.#ownership = ownership;
    this.#metadata = metadata;
  }

  async commit(partition: number, offset: number, metadata: string, epoch: number | undefined): Promise<CommitResult> {
    const owned = this.#ownership.find(partition, epoch);
    if (owned === undefined) return 'fenced';
    if (offset < owned.requested) {
      // Covered by a higher commit, done or under way: how that ends is how this ends.
      await this.idle();
      return this.#ownership.holds(owned) ? 'committed' : 'fenced';
    }
    owned.requested = offset;
    const result = new Promise<CommitResult | BitternError>((resolve) =>
      this.#enqueue(owned, offset, metadata, resolve),
    );
    this.#running ??= this.#run();
    const told = await result;
    if (told instanceof BitternError) throw told;
    return told;
  }

  /** Resolves when nothing is waiting to be committed. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  #enqueue(owned: OwnedPartition, offset: number, metadata: string, waiter: Pending['waiters'][number]): void {
    const pending = this.#pending.get(owned);
    if (pending === undefined) {
      this.#pending.set(owned, { owned, offset, metadata, written: null, waiters: [waiter] });
      return;
    }
    pending.offset = offset;
    pending.metadata = metadata;
    pending.waiters.push(waiter);
  }

  async #run(): Promise<void> {
    // Everything that is asked for in this turn of the event loop goes into one request.
    await Promise.resolve();
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.values()];
      this.#pending = new Map();
      const held = batch.filter(({ owned }) => this.#ownership.holds(owned));
      const result = held.length > 0 ? await this.#send(held) : 'fenced';
      for (const pending of batch) {
        const told = held.includes(pending) ? result : 'fenced';
        if (typeof told === 'string') this.counts[told]++;
        for (const resolve of pending.waiters) resolve(told);
      }
    }
    this.#running = null;
  }

  /** All of `batch` is of one generation: an epoch ends for all partitions at once. */
  async #send(batch: readonly Pending[]): Promise<CommitResult | BitternError> {
    const { generation } = batch[0]!.owned;
    while (batch.every(({ owned }) => this.#ownership.holds(owned))) {
      try {
        for (const pending of batch) await this.#write(pending);
        const coordinator = await this.#source.coordinator();
        await coordinator.offsetCommit(this.#request(generation, batch));
        for (const { owned, offset, written } of batch) {
          owned.committed = offset;
          this.#refer(owned, written!.reference);
        }
        return 'committed';
      } catch (error) {
        if (error instanceof BitternError && error.code !== 'BIT_KAFKA_UNREACHABLE') return error;
        const marks = marksOf(error);
        if (FENCED.some((mark) => marks.has(mark))) return 'fenced';
        if (REFUSED.some((mark) => marks.has(mark))) return kafkaError(`Committing '${this.#topic}'`, error);
        this.#source.forgetCoordinator();
        this.counts.retried++;
        await sleep(RETRY_DELAY_MS);
      }
    }
    return 'fenced';
  }

  /** Once, however often the commit is tried. */
  async #write(pending: Pending): Promise<void> {
    pending.written ??= await this.#metadata.write(pending.owned.partition, pending.offset, pending.metadata);
  }

  /** What the commit before this one referred to isn't needed any more. */
  #refer(owned: OwnedPartition, reference: CheckpointReference | null): void {
    if (owned.reference !== null) this.#metadata.bury(owned.reference);
    owned.reference = reference;
  }

  #request(generation: Generation, batch: readonly Pending[]): Parameters<Coordinator['offsetCommit']>[0] {
    const partitions = batch.map(({ owned, offset, written }) => ({
      partition: owned.partition,
      offset: String(offset),
      metadata: written!.text,
    }));
    return {
      groupId: this.#group,
      groupGenerationId: generation.generationId,
      memberId: generation.memberId,
      topics: [{ topic: this.#topic, partitions }],
    };
  }
}
