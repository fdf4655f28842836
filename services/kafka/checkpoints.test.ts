import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { brokerTests } from '../../load-tests/kafka/for-tests.ts';
import type { Assignment } from '../bus/bus.ts';
import {
  CHECKPOINT_TOPIC,
  Checkpoints,
  checkpointPlan,
  needsRecord,
  readReference,
  writeReference,
} from './checkpoints.ts';
import { KafkaClients } from './clients.ts';
import type { KafkaBus } from './index.ts';
import { readCredentials } from './security.ts';
import { openBus } from './test-bus.ts';
import { makeTopic, testOptions, until } from './test-support.ts';
import { readTopic } from './topic-reader.ts';

const broker = brokerTests();
const MEMBER = fileURLToPath(new URL('./test-member.ts', import.meta.url));
const LONG = 'é'.repeat(3000);

test('only what is longer than a commit may be, or looks like a reference, needs a record', () => {
  assert.equal(needsRecord('x'.repeat(4096)), false);
  assert.equal(needsRecord(LONG), true);
  const reference = { offset: 17, key: 'group.topic/3/900/abc' };
  assert.deepEqual(readReference(writeReference(reference)), reference);
  assert.equal(needsRecord(writeReference(reference)), true);
  assert.equal(readReference('c1:abc'), null);
});

async function makeCheckpointTopic(bus: KafkaBus): Promise<void> {
  await bus.topics.create([checkpointPlan({ replicas: 1, retentionMs: 3_600_000 })]);
}

/** What the next owner of partition 0 is told; it leaves at once. */
async function assignment(bus: KafkaBus, topic: Awaited<ReturnType<typeof makeTopic>>): Promise<Assignment> {
  const given: Assignment[] = [];
  const consumer = await bus.consumer(topic, 'checkpoints', {
    assigned: (assignments) => {
      given.push(...assignments);
    },
    batch: async () => {},
  });
  await until('the partition is assigned', () => given.length > 0, 60_000);
  await consumer.close();
  return given[0]!;
}

async function publish(bus: KafkaBus, topic: Awaited<ReturnType<typeof makeTopic>>, count: number): Promise<void> {
  const producer = bus.producer(topic);
  for (let n = 0; n < count; n++) await producer.publish('k', `${n}`);
  await producer.flush();
}

broker.test('a long checkpoint without its topic is refused, and says what to do', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const topic = await makeTopic(bus, 'no-checkpoints', 1);
  await publish(bus, topic, 1);
  const results: unknown[] = [];
  const consumer = await bus.consumer(topic, 'checkpoints', {
    batch: async ({ nextOffset }) => {
      results.push(await consumer.commit(0, nextOffset, LONG).catch((error: unknown) => error));
    },
  });
  await until('the commit has failed', () => results.length === 1);
  assert.equal((results[0] as { code: string }).code, 'BIT_KAFKA_TOPIC_MISSING');
  assert.match((results[0] as Error).message, /bittern topics --create/);
  await bus.close();
});

broker.test('long metadata is handed to the successor, and the one before it is buried', async (kafka) => {
  const options = testOptions(kafka);
  const bus = await openBus(options);
  await makeCheckpointTopic(bus);
  assert.deepEqual(await bus.topics.check([checkpointPlan({ replicas: 1, retentionMs: 3_600_000 })]), []);
  const topic = await makeTopic(bus, 'long', 1);
  await publish(bus, topic, 10);
  const results: string[] = [];
  const consumer = await bus.consumer(topic, 'checkpoints', {
    batch: async () => {
      results.push(await consumer.commit(0, 4, `four ${LONG}`));
      results.push(await consumer.commit(0, 7, `seven ${LONG}`));
    },
  });
  await until('both are committed', () => results.length === 2);
  assert.deepEqual(results, ['committed', 'committed']);
  await consumer.close();
  const { offset, metadata } = await assignment(bus, topic);
  assert.deepEqual([offset, metadata], [7, `seven ${LONG}`]);
  const clients = new KafkaClients(options, readCredentials(options.security, {}));
  const records = new Map<string, string | null>();
  for await (const { key, value } of readTopic(clients.readerOptions(), {
    topic: CHECKPOINT_TOPIC,
    partition: 0,
    from: null,
  })) {
    if (key!.toString().includes('.long/')) records.set(key!.toString(), value?.toString() ?? null);
  }
  assert.deepEqual([...records.values()], [null, `seven ${LONG}`]);
  await bus.close();
});

