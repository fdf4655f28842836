/** What a process shows of its work with Kafka: each consumer, each topic that it writes to, dead letters. */
import type { KafkaBus, KafkaConsumerStats, KafkaProducerStats } from '../../kafka/index.ts';
import { type Sample, sample, summed } from '../metrics.ts';
import type { Condition, Flow, Observed } from '../observed.ts';

export type ObservedBus = Pick<KafkaBus, 'consumerStats' | 'producerStats' | 'deadLettersWritten' | 'refreshEnds'>;

export interface KafkaLimits {
  readonly sessionTimeoutMs: number;
}

export function kafkaObserved(bus: ObservedBus, { sessionTimeoutMs }: KafkaLimits): Observed {
  return {
    *samples() {
      for (const stats of bus.consumerStats) yield* consumerSamples(stats);
      for (const stats of bus.producerStats) yield* producerSamples(stats);
      for (const [reason, letters] of bus.deadLettersWritten)
        yield sample('bittern_consumer_dead_letters_total', letters, { reason });
    },
    flows: () => [...bus.consumerStats.map(consumerFlow), ...bus.producerStats.map(producerFlow)],
    conditions: () => bus.consumerStats.map((stats) => membership(stats, sessionTimeoutMs)),
    facts: () => {
      const ages = bus.consumerStats.flatMap(({ lastBatchMs }) =>
        lastBatchMs === 0 ? [] : [Date.now() - lastBatchMs],
      );
      return {
        partitions: bus.consumerStats.reduce((sum, { partitions }) => sum + partitions.length, 0),
        last_record_age_seconds: ages.length === 0 ? null : Math.min(...ages) / 1000,
        lag_records: bus.consumerStats.flatMap(({ progress }) => progress).reduce((sum, each) => sum + lagOf(each), 0),
      };
    },
    refresh: () => bus.refreshEnds(),
  };
}

type Progress = KafkaConsumerStats['progress'][number];

const lagOf = ({ end, committed }: Progress): number => Math.max(0, (end ?? committed) - committed);
const unhandledOf = ({ end, handled }: Progress): number => Math.max(0, (end ?? handled) - handled);

function* consumerSamples(stats: KafkaConsumerStats): Generator<Sample> {
  const { topic, lastBatchMs } = stats;
  const labels = { topic };
  yield sample('bittern_consumer_records_total', stats.records, labels);
  yield sample('bittern_consumer_bytes_total', stats.bytes, labels);
  yield summed('bittern_consumer_batch_records', stats.records, stats.batches, labels);
  for (const each of stats.progress) {
    const place = { topic, partition: each.partition };
    yield sample('bittern_consumer_lag_records', lagOf(each), place);
    yield sample('bittern_consumer_unhandled_records', unhandledOf(each), place);
    if (each.delayMs !== null) yield sample('bittern_consumer_delay_seconds', each.delayMs / 1000, place);
  }
  if (lastBatchMs > 0)
    yield sample('bittern_consumer_last_record_age_seconds', (Date.now() - lastBatchMs) / 1000, labels);
  yield sample('bittern_consumer_queued_bytes', stats.queuedBytes, labels);
  yield sample('bittern_consumer_partitions', stats.partitions.length, labels);
  yield sample('bittern_consumer_paused_partitions', stats.pausedPartitions.length, labels);
  yield sample('bittern_consumer_rebalances_total', stats.rebalances, labels);
  yield sample('bittern_consumer_restarts_total', stats.restarts, labels);
  for (const [result, commits] of Object.entries(stats.commits))
    yield sample('bittern_consumer_commits_total', commits, { topic, result });
}

function* producerSamples({ topic, records, bytes, requests, queuedBytes }: KafkaProducerStats): Generator<Sample> {
  const labels = { topic };
  yield sample('bittern_producer_records_total', records, labels);
  yield sample('bittern_producer_bytes_total', bytes, labels);
  yield summed('bittern_producer_request_bytes', bytes, requests, labels);
  yield sample('bittern_producer_queued_bytes', queuedBytes, labels);
}

function consumerFlow({ topic, progress, batches }: KafkaConsumerStats): Flow {
  const waiting = progress.reduce((sum, each) => sum + unhandledOf(each), 0);
  return { reason: 'stalled', subject: `reading ${topic}`, waiting, done: batches, problem: '' };
}

function producerFlow({ topic, queuedBytes, requests }: KafkaProducerStats): Flow {
  const subject = `publishing to ${topic}`;
  return {
    reason: 'publish_stalled',
    subject,
    waiting: queuedBytes,
    done: requests,
    problem: 'bytes; do the brokers answer?',
  };
}

/** A member without partitions is well: there may be more members than partitions. One that the group doesn't hear isn't. */
function membership({ topic, unheardMs }: KafkaConsumerStats, sessionTimeoutMs: number): Condition {
  const [reason, graceMs] = ['not_in_group', 0] as const;
  if (unheardMs === null) return { reason, problem: `The group that reads ${topic} has not been joined yet.`, graceMs };
  if (unheardMs <= sessionTimeoutMs) return { reason, problem: '', graceMs };
  const forSeconds = Math.round(unheardMs / 1000);
  return { reason, problem: `The brokers have not heard of this reader of ${topic} for ${forSeconds} s.`, graceMs };
}
