import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brokerTests } from '../../../load-tests/kafka/for-tests.ts';
import type { StoryEvent } from '../../../schemas/story.ts';
import { EVENTS } from '../../../schemas/topics.ts';
import type { BusRecord, Consumer } from '../../bus/bus.ts';
import { openStore } from '../../clickhouse/store.ts';
import { sampleFinding } from '../../clickhouse/testing.ts';
import { KafkaBus, TOPIC_DEFAULTS, withDeadLetters } from '../../kafka/index.ts';
import { openBus } from '../../kafka/test-bus.ts';
import { testOptions, until } from '../../kafka/test-support.ts';
import { Alerts } from '../alerts.ts';
import { HookServer, optionsOf, put, receiverOf } from '../testing.ts';

const broker = brokerTests();

broker.test('findings are events by session, also those of a time in which the broker was away', async (kafka) => {
  const options = testOptions(kafka);
  const bus = await openBus(options);
  await bus.topics.create(withDeadLetters({ ...TOPIC_DEFAULTS, name: EVENTS.name, partitions: 3, replicas: 1 }));
  const seen: BusRecord<StoryEvent>[] = [];
  const consumer: Consumer = await bus.consumer(EVENTS, 'test', {
    batch: async (batch) => {
      seen.push(...batch.records);
      await consumer.commit(batch.partition, batch.nextOffset);
    },
  });
  const folder = mkdtempSync(path.join(tmpdir(), 'bittern-kafka-alerts-'));
  const store = await openStore({ dataDir: folder, retentionDays: 0, memoryBytesMax: 1e9 });
  const hooks = await HookServer.open();
  const receivers = await Promise.all([
    receiverOf({ type: 'webhook', name: 'hook', url: hooks.url }),
    receiverOf(
      { type: 'kafka', name: 'events', timeoutMs: 6_000 },
      {
        openEvents: async () => {
          const own = await KafkaBus.open(options);
          return { producer: own.producer(EVENTS), close: () => own.close() };
        },
      },
    ),
  ]);
  const alerts = Alerts.start(store, receivers, optionsOf(['hook', 'events']));
  const statesOf = (n: number): string[] =>
    seen.flatMap(({ value }) =>
      value.type === 'finding' && value.finding.sessionId === `session-${n}` ? [value.finding.state] : [],
    );
  try {
    await put(store, sampleFinding(1));
    await until('the first event is there', () => seen.length === 1);
    assert.equal(seen[0]!.key, 'session-1');
    assert.match(seen[0]!.headers?.['bittern-alert-id'] ?? '', /^[0-9a-f]{32}$/);
    kafka.freeze(true);
    await put(store, sampleFinding(2));
    await until('the broker is missed', () => (alerts.stats.receivers[1]?.failures ?? 0) > 0);
    assert.ok(hooks.news.includes('fired search') && hooks.taken.length === 2, 'nobody else waits');
    kafka.freeze(false);
    await put(store, sampleFinding(1, { state: 'resolved', resolvedAt: Date.now() * 1000 }));
    await until('all events are there', () => statesOf(1).includes('resolved') && statesOf(2).length > 0);
    assert.deepEqual([...new Set(statesOf(1))], ['open', 'resolved']);
    // What was sent in vain may have got there after all: then it has the same id.
    const ids = seen.filter(({ key }) => key === 'session-2').map(({ headers }) => headers?.['bittern-alert-id']);
    assert.ok(new Set(ids).size <= 2, String(ids));
  } finally {
    kafka.freeze(false);
    await alerts.close();
    await hooks.close();
    await store.close();
    rmSync(folder, { recursive: true });
    await bus.close();
  }
});
