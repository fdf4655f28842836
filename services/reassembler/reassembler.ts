/**
 * The stage that turns frames into observations: HTTP is rebuilt from the frames' bytes, LLM calls are recognised among the
 * exchanges, and both are published. Its state is what is in flight, and all of that comes from the frames: it commits the
 * first offset that is still needed, after everything from before it is durable in the bus.
 */
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import type { Assignment, Batch, Consumer, ConsumerHandlers, Producer } from '../bus/bus.ts';
import { toldOf } from '../common/errors.ts';
import type { CredentialMasker } from '../http/credentials.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import { REASSEMBLER_DEFAULTS } from './defaults.ts';
import { type HoldCounts, PartitionReassembler, type ReassemblerOptions } from './partition.ts';
import { traceHeaders } from './trace.ts';

export type { HoldCounts, HoldLimits, ReassemblerOptions } from './partition.ts';

/** What a partition holds, for health and metrics. */
export interface PartitionHold {
  readonly partition: number;
  /** See PartitionReassembler. */
  readonly heldMs: number;
  readonly connections: number;
}

/** What partitions have counted; that of those which were given up is kept, so that totals only grow. */
interface Totals extends HoldCounts {
  readonly droppedBytes: number;
  readonly skippedBytes: number;
  readonly opaqueBytes: number;
  readonly gaps: number;
  readonly gapBytes: number;
}

interface Owned {
  readonly state: PartitionReassembler;
  readonly epoch: number;
  next: number;
  committed: number;
  /** When the last batch was done with, ms of performance.now(). */
  doneMs: number;
  /** When it was first known since then that there is nothing more to be read, ms of performance.now(); null: it isn't. */
  emptyMs: number | null;
  /** It is being asked whether there is. */
  asking: boolean;
  /** What came of waiting is being published: the next batch comes after it. */
  waiting: Promise<void> | null;
  /** A batch is being worked on: what has come out of it may not be durable yet. */
  busy: boolean;
  /** It is time to commit, at the end of the batch. */
  due: boolean;
  /** The partition was taken away: a batch that still runs must not publish or commit any more. */
  over: boolean;
}

export class Reassembler implements ConsumerHandlers<Frame> {
  readonly #options: ReassemblerOptions;
  readonly #masker: CredentialMasker;
  readonly #producer: Producer<Observation>;
  readonly #partitions = new Map<number, Owned>();
  #consumer: Pick<Consumer, 'commit' | 'endOf'> | null = null;
  #timer: NodeJS.Timeout | null = null;
  readonly #note: (line: string) => void;
  #calls = 0;
  #exchanges = 0;
  #problem = '';
  #past: Totals = { idle: 0, cut: 0, droppedBytes: 0, skippedBytes: 0, opaqueBytes: 0, gaps: 0, gapBytes: 0 };
  #overtaken = 0;
  #checkpointsMissing = 0;

  /** `note`: is told what an operator should know, a sentence a line. */
  constructor(
    options: ReassemblerOptions,
    masker: CredentialMasker,
    producer: Producer<Observation>,
    note: (line: string) => void = () => {},
  ) {
    this.#note = note;
    this.#options = options;
    this.#masker = masker;
    this.#producer = producer;
  }

