/** Leaders that die, on a real cluster of three brokers. */
import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaCluster } from '../../load-tests/kafka/cluster.ts';
import { missingTools } from '../../load-tests/kafka/distribution.ts';
import type { Topic } from '../bus/bus.ts';
import { KafkaClients } from './clients.ts';
import { type KafkaBus, type KafkaOptions, TOPIC_DEFAULTS, withDeadLetters } from './index.ts';
import { readCredentials } from './security.ts';
import { openBus } from './test-bus.ts';
import { Recorder, testOptions, textTopic, until } from './test-support.ts';

const missing = missingTools();
const skip = missing.length > 0 && process.env.CI !== 'true' ? `no brokers: ${missing.join(', ')} missing` : false;
if (skip !== false) console.error(`SKIPPED: tests on a real Kafka cluster need ${missing.join(', ')} on the PATH.`);
const KEYS = 60;
const PARTITIONS = 6;
const options = { skip, timeout: 240_000 };
let cluster: KafkaCluster;

before(async () => {
  if (skip !== false) return;
  cluster = await KafkaCluster.open(await mkdtemp(path.join(tmpdir(), 'bittern-cluster-')), 3);
  await cluster.start();
});

after(() => cluster?.remove());

/** A bus on all brokers, and a topic that each of them has. */
async function openTopic(name: string): Promise<{ bus: KafkaBus; topic: Topic<string>; kafka: KafkaOptions }> {
  const kafka = { ...testOptions(cluster), brokers: cluster.plaintext.split(',') };
  const bus = await openBus(kafka);
  const plan = { ...TOPIC_DEFAULTS, name, partitions: PARTITIONS, replicas: 3 };
  await bus.topics.create(withDeadLetters(plan));
  assert.deepEqual(await bus.topics.check(withDeadLetters(plan)), []);
  return { bus, topic: textTopic(name), kafka };
}

test('each leader may die in turn: what is published goes on, is there once, and in order', options, async () => {
  const { bus, topic } = await openTopic('led');
  const recorder = await Recorder.start(bus, topic, 'led');
  const producer = bus.producer(topic);
  let published = 0;
  let stop = false;
  const publishing = (async () => {
    for (; !stop; published++) {
      await producer.publish(`key ${published % KEYS}`, `${published}`);
      if (published % 20 === 0) await sleep(20);
    }
    await producer.flush();
  })();
  for (let node = 0; node < 3; node++) {
    await cluster.kill();
    const before = recorder.seen.length;
    await until('records flow without that broker', () => recorder.seen.length > before + 500, 60_000);
    await cluster.start();
  }
  stop = true;
  await publishing;
  await until('everything is there', () => new Set(recorder.values).size === published, 60_000);
  const stored = new Map(recorder.seen.map(({ partition, record }) => [`${partition}/${record.offset}`, record]));
  assert.equal(stored.size, published, 'no record is there twice');
  const latest = new Map<string, number>();
  for (const { key, value } of [...stored.values()].sort((a, b) => a.offset - b.offset)) {
    assert.equal(Number(value), (latest.get(key) ?? Number(value) - KEYS) + KEYS, key);
    latest.set(key, Number(value));
  }
});

test(
  'where a partition ends is told also when its leader has changed and the one before goes on serving',
  options,
  async () => {
    const { bus, topic, kafka } = await openTopic('moved');
    const recorder = await Recorder.start(bus, topic, 'moved');
    await until('all partitions are assigned', () => recorder.assignments.length === PARTITIONS, 60_000);
    assert.equal(await recorder.consumer.endOf?.(0), 0);
    const clients = new KafkaClients(kafka, readCredentials(kafka.security, {}));
    await clients.withAdmin('Moving', async (admin) => {
      const leaderOf = async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic.name] });
        return topics[0]!.partitions.find(({ partitionId }) => partitionId === 0)!;
      };
      const { leader, replicas } = await leaderOf();
      const others = replicas.filter((node) => node !== leader);
      const moved = [{ topic: topic.name, partitionAssignment: [{ partition: 0, replicas: [...others, leader] }] }];
      await admin.alterPartitionReassignments({ topics: moved });
      while ((await leaderOf()).leader === leader) await sleep(200);
    });
    await sleep(1_000);
    assert.equal(await recorder.consumer.endOf?.(0), 0);
  },
);
