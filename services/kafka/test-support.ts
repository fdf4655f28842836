/** What the tests on a real broker share: short timeouts, topics of texts, and waiting for something to become true. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Assignment, BusRecord, Consumer, Topic } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import {
  KAFKA_DEFAULTS,
  type KafkaBus,
  type KafkaConsumerOptions,
  type KafkaOptions,
  TOPIC_DEFAULTS,
  withDeadLetters,
} from './index.ts';

/** The value of a record that the topic's codec refuses. */
export const UNREADABLE = 'unreadable';

export function textTopic(name: string): Topic<string> {
  return {
    name,
    codec: {
      headers: { 'content-type': 'text/plain' },
      encode: (text) => Buffer.from(text),
      decode: (bytes) => {
        const text = bytes.toString('utf8');
        if (text === UNREADABLE) throw new BitternError('BIT_TEST_UNREADABLE', 'The text is unreadable.');
        return text;
      },
    },
    sizeOf: (text) => text.length,
  };
}

export function testOptions(
  broker: { readonly plaintext: string },
  consumer: Partial<KafkaConsumerOptions> = {},
): KafkaOptions {
  return {
    ...KAFKA_DEFAULTS,
    brokers: [broker.plaintext],
    clientId: 'bittern-test',
    consumer: {
      ...KAFKA_DEFAULTS.consumer,
      sessionTimeoutMs: 4_000,
      heartbeatIntervalMs: 250,
      rebalanceTimeoutMs: 8_000,
      drainMs: 2_000,
      fetchWaitMs: 50,
      ...consumer,
    },
  };
}

/** A fresh topic with its dead letters. */
export async function makeTopic(bus: KafkaBus, name: string, partitions: number): Promise<Topic<string>> {
  const plan = { ...TOPIC_DEFAULTS, name, partitions, replicas: 1, messageBytesMax: 200_000 };
  await bus.topics.create(withDeadLetters(plan));
  return textTopic(name);
}

export async function until(what: string, condition: () => boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await sleep(20);
  }
}

export interface Seen {
  readonly partition: number;
  readonly record: BusRecord<string>;
}

/** A consumer that notes what it is given and commits each batch. */
export class Recorder {
  readonly seen: Seen[] = [];
  readonly assignments: Assignment[] = [];
  readonly revoked: number[] = [];
  readonly #epochs = new Map<number, number>();
  /** What commits came to. */
  readonly results: string[] = [];
  consumer!: Consumer;

  static async start(bus: KafkaBus, topic: Topic<string>, group: string, workMs = 0): Promise<Recorder> {
    const recorder = new Recorder();
    recorder.consumer = await bus.consumer(topic, group, {
      assigned: (assignments) => {
        recorder.assignments.push(...assignments);
        for (const { partition, epoch } of assignments) recorder.#epochs.set(partition, epoch);
      },
      batch: async ({ partition, records, nextOffset }) => {
        if (workMs > 0) await sleep(workMs);
        for (const record of records) recorder.seen.push({ partition, record });
        const epoch = recorder.#epochs.get(partition);
        recorder.results.push(await recorder.consumer.commit(partition, nextOffset, `up to ${nextOffset}`, epoch));
      },
      revoked: (partitions) => {
        recorder.revoked.push(...partitions);
      },
    });
    return recorder;
  }

  get values(): string[] {
    return this.seen.map(({ record }) => record.value);
  }
}
