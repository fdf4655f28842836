/** The bus over Apache Kafka: what the stages run on when they are processes of their own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus, Consumer, ConsumerHandlers, Producer, Topic } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import { Checkpoints } from './checkpoints.ts';
import { KafkaClients, type RawProducer } from './clients.ts';
import { KafkaConsumer, type KafkaConsumerStats } from './consumer.ts';
import { DEAD_LETTER_SUFFIX, DeadLetterWriter } from './dead-letter-writer.ts';
import { DeadLetters } from './dead-letters.ts';
import type { KafkaOptions } from './options.ts';
import { KafkaProducer } from './producer.ts';
import { readCredentials } from './security.ts';
import { type KafkaProducerStats, TopicWriter } from './topic-writer.ts';
import { KafkaTopics } from './topics.ts';

/** What flushing and disconnecting have each, whatever time is left. */
const CLOSE_STEP_MS = 400;

export class KafkaBus implements Bus {
  readonly topics: KafkaTopics;
  readonly deadLetters: DeadLetters;
  readonly #options: KafkaOptions;
  readonly #clients: KafkaClients;
  readonly #writers = new Map<string, Promise<TopicWriter>>();
  readonly #openWriters: TopicWriter[] = [];
  readonly #deadLetterWriter = new DeadLetterWriter((topic) => this.#writer(topic));
  readonly #checkpoints: Checkpoints;
  readonly #consumers: KafkaConsumer<never>[] = [];
  #producer: RawProducer | null = null;

  private constructor(options: KafkaOptions, clients: KafkaClients) {
    this.#options = options;
    this.#clients = clients;
    this.#checkpoints = new Checkpoints(clients, () => this.#rawProducer());
    this.topics = new KafkaTopics(clients);
    this.deadLetters = new DeadLetters(clients, (topic) => this.#writer(topic));
  }

  /**
   * Reads the credentials and makes sure that a broker lets us in. `signal`: gives up waiting for one.
   * @throws BitternError BIT_KAFKA_SECURITY, BIT_KAFKA_AUTH, BIT_KAFKA_TLS, BIT_KAFKA_UNREACHABLE.
   */
  static async open(
    options: KafkaOptions,
    env: NodeJS.ProcessEnv = process.env,
    signal?: AbortSignal,
  ): Promise<KafkaBus> {
    const clients = new KafkaClients(options, readCredentials(options.security, env));
    await clients.verify(signal);
    return new KafkaBus(options, clients);
  }

  /** Records that this process put into dead letters, by the reason's code. */
  get deadLettersWritten(): ReadonlyMap<string, number> {
    return this.#deadLetterWriter.written;
  }

  /** One entry a topic that this process writes to. */
  get producerStats(): readonly KafkaProducerStats[] {
    return this.#openWriters.map((writer) => writer.stats);
  }

  /** Brings the ends of partitions in `consumerStats` up to date. May fail while brokers are away. */
  async refreshEnds(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.refreshEnds()));
  }

  /** One entry a consumer of this process. */
  get consumerStats(): readonly KafkaConsumerStats[] {
    return this.#consumers.map((consumer) => consumer.stats);
  }

  /** The topic must exist: a missing one is told by the first `publish`. The partition count is read once, at the first record. */
  producer<T>(topic: Topic<T>): Producer<T> {
    return new KafkaProducer(topic, this.#writer(topic.name));
  }

  async consumer<T>(topic: Topic<T>, group: string, handlers: ConsumerHandlers<T>): Promise<Consumer> {
    const consumer = new KafkaConsumer({
      client: this.#clients.kafkajs,
      topic,
      group,
      handlers,
      options: this.#options.consumer,
      deadLetters: this.#deadLetterWriter,
      checkpoints: this.#checkpoints,
    });
    await consumer.start();
    this.#consumers.push(consumer as unknown as KafkaConsumer<never>);
    return consumer;
  }

  /**
   * Closes the consumers (they drain), sends what is still gathered, and disconnects: within `withinMs`, whatever is down.
   * @throws BitternError BIT_KAFKA_NOT_FLUSHED when records are not acknowledged in time: don't count them as published.
   */
  async close(withinMs = this.#options.closeTimeoutMs): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    const left = (reservedMs: number): number => Math.max(reservedMs, deadlineMs - performance.now() - reservedMs);
    await Promise.all(this.#consumers.map((consumer) => consumer.close(withinMs - 2 * CLOSE_STEP_MS)));
    const flushed = Promise.allSettled(this.#openWriters.map((writer) => writer.flush()));
    await Promise.race([flushed, sleep(left(CLOSE_STEP_MS), undefined, { ref: false })]);
    const bytes = this.#openWriters.reduce((sum, writer) => sum + writer.bytes, 0);
    for (const writer of this.#openWriters) writer.end();
    const closed = this.#producer?.close(true).catch(() => {});
    await Promise.race([closed, sleep(CLOSE_STEP_MS, undefined, { ref: false })]);
    this.#clients.close();
    if (bytes === 0) return;
    throw new BitternError(
      'BIT_KAFKA_NOT_FLUSHED',
      `${bytes} bytes of records were not acknowledged by the brokers before closing: publish them again.`,
    );
  }

  #writer(topic: string): Promise<TopicWriter> {
    let writer = this.#writers.get(topic);
    if (writer === undefined) {
      writer = this.#openWriter(topic);
      this.#writers.set(topic, writer);
      // A topic that was missing may be there at the next attempt.
      writer.catch(() => this.#writers.delete(topic));
    }
    return writer;
  }

  async #openWriter(topic: string): Promise<TopicWriter> {
    const limits = await this.topics.limits(topic);
    const options = this.#options.producer;
    // A dead letter may be just the record that is too large: only the topic's own limit counts.
    const letters = topic.endsWith(DEAD_LETTER_SUFFIX)
      ? { ...options, recordBytesMax: limits.recordBytesMax }
      : options;
    const writer = new TopicWriter(topic, this.#rawProducer(), limits, letters);
    this.#openWriters.push(writer);
    return writer;
  }

  #rawProducer(): RawProducer {
    this.#producer ??= this.#clients.producer();
    return this.#producer;
  }
}
