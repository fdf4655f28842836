/**
 * The stage that stores observations: takes them from the bus, hands them to the sink, and commits an offset when everything below
 * it is stored. What a killed process had not committed comes again, and the sink stores no id twice.
 */
import type { ObservationRecord } from '../../schemas/call.ts';
import type { Assignment, Batch, Consumer, ConsumerHandlers } from '../bus/bus.ts';
import type { Claim } from '../clickhouse/claim.ts';
import type { SinkStats } from '../clickhouse/sink.ts';
import { toldOf } from '../common/errors.ts';

export interface ObservationSink {
  add(observations: readonly ObservationRecord[], claim: Claim | null): Promise<void>;
  flush(): Promise<void>;
  readonly stats: Pick<SinkStats, 'added' | 'acknowledged'>;
}

/** A batch that was added and is not committed. */
interface Unsettled {
  readonly partition: number;
  readonly epoch: number;
  readonly nextOffset: number;
  /** The sink's `acknowledged` from which on all of the batch is stored. */
  readonly storedAt: number;
}

/** An ownership of a partition; the sink stores what was taken under it only while it lasts. */
interface Owned {
  readonly epoch: number;
  readonly claim: Claim | null;
}

/** How often commits are looked for. */
const SETTLE_INTERVAL_MS = 200;

export class ClickHouseStage implements ConsumerHandlers<ObservationRecord> {
  readonly #sink: ObservationSink;
  readonly #owned = new Map<number, Owned>();
  #unsettled: Unsettled[] = [];
  #consumer: Consumer | null = null;
  #timer: NodeJS.Timeout | null = null;
  readonly #note: (line: string) => void;
  #problem = '';

  /** `note`: is told what an operator should know, a sentence a line. */
  constructor(sink: ObservationSink, note: (line: string) => void = () => {}) {
    this.#sink = sink;
    this.#note = note;
  }

  /** The consumer that offsets are committed to; before the first record. */
  attach(consumer: Consumer): void {
    this.#consumer = consumer;
    this.#timer = setInterval(() => void this.#settle(), SETTLE_INTERVAL_MS);
    this.#timer.unref();
  }

  assigned(assignments: readonly Assignment[]): void {
    for (const { partition, epoch } of assignments)
      this.#owned.set(partition, { epoch, claim: this.#claim(partition, epoch) });
  }

  async batch(batch: Batch<ObservationRecord>): Promise<void> {
    const owned = this.#owned.get(batch.partition);
    if (owned === undefined) return;
    const { epoch, claim } = owned;
    const room = this.#sink.add(
      batch.records.map((record) => record.value),
      claim,
    );
    this.#unsettled.push({
      partition: batch.partition,
      epoch,
      nextOffset: batch.nextOffset,
      storedAt: this.#sink.stats.added,
    });
    await room;
  }

  /** Stores and commits what was taken; the bus limits how long that may last. */
  async revoked(partitions: readonly number[]): Promise<void> {
    // At once: when this takes too long, a partition may be assigned again before it has ended.
    const gone = new Map(partitions.map((partition) => [partition, this.#owned.get(partition)?.epoch]));
    for (const partition of partitions) this.#owned.delete(partition);
    await this.#sink.flush();
    await this.#settle();
    this.#unsettled = this.#unsettled.filter(({ partition, epoch }) => gone.get(partition) !== epoch);
  }

  #claim(partition: number, epoch: number): Claim | null {
    const consumer = this.#consumer;
    if (consumer?.ownedForMs === undefined) return null;
    return { ownedForMs: () => consumer.ownedForMs!(partition, epoch) };
  }

  /** Ends the looking for commits. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #settle(): Promise<void> {
    const { acknowledged } = this.#sink.stats;
    const latest = new Map<string, Unsettled>();
    let stored = 0;
    while (stored < this.#unsettled.length && this.#unsettled[stored]!.storedAt <= acknowledged) {
      const each = this.#unsettled[stored++]!;
      latest.set(`${each.partition}/${each.epoch}`, each);
    }
    this.#unsettled.splice(0, stored);
    for (const each of latest.values()) await this.#commit(each);
  }

  /** What the brokers refuse is tried again and again, told once: the lag shows that nothing is lost. */
  async #commit(stored: Unsettled): Promise<void> {
    try {
      await this.#consumer?.commit(stored.partition, stored.nextOffset, '', stored.epoch);
    } catch (error) {
      this.#unsettled.unshift(stored);
      const problem = toldOf(error);
      if (problem !== this.#problem) this.#note(`Progress can't be committed. ${problem}`);
      this.#problem = problem;
    }
  }
}
