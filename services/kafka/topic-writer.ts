/**
 * Appends records to one topic: each partition's are gathered into batches (lane.ts), the publisher is held back when too many
 * bytes wait. An outage of the brokers is waited out; an error that waiting can't cure is kept and told to every later caller,
 * because what was accepted before it is not durable.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageToProduce } from '@platformatic/kafka';
import { BitternError } from '../common/errors.ts';
import type { RawProducer } from './clients.ts';
import { kafkaError, marksOf } from './errors.ts';
import type { WireHeaders } from './headers.ts';
import { Lane } from './lane.ts';
import type { KafkaProducerOptions } from './options.ts';
import { partitionOf } from './partition.ts';

/** A record's length, offset and time fields and its share of the batch's head, rounded up: bytes. */
const RECORD_OVERHEAD_BYTES = 128;
/** The length fields of a header. */
const HEADER_OVERHEAD_BYTES = 10;
/**
 * What the client gives up for and a broker takes the next time: it has lost sight of the producer's numbers, or of its own
 * role. The batch may be there already; whoever reads frames takes no byte of a connection twice.
 */
const AGAIN = [
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'BROKER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
];
const AGAIN_DELAY_MS = 500;

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

export class TopicWriter {
  readonly topic: string;
  readonly #producer: RawProducer;
  readonly #limits: TopicLimits;
  readonly #options: KafkaProducerOptions;
  readonly #lanes: (Lane | undefined)[] = [];
  #bytes = 0;
  readonly #acknowledged = { records: 0, bytes: 0, requests: 0 };
  #waiters: (() => void)[] = [];
  #failure: BitternError | null = null;

  constructor(topic: string, producer: RawProducer, limits: TopicLimits, options: KafkaProducerOptions) {
    this.topic = topic;
    this.#producer = producer;
    this.#limits = limits;
    this.#options = options;
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
    this.#lane(message.partition!).append(message, bytes);
    this.#bytes += bytes;
    return this.#bytes < this.#options.bufferBytesMax ? READY : this.#until(this.#options.bufferBytesMax / 2);
  }

  /** Resolves when everything appended so far is acknowledged, whatever comes after it. @throws BitternError the kept failure. */
  async flush(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane?.flush()));
    if (this.#failure !== null) throw this.#failure;
  }

  #lane(partition: number): Lane {
    const { batchBytesMax, lingerMs } = this.#options;
    // The topic's limit is one of batches.
    const limits = { lingerMs, batchBytesMax: Math.min(batchBytesMax, this.#limits.recordBytesMax) };
    this.#lanes[partition] ??= new Lane(limits, (messages, bytes) => this.#send(messages, bytes));
    return this.#lanes[partition];
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

  /** Until it is acknowledged. */
  async #send(messages: MessageToProduce[], bytes: number): Promise<void> {
    try {
      while (this.#failure === null) {
        if (await this.#attempt(messages)) break;
        await sleep(AGAIN_DELAY_MS, undefined, { ref: false });
      }
    } catch (cause) {
      this.#fail(cause);
    }
    if (this.#failure !== null) throw this.#failure;
    this.#bytes -= bytes;
    this.#acknowledged.records += messages.length;
    this.#acknowledged.bytes += bytes;
    this.#acknowledged.requests++;
    this.#wake();
  }

  /** False: it is worth another one. */
  async #attempt(messages: MessageToProduce[]): Promise<boolean> {
    try {
      await this.#producer.send({ messages });
      return true;
    } catch (cause) {
      if (isWorthAnother(cause)) return false;
      throw cause;
    }
  }

  /** What isn't acknowledged by now won't be. */
  end(): void {
    this.#fail(new BitternError('BIT_KAFKA_CLOSED', `The producer of '${this.topic}' is closed.`));
  }

  #fail(cause: unknown): void {
    this.#failure ??= kafkaError(`Publishing to '${this.topic}'`, cause);
    for (const lane of this.#lanes) lane?.end();
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

function isWorthAnother(cause: unknown): boolean {
  const { code } = kafkaError('Publishing', cause);
  const marks = marksOf(cause);
  return code === 'BIT_KAFKA_UNREACHABLE' || (code === 'BIT_KAFKA_FAILED' && AGAIN.some((mark) => marks.has(mark)));
}

function headerBytes(headers: WireHeaders): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length + HEADER_OVERHEAD_BYTES;
  return bytes;
}
