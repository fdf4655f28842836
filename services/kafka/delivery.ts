/**
 * Hands one owned partition's records to the handler: in order, one batch at a time, sliced by records and bytes. Fetched
 * records wait here undecoded; the consumer pauses the partition when they weigh too much.
 */
import type { KafkaMessage } from 'kafkajs';
import { type Batch, type BusRecord, NotYetReadable, type Poison, type RecordHeaders, type Topic } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import { readHeaders } from './headers.ts';
import type { KafkaConsumerOptions } from './options.ts';
import { isKeyedCodec } from './sealing.ts';

/** A message's objects in memory, beside its bytes. */
const MESSAGE_BYTES = 200;

/** A record that remembers what it was on the wire, for the dead letters. */
export class KafkaRecord<T> implements BusRecord<T> {
  readonly key: string;
  readonly offset: number;
  readonly publishedMs: number;
  readonly value: T;
  readonly headers?: RecordHeaders;
  readonly wire: KafkaMessage;

  constructor(key: string, offset: number, value: T, headers: RecordHeaders | undefined, wire: KafkaMessage) {
    this.key = key;
    this.offset = offset;
    this.publishedMs = Number(wire.timestamp);
    this.value = value;
    if (headers !== undefined) this.headers = headers;
    this.wire = wire;
  }
}

export interface DeliveryHooks<T> {
  batch(batch: Batch<T>): Promise<void>;
  /** A record that can't be decoded. Awaited before anything after it is handled. */
  poison(partition: number, message: KafkaMessage, poison: Poison): Promise<void>;
  /** So many waiting bytes are handled. */
  progress(bytes: number): void;
  /** The handler or the dead letters failed: fatal to the consumer. */
  failed(error: unknown): void;
}

export function weightOf(message: KafkaMessage): number {
  return (message.value?.length ?? 0) + (message.key?.length ?? 0) + MESSAGE_BYTES;
}

export class PartitionDelivery<T> {
  readonly partition: number;
  readonly #options: KafkaConsumerOptions;
  readonly #hooks: DeliveryHooks<T>;
  readonly #decode: (bytes: Buffer, key: string) => T;
  #queue: KafkaMessage[] = [];
  #next = 0;
  #queuedBytes = 0;
  /** Where the partition goes on after everything in the queue: past control records as well. */
  #endOffset = 0;
  #stopped = false;
  readonly #stopping = Promise.withResolvers<void>();
  #running: Promise<void> | null = null;

  constructor(topic: Topic<T>, partition: number, options: KafkaConsumerOptions, hooks: DeliveryHooks<T>) {
    this.partition = partition;
    this.#options = options;
    this.#hooks = hooks;
    const { codec, name } = topic;
    this.#decode = isKeyedCodec(codec)
      ? (bytes, key) => codec.decodeFor(bytes, name, key)
      : (bytes) => codec.decode(bytes);
  }

  /** Bytes fetched and not yet handled. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** @param endOffset the offset that the next fetch begins at. @returns the bytes taken. */
  push(messages: readonly KafkaMessage[], endOffset: number): void {
    if (this.#stopped) return;
    for (const message of messages) {
      this.#queue.push(message);
      this.#queuedBytes += weightOf(message);
    }
    this.#endOffset = endOffset;
    this.#running ??= this.#run();
  }

  /** No further batch begins; what waits is dropped. Resolves when the running batch has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopping.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped && this.#next < this.#queue.length) await this.#deliver();
    } catch (error) {
      // After `stop` gave up on this batch, its failure is nobody's: the records are delivered again.
      if (!this.#stopped) this.#hooks.failed(error);
      this.#stopped = true;
    } finally {
      this.#running = null;
    }
  }

  async #deliver(): Promise<void> {
    const records: KafkaRecord<T>[] = [];
    const first = this.#next;
    const firstOffset = Number(this.#queue[first]!.offset);
    let bytes = 0;
    while (this.#next < this.#queue.length && this.#next - first < this.#options.batchRecordsMax) {
      const message = this.#queue[this.#next]!;
      const weight = weightOf(message);
      if (bytes > 0 && bytes + weight > this.#options.batchBytesMax) break;
      bytes += weight;
      this.#next++;
      let read = this.#read(message);
      while (read instanceof NotYetReadable) {
        await Promise.race([read.ready, this.#stopping.promise]);
        if (this.#stopped) return;
        read = this.#read(message);
      }
      if (read instanceof KafkaRecord) records.push(read);
      else await this.#hooks.poison(this.partition, message, read);
    }
    const last = this.#queue[this.#next - 1]!;
    const drained = this.#next === this.#queue.length;
    const nextOffset = drained ? Math.max(this.#endOffset, Number(last.offset) + 1) : Number(last.offset) + 1;
    if (!this.#stopped) await this.#hooks.batch({ partition: this.partition, firstOffset, records, nextOffset });
    this.#queuedBytes -= bytes;
    this.#forgetHandled();
    this.#hooks.progress(bytes);
  }

  #read(message: KafkaMessage): KafkaRecord<T> | Poison | NotYetReadable {
    const { key, value } = message;
    if (value === null) return { code: 'BIT_KAFKA_NO_VALUE', message: 'The record has no value.' };
    const text = key === null ? '' : key.toString('utf8');
    try {
      const headers = message.headers;
      return new KafkaRecord(text, Number(message.offset), this.#decode(value, text), readHeaders(headers), message);
    } catch (error) {
      return error instanceof NotYetReadable ? error : poisonOf(error);
    }
  }

  /** Lets go of handled messages, in strides, so that a long queue isn't copied for every batch. */
  #forgetHandled(): void {
    if (this.#next === this.#queue.length) this.#queue = [];
    else if (this.#next * 2 > this.#queue.length) this.#queue = this.#queue.slice(this.#next);
    else return;
    this.#next = 0;
  }
}

/** Foreign errors may quote the value (JSON.parse does): only their name is told. */
export function poisonOf(error: unknown): Poison {
  if (error instanceof BitternError) return { code: error.code, message: error.message };
  const name = error instanceof Error ? error.name : typeof error;
  return { code: 'BIT_RECORD_UNREADABLE', message: `The record's value can't be read (${name}).` };
}