broker.test('a record whose commit never came changes nothing for the successor', async (kafka) => {
  const options = testOptions(kafka);
  const bus = await openBus(options);
  await makeCheckpointTopic(bus);
  const topic = await makeTopic(bus, 'between', 1);
  await publish(bus, topic, 10);
  let result = '';
  const consumer = await bus.consumer(topic, 'checkpoints', {
    batch: async () => {
      result = await consumer.commit(0, 4, `four ${LONG}`);
    },
  });
  await until('it is committed', () => result === 'committed');
  await consumer.close();
  const clients = new KafkaClients(options, readCredentials(options.security, {}));
  const producer = clients.producer();
  await new Checkpoints(clients, () => producer).store('checkpoints.between/0/4', Buffer.from(`other ${LONG}`));
  await producer.close(true);
  const { offset, metadata } = await assignment(bus, topic);
  assert.deepEqual([offset, metadata], [4, `four ${LONG}`]);
  await bus.close();
});

broker.test('a checkpoint that is gone is told as missing, and the partition is taken up without it', async (kafka) => {
  const options = testOptions(kafka);
  const bus = await openBus(options);
  await makeCheckpointTopic(bus);
  const topic = await makeTopic(bus, 'gone', 1);
  await publish(bus, topic, 10);
  let result = '';
  const consumer = await bus.consumer(topic, 'checkpoints', {
    batch: async () => {
      result = await consumer.commit(0, 4, LONG);
    },
  });
  await until('it is committed', () => result === 'committed');
  await consumer.close();
  const clients = new KafkaClients(options, readCredentials(options.security, {}));
  await clients.withAdmin('Deleting', async (admin) => {
    await admin.fetchTopicOffsets(CHECKPOINT_TOPIC);
    await admin.deleteTopicRecords({ topic: CHECKPOINT_TOPIC, partitions: [{ partition: 0, offset: '-1' }] });
  });
  const first = await assignment(bus, topic);
  assert.deepEqual([first.offset, first.metadata, first.metadataMissing?.code], [4, '', 'BIT_CHECKPOINT_MISSING']);
  await clients.withAdmin('Deleting', (admin) => admin.deleteTopics({ topics: [CHECKPOINT_TOPIC] }));
  const second = await assignment(bus, topic);
  assert.deepEqual([second.offset, second.metadataMissing?.code], [4, 'BIT_CHECKPOINT_MISSING']);
  await bus.close();
});

broker.test(
  'whenever a member is killed, its successor is given the checkpoint of the offset it begins at',
  async (kafka) => {
    const bus = await openBus(testOptions(kafka));
    await makeCheckpointTopic(bus);
    const topic = await makeTopic(bus, 'killed', 1);
    await publish(bus, topic, 3000);
    for (let life = 0; life < 3; life++) {
      const args = [
        '--disable-warning=ExperimentalWarning',
        MEMBER,
        kafka.plaintext,
        topic.name,
        'checkpoints',
        '1',
        '6000',
      ];
      const member = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      let output = '';
      member.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      await until('it commits', () => output.split('committed').length > 5 + life, 60_000);
      await sleep(life * 7);
      member.kill('SIGKILL');
      await once(member, 'exit');
      const { offset, metadata, metadataMissing } = await assignment(bus, topic);
      assert.equal(metadataMissing, undefined);
      assert.ok(offset > 0);
      assert.equal(metadata, `${offset}:`.padEnd(6000, 'x'));
    }
    await bus.close();
  },
);
