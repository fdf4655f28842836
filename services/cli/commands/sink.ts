import { kafkaObserved } from '../../observe/sources/kafka.ts';
import { otlpObserved } from '../../observe/sources/otlp.ts';
import { sinkObserved, storeObserved } from '../../observe/sources/sink.ts';
import type { OtlpExporter } from '../../otlp/exporter.ts';
import type { Signal } from '../../otlp/messages.ts';
import { ClickHouseStage } from '../../sinks/clickhouse-stage.ts';
import { type CommandBody, type Context, EXIT, usageError } from '../command.ts';
import { kafkaTopics, openKafkaBus } from '../kafka.ts';
import { kafkaLimits, startObserving } from '../observe.ts';
import { createExporter, createSink } from '../runtime.ts';
import { openServiceStore } from '../service-store.ts';
import { runStage } from '../stage.ts';
import { formatCount } from '../terminal/units.ts';

/** For inserts that are under way when the partitions are given back. */
const LEFT_CLOSE_MS = 500;

type Run = (context: Context) => Promise<number>;

export const sink: CommandBody = {
  usage: 'clickhouse|otlp [options]',
  details: [
    'clickhouse: one of any number of processes that share the partitions of the calls topic. An offset is committed when all below it is stored, and no',
    'call is stored twice. While ClickHouse is down it waits: memory stays bounded, the lag grows and drains afterwards.',
    '',
    'otlp: sends what is stored to otlp.endpoint as OpenTelemetry spans, metrics and log events. It reads ClickHouse and keeps there how',
    'far it has come: a successor goes on where it ended, and sends nothing under a new id. One is enough. `bittern up` has one built in.',
  ].join('\n'),
  options: {},
  examples: [
    ['BITTERN_KAFKA_BROKERS=kafka:9092 CLICKHOUSE_URL=http://… bittern sink clickhouse', 'joins the group'],
    [
      'BITTERN_OTLP_ENDPOINT=http://collector:4318 CLICKHOUSE_URL=http://… bittern sink otlp',
      'to an OpenTelemetry Collector',
    ],
  ],
  positionals: { min: 1, max: 1 },
  service: true,
  run: async (context) => {
    const [name] = context.args.positionals;
    const sinks: Readonly<Record<string, Run>> = { clickhouse: runClickHouse, otlp: runOtlp };
    const chosen = Object.hasOwn(sinks, name ?? '') ? sinks[name ?? ''] : undefined;
    if (chosen === undefined) throw usageError(`There is no sink '${name}'; there are: clickhouse, otlp.`);
    return chosen(context);
  },
};

async function runClickHouse(context: Context): Promise<number> {
  const { loaded, signal, note } = context;
  const { config } = loaded;
  const topics = await kafkaTopics(config, { writes: [], maskingKey: null, note });
  const store = await openServiceStore(context, config);
  try {
    const target = createSink(config, store);
    const bus = await openKafkaBus(config, signal);
    const observing = await startObserving(context, 'sink');
    try {
      const stage = new ClickHouseStage(target, note);
      const observations = await bus.consumer(topics.observations, 'clickhouse', stage);
      stage.attach(observations);
      const reports = await bus.consumer(topics.reports, 'clickhouse', {
        batch: async (batch) => {
          for (const { value } of batch.records) await target.addReport(value);
          await reports.commit(batch.partition, batch.nextOffset);
        },
      });
      observing.add(kafkaObserved(bus, kafkaLimits(config)), sinkObserved(target, store));
      note('Sink is running.');
      const status = (): string => {
        const { calls, exchanges, alreadyStored, disowned, problem } = target.stats;
        return `sink: ${formatCount(calls)} calls, ${formatCount(exchanges)} exchanges stored, ${formatCount(alreadyStored)} were there, ${formatCount(disowned)} left to others${problem === '' ? '' : `; waiting: ${problem}`}`;
      };
      await runStage({ consumers: [observations, reports], status }, signal, note);
      return EXIT.ok;
    } finally {
      await bus.close();
      // What isn't stored by now isn't committed either: the next owner is given it again.
      await target.close({ timeoutMs: LEFT_CLOSE_MS }).catch(() => {});
      observing.close();
    }
  } finally {
    await store.close();
  }
}

async function runOtlp(context: Context): Promise<number> {
  const { loaded, signal, note } = context;
  const { config } = loaded;
  if (config.otlp.endpoint === '') throw usageError('otlp.endpoint is not configured: where shall it send to?');
  const store = await openServiceStore(context, config);
  try {
    const otlp = (await createExporter(config, store, note))!;
    const observing = await startObserving(context, 'otlp');
    observing.add(otlpObserved(otlp.exporter), storeObserved(store));
    otlp.exporter.start();
    note('OTLP sink is running.');
    const status = (): string => otlpStatus(otlp.exporter.stats);
    await runStage({ consumers: [], status }, signal, note);
    await otlp.close();
    observing.close();
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

const NOUNS: Readonly<Record<Signal, string>> = { traces: 'spans', metrics: 'points', logs: 'log events' };

function otlpStatus(stats: OtlpExporter['stats']): string {
  const sent = [...stats].map(([signal, each]) => `${formatCount(each.sent)} ${NOUNS[signal]}`);
  const refused = [...stats.values()].reduce((sum, { rejected }) => sum + rejected, 0);
  const problems = [...stats.values()].map(({ problem }) => problem).filter((problem) => problem !== '');
  return `otlp: ${sent.join(', ')} sent${refused === 0 ? '' : `, ${formatCount(refused)} refused`}${problems.length === 0 ? '' : `; waiting: ${problems.join('; ')}`}`;
}
