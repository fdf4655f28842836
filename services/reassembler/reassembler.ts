/**
 * The stage that turns frames into observations: HTTP is rebuilt from the frames' bytes, LLM calls are recognised among the
 * exchanges, and both are published. Its state is what is in flight, and all of that comes from the frames: it commits the
 * first offset that is still needed, after everything from before it is durable in the bus.
 */
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import type { Assignment, Batch, Consumer, ConsumerHandlers, Producer } from '../bus/bus.ts';
import type { CredentialMasker } from '../http/credentials.ts';
import type { HttpStats } from '../http/options.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import { PartitionReassembler, type ReassemblerOptions } from './partition.ts';

export type { ReassemblerOptions } from './partition.ts';

export const REASSEMBLER_DEFAULTS = {
  /** How often offsets are committed, at most. */
  commitIntervalMs: 500,
} as const;

interface Owned {
  readonly state: PartitionReassembler;
  readonly epoch: number;
  next: number;
  committed: number;
  /** A batch is being worked on: what has come out of it may not be durable yet. */
  busy: boolean;
  /** It is time to commit, at the end of the batch. */
  due: boolean;
}

export class Reassembler implements ConsumerHandlers<Frame> {
  readonly #options: ReassemblerOptions;
  readonly #masker: CredentialMasker;
  readonly #producer: Producer<Observation>;
  readonly #partitions = new Map<number, Owned>();
  #consumer: Consumer | null = null;
  #timer: NodeJS.Timeout | null = null;
  #calls = 0;
  #exchanges = 0;

  constructor(options: ReassemblerOptions, masker: CredentialMasker, producer: Producer<Observation>) {
    this.#options = options;
    this.#masker = masker;
    this.#producer = producer;
  }

  /** The consumer that offsets are committed to; before the first record. */
  attach(consumer: Consumer): void {
    this.#consumer = consumer;
    this.#timer = setInterval(() => void this.#commitAll(), REASSEMBLER_DEFAULTS.commitIntervalMs);
    this.#timer.unref();
  }

  /** Ends the regular commits. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Calls and other exchanges published so far. */
  get counts(): { readonly calls: number; readonly exchanges: number } {
    return { calls: this.#calls, exchanges: this.#exchanges };
  }

  /** Of each partition owned now. */
  get httpStats(): readonly HttpStats[] {
    return [...this.#partitions.values()].map(({ state }) => state.httpStats);
  }

  assigned(assignments: readonly Assignment[]): void {
    for (const { partition, offset, metadata, epoch } of assignments) {
      const state = new PartitionReassembler(this.#options, this.#masker, decodeCheckpoint(metadata));
      this.#partitions.set(partition, { state, epoch, next: offset, committed: offset, busy: false, due: false });
    }
  }

  async batch(batch: Batch<Frame>): Promise<void> {
    const owned = this.#partitions.get(batch.partition);
    if (owned === undefined) return;
    owned.busy = true;
    for (const { value, offset } of batch.records) owned.state.feed(value, offset);
    owned.next = batch.nextOffset;
    await this.#publish(owned);
    owned.busy = false;
    if (owned.due) await this.#commit(batch.partition, owned);
  }

  /** Commits what can be committed. What is in flight is dropped: the next owner is given its frames again. */
  async revoked(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) {
      const owned = this.#partitions.get(partition);
      if (owned === undefined) continue;
      if (!owned.busy) await this.#commit(partition, owned);
      this.#partitions.delete(partition);
    }
  }

  /** No more frames will come: whatever is open ends as the capture's end found it. */
  async end(): Promise<void> {
    for (const owned of this.#partitions.values()) {
      owned.state.end();
      await this.#publish(owned);
    }
  }

  async #publish(owned: Owned): Promise<void> {
    for (const observation of owned.state.takeReady()) {
      if (observation.type === 'call') this.#calls++;
      else this.#exchanges++;
      const row = observation.type === 'call' ? observation.call : observation.exchange;
      await this.#producer.publish(row.connectionId, observation);
    }
  }

  async #commitAll(): Promise<void> {
    for (const [partition, owned] of this.#partitions) {
      owned.due = owned.busy;
      if (!owned.busy) await this.#commit(partition, owned);
    }
  }

  async #commit(partition: number, owned: Owned): Promise<void> {
    owned.due = false;
    const { offset, metadata } = owned.state.progress(owned.next);
    if (offset <= owned.committed) return;
    await this.#producer.flush();
    const result = await this.#consumer?.commit(partition, offset, metadata, owned.epoch);
    if (result === 'committed') owned.committed = offset;
  }
}
