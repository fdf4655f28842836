/** Leaders that die, on a real cluster of three brokers. */
import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaCluster } from '../../load-tests/kafka/cluster.ts';
import { missingTools } from '../../load-tests/kafka/distribution.ts';
import { TOPIC_DEFAULTS, withDeadLetters } from './index.ts';
import { openBus } from './test-bus.ts';
import { Recorder, testOptions, textTopic, until } from './test-support.ts';

const missing = missingTools();
const skip = missing.length > 0 && process.env.CI !== 'true' ? `no brokers: ${missing.join(', ')} missing` : false;
if (skip !== false) console.error(`SKIPPED: tests on a real Kafka cluster need ${missing.join(', ')} on the PATH.`);
const KEYS = 60;

test('each leader may die in turn: what is published goes on, is there once, and in order', {
  skip,
  timeout: 240_000,
}, async () => {
  const cluster = await KafkaCluster.open(await mkdtemp(path.join(tmpdir(), 'bittern-cluster-')), 3);
  try {
    await cluster.start();
    const options = { ...testOptions(cluster), brokers: cluster.plaintext.split(',') };
    const bus = await openBus(options);
    const plan = { ...TOPIC_DEFAULTS, name: 'led', partitions: 6, replicas: 3 };
    await bus.topics.create(withDeadLetters(plan));
    assert.deepEqual(await bus.topics.check(withDeadLetters(plan)), []);
    const recorder = await Recorder.start(bus, textTopic('led'), 'led');
    const producer = bus.producer(textTopic('led'));
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
    await bus.close();
  } finally {
    await cluster.remove();
  }
});