  /** The consumer that offsets are committed to; before the first record. */
  attach(consumer: Pick<Consumer, 'commit' | 'endOf'>): void {
    this.#consumer = consumer;
    this.#timer = setInterval(() => {
      this.#commitAll().catch((error: unknown) => this.#commitFailed(error));
    }, REASSEMBLER_DEFAULTS.commitIntervalMs);
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

  /** How often frames were gone before they were read, and how often a committed checkpoint couldn't be had. */
  get losses(): { readonly overtaken: number; readonly checkpointsMissing: number } {
    return { overtaken: this.#overtaken, checkpointsMissing: this.#checkpointsMissing };
  }

  /** Secrets that were replaced, by rule. */
  get redactions(): Readonly<Record<string, number>> {
    return this.#options.llm.privacy?.totals ?? {};
  }

  /** Since the start: what limits have ended, what the memory ceiling of open exchanges cost, what HTTP could not use. */
  get totals(): Totals {
    let totals = this.#past;
    for (const { state } of this.#partitions.values()) totals = plus(totals, state);
    return totals;
  }

  /** Of each partition owned now. */
  get holds(): readonly PartitionHold[] {
    return [...this.#partitions].map(([partition, { state }]) => {
      const { heldMs, connections } = state;
      return { partition, heldMs, connections };
    });
  }

  assigned(assignments: readonly Assignment[]): void {
    for (const { partition, offset, metadata, epoch, metadataMissing } of assignments) {
      if (metadataMissing !== undefined) {
        this.#checkpointsMissing++;
        this.#note(`Partition ${partition}: ${metadataMissing.message}`);
      }
      const state = new PartitionReassembler(this.#options, this.#masker, decodeCheckpoint(metadata));
      const idle = { busy: false, due: false, over: false, waiting: null, emptyMs: null, asking: false };
      const owned = { state, epoch, next: offset, committed: offset, doneMs: performance.now(), ...idle };
      this.#partitions.set(partition, owned);
    }
  }

  async batch(batch: Batch<Frame>): Promise<void> {
    const owned = this.#partitions.get(batch.partition);
    if (owned === undefined) return;
    owned.busy = true;
    owned.emptyMs = null;
    if (owned.waiting !== null) await owned.waiting;
    if ((batch.firstOffset ?? 0) > owned.next) this.#recordsLost(batch.partition, owned, batch.firstOffset!);
    for (const { value, offset, publishedMs } of batch.records) owned.state.feed(value, offset, publishedMs);
    owned.next = batch.nextOffset;
    await this.#publish(owned);
    owned.busy = false;
    owned.doneMs = performance.now();
    if (owned.due) await this.#commit(batch.partition, owned);
  }

  /** Commits what can be committed. What is in flight is dropped: the next owner is given its frames again. */
  async revoked(partitions: readonly number[]): Promise<void> {
    const taken: [number, Owned][] = [];
    for (const partition of partitions) {
      const owned = this.#partitions.get(partition);
      if (owned === undefined) continue;
      // At once: when this takes too long, the partition may be assigned again before it has ended.
      this.#partitions.delete(partition);
      this.#past = plus(this.#past, owned.state);
      owned.over = owned.busy || owned.waiting !== null;
      taken.push([partition, owned]);
    }
    for (const [partition, owned] of taken) {
      if (!owned.over) await this.#commit(partition, owned);
      owned.over = true;
    }
  }

  #recordsLost(partition: number, owned: Owned, firstOffset: number): void {
    this.#overtaken++;
    this.#note(
      `Partition ${partition}: ${firstOffset - owned.next} frames were deleted by the topic's retention before they were read; connections are taken up in their middle. Raise kafka.retentionMs, or run more reassemblers.`,
    );
    owned.state.recordsLost();
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
      if (owned.over) return;
      if (!isProvisional(observation)) {
        if (observation.type === 'call') this.#calls++;
        else this.#exchanges++;
      }
      await this.#producer.publish(connectionOf(observation), observation, traceHeaders(observation));
    }
  }

  async #commitAll(): Promise<void> {
    for (const [partition, owned] of this.#partitions) {
      // Of what comes of waiting the batch's end, or its own, tells that all of it is published.
      owned.due = owned.busy || owned.waiting !== null;
      if (owned.due) continue;
      await this.#commit(partition, owned);
      this.#lookForQuiet(partition, owned).catch((error: unknown) => this.#commitFailed(error));
    }
  }

  /** Time goes on in a partition that is quiet. */
  async #lookForQuiet(partition: number, owned: Owned): Promise<void> {
    const { doneMs } = owned;
    const quietMs = performance.now() - doneMs;
    if (quietMs < this.#quietMs || owned.asking || owned.waiting !== null || !owned.state.waits) return;
    owned.asking = true;
    const empty = await this.#isEmpty(partition, owned);
    owned.asking = false;
    if (!empty || owned.over || owned.busy || owned.doneMs !== doneMs) return;
    owned.state.quiet(quietMs);
    owned.waiting = this.#publish(owned);
    await owned.waiting;
    owned.waiting = null;
    if (owned.due && !owned.busy) await this.#commit(partition, owned);
  }

  get #quietMs(): number {
    return this.#options.quietMs ?? REASSEMBLER_DEFAULTS.quietMs;
  }

  /** Known at two times, some way apart: brokers that were away, and probes that find them again, are not quiet. */
  async #isEmpty(partition: number, owned: Owned): Promise<boolean> {
    if (this.#consumer?.endOf === undefined) return true;
    const knownMs = owned.emptyMs === null ? 0 : performance.now() - owned.emptyMs;
    if (owned.emptyMs !== null && knownMs < this.#quietMs / 2) return false;
    const end = await this.#consumer.endOf(partition).catch(() => Number.POSITIVE_INFINITY);
    if (end > owned.next) owned.emptyMs = null;
    else owned.emptyMs ??= performance.now();
    return end <= owned.next && knownMs > 0;
  }

  /** It is tried again and again, told once: the lag shows that nothing is lost. */
  #commitFailed(error: unknown): void {
    const problem = toldOf(error);
    if (problem !== this.#problem) this.#note(`Progress can't be committed. ${problem}`);
    this.#problem = problem;
  }

  async #commit(partition: number, owned: Owned): Promise<void> {
    owned.due = false;
    if (owned.over) return;
    const { offset, metadata } = owned.state.progress(owned.next);
    if (offset <= owned.committed) return;
    await this.#producer.flush();
    const result = await this.#consumer?.commit(partition, offset, metadata, owned.epoch);
    if (result === 'committed') owned.committed = offset;
  }
}

function plus(totals: Totals, { holdCounts, droppedBytes, httpStats }: PartitionReassembler): Totals {
  return {
    idle: totals.idle + holdCounts.idle,
    cut: totals.cut + holdCounts.cut,
    droppedBytes: totals.droppedBytes + droppedBytes,
    skippedBytes: totals.skippedBytes + httpStats.skippedBytes,
    opaqueBytes: totals.opaqueBytes + httpStats.opaqueBytes,
    gaps: totals.gaps + httpStats.gaps,
    gapBytes: totals.gapBytes + httpStats.gapBytes,
  };
}

/** What is told so far of an exchange that goes on. */
function isProvisional(observation: Observation): boolean {
  switch (observation.type) {
    case 'call':
      return observation.call.provisional;
    case 'tool_execution':
      return false;
    case 'exchange':
      return observation.exchange.provisional;
  }
}

function connectionOf(observation: Observation): string {
  switch (observation.type) {
    case 'call':
      return observation.call.connectionId;
    case 'tool_execution':
      return observation.execution.connectionId;
    case 'exchange':
      return observation.exchange.connectionId;
  }
}
