import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMetrics } from '../exposition.ts';
import { METRICS } from '../metrics.ts';
import type { Observed } from '../observed.ts';
import { processObserved } from '../process.ts';
import { busObserved, captureObserved } from './capture.ts';
import { kafkaObserved, type ObservedBus } from './kafka.ts';
import { otlpObserved } from './otlp.ts';
import { reassemblerObserved } from './reassembler.ts';
import { sinkObserved } from './sink.ts';
import { trackerObserved } from './tracker.ts';
import { workersObserved } from './workers.ts';

/** What the observer itself adds. */
const OWN = ['bittern_info', 'bittern_ready', 'bittern_not_ready'];
const SESSION = { sessionTimeoutMs: 30_000 };

const consumer: ObservedBus['consumerStats'][number] = {
  topic: 't',
  group: 'g',
  partitions: [0, 1],
  pausedPartitions: [1],
  progress: [
    { partition: 0, committed: 5, handled: 9, end: 12, delayMs: 500 },
    { partition: 1, committed: 5, handled: 5, end: null, delayMs: null },
  ],
  queuedBytes: 1,
  records: 20,
  bytes: 300,
  batches: 4,
  lastBatchMs: Date.now(),
  rebalances: 1,
  restarts: 0,
  commits: { committed: 3, fenced: 1, retried: 0 },
  unheardMs: 10,
};
const bus: ObservedBus = {
  consumerStats: [consumer],
  producerStats: [{ topic: 't', records: 1, bytes: 2, requests: 1, queuedBytes: 7 }],
  deadLettersWritten: new Map([['BIT_X', 2]]),
  refreshEnds: async () => {},
};
const reassembler = {
  counts: { calls: 1, exchanges: 2 },
  totals: { idle: 0, cut: 0, droppedBytes: 0, skippedBytes: 0, opaqueBytes: 0, gaps: 0, gapBytes: 0 },
  holds: [{ partition: 0, heldMs: 1500, connections: 3 }],
  losses: { overtaken: 0, checkpointsMissing: 0 },
  redactions: { jwt: 1 },
};
const stats = {
  ...{
    added: 9,
    acknowledged: 7,
    calls: 5,
    exchanges: 2,
    contents: 3,
    toolExecutions: 0,
    alreadyStored: 0,
    disowned: 0,
    deadLetters: 0,
  },
  ...{
    batches: 2,
    retries: 0,
    late: 0,
    queuedBytes: 10,
    lastAcknowledgedMs: Date.now(),
    problem: 'writing calls: X 1',
  },
};
const tracker = {
  stats: {
    ...{
      calls: 1,
      retold: 0,
      hops: 0,
      unsearchedHops: 0,
      stories: 1,
      packed: 0,
      bytes: 1,
      corrections: 0,
      findings: 0,
      waiting: 0,
    },
    ...{ caughtUpMs: Date.now(), problem: '' },
  },
};
const up = { client: { ping: async () => ({ success: true }) as const } };
const pump = {
  totals: { packets: 1, bytes: 2, frames: 1, payloadBytes: 1, losses: new Map([['gap', { packets: 1, bytes: 2 }]]) },
  lastBytesMs: Date.now(),
};

const otlp = new Map([
  [
    'traces' as const,
    {
      ...{ sent: 1, rejected: 0, retries: 0, refusals: new Map([[503, 1]]), held: false },
      ...{ caughtUpMs: Date.now(), oldestMs: null, problem: '' },
    },
  ],
]);

const parts: readonly Observed[] = [
  processObserved(),
  kafkaObserved(bus, SESSION),
  reassemblerObserved(reassembler),
  sinkObserved({ stats }, up),
  captureObserved(pump),
  busObserved({ queued: new Map([['t', 3]]) }),
  trackerObserved(tracker),
  workersObserved({ takeWorkers: () => [{ worker: 0, heapBytes: 5, utilization: 0.5 }] }),
  otlpObserved({ stats: otlp }),
];

test('every metric of the catalogue comes from somewhere, with the labels that it has there', () => {
  const samples = parts.flatMap((part) => [...part.samples()]);
  const told = new Set<string>(samples.map(({ name }) => name));
  assert.deepEqual(
    Object.keys(METRICS).filter((name) => !told.has(name) && !OWN.includes(name)),
    [],
  );
  assert.match(renderMetrics(samples), /\nbittern_consumer_lag_records\{topic="t",partition="0"\} 7\n/);
  assert.match(renderMetrics(samples), /\nbittern_consumer_unhandled_records\{topic="t",partition="0"\} 3\n/);
});

test('what waits is told as flows: records not handled, bytes not acknowledged, observations not stored', () => {
  const flows = parts
    .flatMap((part) => part.flows?.() ?? [])
    .map(({ reason, waiting, done }) => [reason, waiting, done]);
  assert.deepEqual(flows, [
    ['stalled', 3, 4],
    ['publish_stalled', 7, 1],
    ['sink_stalled', 2, 7],
  ]);
});

test('a reader that the group does not hear is told, and one without partitions is not', () => {
  const problemOf = (change: Partial<typeof consumer>): string => {
    const changed = { ...bus, consumerStats: [{ ...consumer, ...change }] };
    return kafkaObserved(changed, SESSION).conditions?.()[0]?.problem ?? '';
  };
  assert.equal(problemOf({ partitions: [], progress: [] }), '');
  assert.match(problemOf({ unheardMs: null }), /not been joined yet/);
  assert.match(problemOf({ unheardMs: 31_000 }), /not heard of this reader of t for 31 s/);
});

test('a store that is down is told without what the client says of it', async () => {
  const error = Object.assign(new Error('a quoted row'), { code: 'ETIMEDOUT' });
  const down = sinkObserved({ stats }, { client: { ping: async () => ({ success: false, error }) as const } });
  await down.refresh?.();
  assert.equal(down.conditions?.()[0]?.problem, "ClickHouse doesn't answer: ETIMEDOUT.");
});
