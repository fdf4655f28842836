import { kafkaObserved } from '../../observe/sources/kafka.ts';
import { sinkObserved } from '../../observe/sources/sink.ts';
import { ClickHouseStage } from '../../sinks/clickhouse-stage.ts';
import { type CommandBody, EXIT, usageError } from '../command.ts';
import { kafkaTopics, openKafkaBus } from '../kafka.ts';
import { kafkaLimits, startObserving } from '../observe.ts';
import { createSink, openConfiguredStore } from '../runtime.ts';
import { runStage } from '../stage.ts';
import { formatCount } from '../terminal/units.ts';

/** For inserts that are under way when the partitions are given back. */
const LEFT_CLOSE_MS = 500;

export const sink: CommandBody = {
  usage: 'clickhouse [options]',
  details: [
    'One of any number of processes that share the partitions of the calls topic. An offset is committed when all below it is stored, and no',
    'call is stored twice. While ClickHouse is down it waits: memory stays bounded, the lag grows and drains afterwards.',
  ].join('\n'),
  options: {},
  examples: [['BITTERN_KAFKA_BROKERS=kafka:9092 CLICKHOUSE_URL=http://… bittern sink clickhouse', 'joins the group']],
  positionals: { min: 1, max: 1 },
  service: true,
  run: async (context) => {
    const { args, loaded, signal, note } = context;
    if (args.positionals[0] !== 'clickhouse')
      throw usageError(`There is no sink '${args.positionals[0]}'; there is: clickhouse.`);
    const { config } = loaded;
    const topics = await kafkaTopics(config, { writes: [], maskingKey: null, note });
    const store = await openConfiguredStore(config);
    try {
      const target = createSink(config, store);
      const bus = await openKafkaBus(config, signal);
      const observing = await startObserving(context, 'sink');
      try {
        const stage = new ClickHouseStage(target);
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
  },
};
