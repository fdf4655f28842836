/**
 * The queues of the owned partitions, and who is paused: too many waiting bytes hold the fetch loop for a moment, and then pause
 * their partition alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PartitionDelivery } from './delivery.ts';
import type { KafkaConsumerOptions } from './options.ts';

/** How long a full queue holds the fetch loop (and with it all partitions) before its partition alone is paused. */
const PAUSE_AFTER_MS = 500;

/** What stops and resumes fetching. Told partitions stay paused, over rebalances too, until they are resumed. */
export interface Fetching {
  pause(partitions: readonly number[]): void;
  resume(partitions: readonly number[]): void;
}

export class Queues<T> {
  readonly #options: Pick<KafkaConsumerOptions, 'queueBytesMax' | 'queuePartitionBytesMax'>;
  readonly #fetching: Fetching;
  #deliveries = new Map<number, PartitionDelivery<T>>();
  readonly #paused = new Set<number>();
  #roomWaiters: (() => void)[] = [];

  constructor(options: Pick<KafkaConsumerOptions, 'queueBytesMax' | 'queuePartitionBytesMax'>, fetching: Fetching) {
    this.#options = options;
    this.#fetching = fetching;
  }

  /** Bytes fetched and not yet handled. */
  get bytes(): number {
    let bytes = 0;
    for (const delivery of this.#deliveries.values()) bytes += delivery.queuedBytes;
    return bytes;
  }

  get paused(): readonly number[] {
    return [...this.#paused];
  }

  get(partition: number): PartitionDelivery<T> | undefined {
    return this.#deliveries.get(partition);
  }

  /** New queues, all empty: of partitions that were paused fetching goes on. */
  open(deliveries: readonly PartitionDelivery<T>[]): void {
    this.#deliveries = new Map(deliveries.map((delivery) => [delivery.partition, delivery]));
    this.#resume([...this.#paused]);
  }

  /** Nothing is queued any more. @returns the queues that were open. */
  close(): readonly PartitionDelivery<T>[] {
    const deliveries = [...this.#deliveries.values()];
    this.#deliveries = new Map();
    this.#wake();
    return deliveries;
  }

  /** Resolves when fetching may go on: there is room in this queue, or its partition is paused, or the queue is closed. */
  async makeRoom(delivery: PartitionDelivery<T>): Promise<void> {
    if (this.#hasRoom(delivery)) return;
    await Promise.race([this.#room(delivery), sleep(PAUSE_AFTER_MS, undefined, { ref: false })]);
    const { partition } = delivery;
    if (this.#hasRoom(delivery) || this.#deliveries.get(partition) !== delivery) return;
    this.#paused.add(partition);
    this.#fetching.pause([partition]);
  }

  /** Waiting bytes were handled. */
  progress(): void {
    if (this.#roomWaiters.length > 0) this.#wake();
    for (const partition of this.#paused) {
      const delivery = this.#deliveries.get(partition);
      if (delivery === undefined || this.#hasRoom(delivery)) this.#resume([partition]);
    }
  }

  #resume(partitions: readonly number[]): void {
    if (partitions.length === 0) return;
    for (const partition of partitions) this.#paused.delete(partition);
    this.#fetching.resume(partitions);
  }

  #hasRoom(delivery: PartitionDelivery<T>): boolean {
    const { queueBytesMax, queuePartitionBytesMax } = this.#options;
    return delivery.queuedBytes < queuePartitionBytesMax && this.bytes < queueBytesMax;
  }

  async #room(delivery: PartitionDelivery<T>): Promise<void> {
    while (!this.#hasRoom(delivery) && this.#deliveries.get(delivery.partition) === delivery) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  #wake(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }
}
