/**
 * Appends records to one topic: gathered into requests by bytes and time, a few requests in flight, the publisher held back
 * when too many bytes wait. An outage of the broker is waited out; an error that waiting can't cure is kept and told to every
 * later caller, because what was accepted before it is not durable.
 */
import type { MessageToProduce } from '@platformatic/kafka';
import { BitternError } from '../common/errors.ts';
import type { RawProducer } from './clients.ts';
import { kafkaError } from './errors.ts';
import type { WireHeaders } from './headers.ts';
import type { KafkaProducerOptions } from './options.ts';
import { partitionOf } from './partition.ts';

/** A record's length, offset and time fields and its share of the batch's head, rounded up: bytes. */
const RECORD_OVERHEAD_BYTES = 128;
/** The length fields of a header. */
const HEADER_OVERHEAD_BYTES = 10;
/** Records of a request, whatever they weigh. */
const SEND_RECORDS_MAX = 10_000;

const READY = Promise.resolve();

export interface OutgoingRecord {
  /** `null`: none; then `partition` must be given. */
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: WireHeaders;
  /** Milliseconds since the epoch; without it the time of sending. */
  readonly timestampMs?: number;
  readonly partition?: number;
}

export interface TopicLimits {
  readonly partitions: number;
  /** `max.message.bytes` of the topic. */
  readonly recordBytesMax: number;
}

/** What a writer has done since it began. */
export interface KafkaProducerStats {
  readonly topic: string;
  /** Acknowledged. */
  readonly records: number;
  readonly bytes: number;
  readonly requests: number;
  /** Gathered or in flight. */
  readonly queuedBytes: number;
}

interface Send {
  readonly messages: MessageToProduce[];
  bytes: number;
  /** Bytes by partition: each is a batch. */
  readonly batches: number[];
  /** Told when it is acknowledged, or when the writer has failed. */
  readonly settled: (() => void)[];
}

export class TopicWriter {
  readonly topic: string;
  readonly #producer: RawProducer;
  readonly #limits: TopicLimits;
  readonly #options: KafkaProducerOptions;
  readonly #batchBytesMax: number;
  #open: Send = { messages: [], bytes: 0, batches: [], settled: [] };
  #ready: Send[] = [];
  readonly #inFlight = new Set<Send>();
  #bytes = 0;
  readonly #acknowledged = { records: 0, bytes: 0, requests: 0 };
  #linger: NodeJS.Timeout | null = null;
  #waiters: (() => void)[] = [];
  #failure: BitternError | null = null;

  constructor(topic: string, producer: RawProducer, limits: TopicLimits, options: KafkaProducerOptions) {
    this.topic = topic;
    this.#producer = producer;
    this.#limits = limits;
    this.#options = options;
    // The topic's limit is one of batches.
    this.#batchBytesMax = Math.min(options.batchBytesMax, limits.recordBytesMax);
  }

  /** Bytes gathered or in flight. */
  get bytes(): number {
    return this.#bytes;
  }

  get stats(): KafkaProducerStats {
    return { topic: this.topic, ...this.#acknowledged, queuedBytes: this.#bytes };
  }

  /** Resolves when there is room for more. @throws BitternError BIT_KAFKA_RECORD_TOO_LARGE for this record alone, or the kept failure. */
  append(record: OutgoingRecord): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const valueBytes = record.value?.length ?? 0;
    const bytes = valueBytes + (record.key?.length ?? 0) + headerBytes(record.headers) + RECORD_OVERHEAD_BYTES;
    const tooLarge = this.#check(valueBytes, bytes);
    if (tooLarge !== null) return Promise.reject(tooLarge);
    const message = this.#message(record);
    const partition = message.partition!;
    if (this.#isFull(partition, bytes)) this.#close();
    const open = this.#open;
    open.messages.push(message);
    open.bytes += bytes;
    open.batches[partition] = (open.batches[partition] ?? 0) + bytes;
    this.#bytes += bytes;
    if (open.bytes >= this.#options.sendBytesMax) this.#close();
    else this.#linger ??= setTimeout(() => this.#close(), this.#options.lingerMs);
    return this.#bytes < this.#options.bufferBytesMax ? READY : this.#until(this.#options.bufferBytesMax / 2);
  }

  /** Resolves when everything appended so far is acknowledged, whatever comes after it. @throws BitternError the kept failure. */
  async flush(): Promise<void> {
    this.#close();
    const sends = [...this.#inFlight, ...this.#ready];
    await Promise.all(sends.map((send) => new Promise<void>((resolve) => send.settled.push(resolve))));
    if (this.#failure !== null) throw this.#failure;
  }

  #message(record: OutgoingRecord): MessageToProduce {
    const { key, value } = record;
    const message: MessageToProduce = {
      topic: this.topic,
      partition: record.partition ?? (key === null ? 0 : partitionOf(key, this.#limits.partitions)),
      headers: record.headers,
    };
    if (key !== null) message.key = key;
    if (value !== null) message.value = value;
    if (record.timestampMs !== undefined) message.timestamp = BigInt(record.timestampMs);
    return message;
  }

  /** The open request has no room for a record of so many bytes. */
  #isFull(partition: number, bytes: number): boolean {
    const { messages, batches, bytes: open } = this.#open;
    const batch = batches[partition] ?? 0;
    if (messages.length === SEND_RECORDS_MAX || open + bytes > this.#options.sendBytesMax) return true;
    return batch > 0 && batch + bytes > this.#batchBytesMax;
  }

  /** The open request is complete. */
  #close(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = null;
    if (this.#open.messages.length === 0) return;
    this.#ready.push(this.#open);
    this.#open = { messages: [], bytes: 0, batches: [], settled: [] };
    this.#pump();
  }

  #pump(): void {
    while (this.#inFlight.size < this.#options.sendsInFlightMax && this.#ready.length > 0) {
      const send = this.#ready.shift()!;
      this.#inFlight.add(send);
      this.#producer.send({ messages: send.messages }).then(
        () => this.#sent(send),
        (cause: unknown) => this.#fail(cause),
      );
    }
  }

  #sent(send: Send): void {
    this.#inFlight.delete(send);
    this.#bytes -= send.bytes;
    this.#acknowledged.records += send.messages.length;
    this.#acknowledged.bytes += send.bytes;
    this.#acknowledged.requests++;
    for (const settled of send.settled) settled();
    this.#pump();
    this.#wake();
  }

  #fail(cause: unknown): void {
    this.#failure ??= kafkaError(`Publishing to '${this.topic}'`, cause);
    for (const send of [...this.#inFlight, ...this.#ready]) for (const settled of send.settled) settled();
    this.#inFlight.clear();
    this.#ready = [];
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const check of waiters) check();
  }

  /** Resolves when no more than `bytes` wait, rejects with the failure. */
  #until(bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (this.#failure !== null) reject(this.#failure);
        else if (this.#bytes <= bytes) resolve();
        else this.#waiters.push(check);
      };
      check();
    });
  }

  #check(valueBytes: number, bytes: number): BitternError | null {
    const ours = this.#options.recordBytesMax;
    const topics = this.#limits.recordBytesMax;
    if (valueBytes <= ours && bytes <= topics) return null;
    const [size, limit] = valueBytes > ours ? [valueBytes, ours] : [bytes, topics];
    return new BitternError(
      'BIT_KAFKA_RECORD_TOO_LARGE',
      `A record of ${size} bytes is over the limit of ${limit} for '${this.topic}': raise the topic's max.message.bytes or lower the probe's frame size.`,
    );
  }
}

function headerBytes(headers: WireHeaders): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length + HEADER_OVERHEAD_BYTES;
  return bytes;
}
