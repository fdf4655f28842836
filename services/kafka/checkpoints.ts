/**
 * Commit metadata that is too long for the brokers goes into a topic of its own; the commit carries a reference to the record.
 *
 *     store(bytes) ──► record, acknowledged ──► commit(offset, reference) ──► tombstone for the record that was referenced before
 *
 * Every record has a key of its own, so compaction removes none before its tombstone, and a tombstone follows only on a commit
 * that refers to something else: whatever dies in between, a committed reference has its record. What a killed process wrote and
 * never committed, or never got to bury, goes with the topic's retention.
 */
import { randomUUID } from 'node:crypto';
import type { MessageToProduce, ProduceResult } from '@platformatic/kafka';
import { BitternError } from '../common/errors.ts';
import type { KafkaClients, RawProducer } from './clients.ts';
import { kafkaError } from './errors.ts';
import { TOPIC_DEFAULTS, type TopicPlan } from './topic-plan.ts';
import { readTopic } from './topic-reader.ts';

/** `offset.metadata.max.bytes`, the broker's default. */
export const COMMIT_METADATA_BYTES_MAX = 4096;
export const CHECKPOINT_TOPIC = 'bittern.checkpoints.v1';
/** A reference that is older than the frames it speaks of is worth nothing; one retention more, since clocks and clean-up are slow. */
const RETENTIONS = 2;
/** About 300,000 connections that are in the middle of something, in one partition. */
const CHECKPOINT_BYTES_MAX = 8 * 1024 * 1024;
const PREFIX = 'bittern-checkpoint:';
const PARTITION = 0;

/** A record of the checkpoint topic. */
export interface CheckpointReference {
  readonly offset: number;
  readonly key: string;
}

/** How the topic must be. `frames`: the plan of the topic whose offsets are committed. */
export function checkpointPlan(frames: Pick<TopicPlan, 'replicas' | 'retentionMs'>): TopicPlan {
  const { replicas, retentionMs } = frames;
  const limits = { partitions: 1, messageBytesMax: CHECKPOINT_BYTES_MAX + 64 * 1024 };
  return {
    ...TOPIC_DEFAULTS,
    ...limits,
    ...{ name: CHECKPOINT_TOPIC, replicas, retentionMs: retentionMs * RETENTIONS, cleanup: 'compact,delete' },
  };
}

/** True when the text can't stand in a commit as it is: too long, or like a reference itself. */
export function needsRecord(text: string): boolean {
  return text.startsWith(PREFIX) || Buffer.byteLength(text) > COMMIT_METADATA_BYTES_MAX;
}

export function writeReference({ offset, key }: CheckpointReference): string {
  return `${PREFIX}${offset}:${key}`;
}

/** Null for metadata that is no reference. */
export function readReference(metadata: string): CheckpointReference | null {
  if (!metadata.startsWith(PREFIX)) return null;
  const separator = metadata.indexOf(':', PREFIX.length);
  const offset = Number(metadata.slice(PREFIX.length, separator));
  return Number.isSafeInteger(offset) ? { offset, key: metadata.slice(separator + 1) } : null;
}

export class Checkpoints {
  readonly #clients: KafkaClients;
  readonly #producer: () => RawProducer;
  #exists = false;
  /** One request at a time: the client numbers them, and can't send one of several again. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param producer the process's producer client. */
  constructor(clients: KafkaClients, producer: () => RawProducer) {
    this.#clients = clients;
    this.#producer = producer;
  }

  /** Resolves when the checkpoint is durable. @throws BitternError BIT_KAFKA_METADATA_TOO_LARGE, BIT_KAFKA_TOPIC_MISSING. */
  async store(owner: string, value: Buffer): Promise<CheckpointReference> {
    if (value.length > CHECKPOINT_BYTES_MAX) throw tooLarge(value.length);
    await this.#requireTopic();
    const key = `${owner}/${randomUUID()}`;
    const message = { topic: CHECKPOINT_TOPIC, partition: PARTITION, key: Buffer.from(key), value };
    try {
      const { offsets } = await this.#send(message);
      return { offset: Number(offsets![0]!.offset), key };
    } catch (cause) {
      throw kafkaError('Storing a checkpoint', cause);
    }
  }

  /** What a record holds; null when it is there no more. @throws when the brokers can't be asked. */
  async load(reference: CheckpointReference): Promise<Buffer | null> {
    const { offset, key } = reference;
    if (!(await this.#hasTopic())) return null;
    const range = { topic: CHECKPOINT_TOPIC, partition: PARTITION, from: offset };
    for await (const record of readTopic(this.#clients.readerOptions(), range)) {
      const found = record.offset === offset && record.key?.toString() === key;
      return found ? record.value : null;
    }
    return null;
  }

  /** Lets compaction remove a record that no commit refers to. That it fails now and then is harmless. */
  bury({ key }: CheckpointReference): void {
    const message = { topic: CHECKPOINT_TOPIC, partition: PARTITION, key: Buffer.from(key) };
    this.#send(message).catch(() => {});
  }

  #send(message: MessageToProduce): Promise<ProduceResult> {
    const sent = this.#last.then(() => this.#producer().send({ messages: [message] }));
    this.#last = sent.catch(() => {});
    return sent;
  }

  /** The producer would wait for a topic that nobody has made. */
  async #requireTopic(): Promise<void> {
    if (this.#exists) return;
    if (!(await this.#hasTopic())) {
      throw new BitternError(
        'BIT_KAFKA_TOPIC_MISSING',
        `The topic '${CHECKPOINT_TOPIC}' does not exist, and a checkpoint is too long to be committed without it: run 'bittern topics --create'.`,
      );
    }
    this.#exists = true;
  }

  #hasTopic(): Promise<boolean> {
    return this.#clients.withAdmin(`Looking up '${CHECKPOINT_TOPIC}'`, async (admin) => {
      return (await admin.listTopics()).includes(CHECKPOINT_TOPIC);
    });
  }
}

function tooLarge(bytes: number): BitternError {
  return new BitternError(
    'BIT_KAFKA_METADATA_TOO_LARGE',
    `A checkpoint of ${bytes} bytes is over the limit of ${CHECKPOINT_BYTES_MAX}: use more partitions, so that each has fewer connections.`,
  );
}
