import assert from 'node:assert/strict';
import { brokerTests } from '../../load-tests/kafka/for-tests.ts';
import type { Assignment, Topic } from '../bus/bus.ts';
import { CHECKPOINT_TOPIC, checkpointPlan } from './checkpoints.ts';
import { KafkaClients } from './clients.ts';
import { type KafkaBus, Keyring, sealedCodec } from './index.ts';
import { readCredentials } from './security.ts';
import { openBus } from './test-bus.ts';
import { makeTopic, testOptions, until } from './test-support.ts';
import { readTopic } from './topic-reader.ts';
import { kafkaGroupId } from './topics.ts';

const broker = brokerTests();
const GROUP = 'sealed-metadata';
const SECRET = 'what the agent was told';
const LONG = SECRET.repeat(300);

const sealedBy = (topic: Topic<string>, id: string, byte: number): Topic<string> => ({
  ...topic,
  codec: sealedCodec(topic.codec, new Keyring(new Map([[id, Buffer.alloc(32, byte)]]), id)),
});

/** A topic with five records. */
async function filledTopic(bus: KafkaBus, name: string, seal = true): Promise<Topic<string>> {
  await bus.topics.create([checkpointPlan({ replicas: 1, retentionMs: 3_600_000 })]);
  const plain = await makeTopic(bus, name, 1);
  const topic = seal ? sealedBy(plain, 'k1', 1) : plain;
  const producer = bus.producer(topic);
  for (let n = 0; n < 5; n++) await producer.publish('k', `${n}`);
  await producer.flush();
  return topic;
}

/** Joins, commits `metadata` at offset 3 if there is any, and leaves. @returns what it was told when it joined. */
async function visit(bus: KafkaBus, topic: Topic<string>, metadata?: string): Promise<Assignment> {
  const given: Assignment[] = [];
  const results: string[] = [];
  const consumer = await bus.consumer(topic, GROUP, {
    assigned: (assignments) => {
      given.push(...assignments);
    },
    batch: async () => {
      if (metadata !== undefined) results.push(await consumer.commit(0, 3, metadata));
    },
  });
  await until('it is done', () => (metadata === undefined ? given : results).length > 0, 60_000);
  await consumer.close();
  return given[0]!;
}

/** What the broker has of the group's commit, and of the checkpoint topic. */
async function atTheBroker(
  options: ReturnType<typeof testOptions>,
  topic: Topic<string>,
): Promise<{ committed: string; records: readonly Buffer[] }> {
  const clients = new KafkaClients(options, readCredentials(options.security, {}));
  const groupId = kafkaGroupId(topic.name, GROUP);
  const [offsets] = await clients.withAdmin('Reading', (admin) =>
    admin.fetchOffsets({ groupId, topics: [topic.name], resolveOffsets: false }),
  );
  const records: Buffer[] = [];
  const range = { topic: CHECKPOINT_TOPIC, partition: 0, from: null };
  for await (const { key, value } of readTopic(clients.readerOptions(), range)) {
    if (value !== null && key!.toString().startsWith(groupId)) records.push(value);
  }
  return { committed: offsets?.partitions[0]?.metadata ?? '', records };
}

broker.test('of a sealed topic no broker sees what commits carry, short or long', async (kafka) => {
  const options = testOptions(kafka);
  const bus = await openBus(options);
  for (const [name, metadata] of [
    ['sealed-short', SECRET],
    ['sealed-long', LONG],
  ] as const) {
    const topic = await filledTopic(bus, name);
    await visit(bus, topic, metadata);
    const { committed, records } = await atTheBroker(options, topic);
    assert.match(committed, metadata === LONG ? /^bittern-checkpoint:/ : /^bittern-sealed:/);
    const hidden = Buffer.from(committed.replace('bittern-sealed:', ''), 'base64url');
    assert.equal(records.length, metadata === LONG ? 1 : 0);
    for (const bytes of [hidden, ...records]) assert.equal(bytes.includes(SECRET), false);
    const successor = await visit(bus, topic);
    assert.deepEqual([successor.offset, successor.metadata], [3, metadata]);
  }
});

broker.test(
  'without its key a checkpoint is told as missing, and the partition is taken up without it',
  async (kafka) => {
    const bus = await openBus(testOptions(kafka));
    const topic = await filledTopic(bus, 'sealed-other');
    await visit(bus, topic, SECRET);
    for (const [other, code] of [
      [sealedBy(await makeTopic(bus, topic.name, 1), 'k2', 2), 'BIT_SEAL_KEY_UNKNOWN'],
      [sealedBy(await makeTopic(bus, topic.name, 1), 'k1', 2), 'BIT_SEAL_BROKEN'],
      [await makeTopic(bus, topic.name, 1), 'BIT_SEAL_KEY_UNKNOWN'],
    ] as const) {
      const { offset, metadata, metadataMissing } = await visit(bus, other);
      assert.deepEqual([offset, metadata, metadataMissing?.code], [3, '', code]);
    }
  },
);

broker.test('what was committed before sealing was switched on is read, whatever it looks like', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  for (const [name, metadata] of [
    ['unsealed', SECRET],
    ['unsealed-odd', `bittern-sealed:${SECRET}`],
  ] as const) {
    const topic = await filledTopic(bus, name, false);
    await visit(bus, topic, metadata);
    const successor = await visit(bus, sealedBy(topic, 'k1', 1));
    assert.deepEqual([successor.offset, successor.metadata], [3, metadata]);
  }
});
