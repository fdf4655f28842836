import { setTimeout as sleep } from 'node:timers/promises';
import { FRAMES, OBSERVATIONS } from '../../../schemas/topics.ts';
import type { KafkaTopics, PartitionLag } from '../../kafka/index.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { openKafkaBus } from '../kafka.ts';
import { renderTable } from '../terminal/table.ts';
import { formatCount, formatMs } from '../terminal/units.ts';

const GROUPS = [
  { topic: FRAMES.name, group: 'reassembler' },
  { topic: OBSERVATIONS.name, group: 'clickhouse' },
] as const;

const SAMPLE_SECONDS = 2;
const SAMPLE_SECONDS_MAX = 600;

interface Row extends PartitionLag {
  readonly topic: string;
  readonly group: string;
  /** Records a second while it was looked at; null: not sampled. */
  readonly producedPerSecond: number | null;
  /** …that were committed. */
  readonly consumedPerSecond: number | null;
  /** How long ago the first record was published that isn't committed; null: there is none. */
  readonly oldestInFlightSeconds: number | null;
}

interface Look {
  readonly atMs: number;
  readonly groups: readonly (readonly PartitionLag[])[];
}

async function look(topics: KafkaTopics): Promise<Look> {
  const atMs = performance.now();
  return { atMs, groups: await Promise.all(GROUPS.map(({ topic, group }) => topics.lag(topic, group))) };
}

/** `sampleMs` 0: without rates. */
async function rowsOf(topics: KafkaTopics, sampleMs: number): Promise<Row[]> {
  const before = sampleMs === 0 ? null : await look(topics);
  if (before !== null) await sleep(sampleMs);
  const now = await look(topics);
  const rows: Row[] = [];
  for (const [at, { topic, group }] of GROUPS.entries()) {
    const partitions = now.groups[at]!;
    const firsts = partitions.flatMap(({ partition, end, lag }) => (lag > 0 ? [[partition, end - lag] as const] : []));
    const times = await topics.publishedTimes(topic, new Map(firsts));
    for (const each of partitions) {
      const earlier = before?.groups[at]?.find(({ partition }) => partition === each.partition);
      const seconds = before === null ? 0 : (now.atMs - before.atMs) / 1000;
      const publishedMs = times.get(each.partition);
      rows.push({
        ...{ topic, group, ...each },
        producedPerSecond: rate(earlier?.end, each.end, seconds),
        consumedPerSecond: rate(earlier?.committed, each.committed, seconds),
        oldestInFlightSeconds: publishedMs === undefined ? null : Math.max(0, Date.now() - publishedMs) / 1000,
      });
    }
  }
  return rows;
}

function rate(before: number | null | undefined, now: number | null, seconds: number): number | null {
  if (before === undefined || seconds === 0) return null;
  // Nothing was committed before: where it began isn't known.
  if (before === null || now === null) return now === before ? 0 : null;
  return Math.round(((now - before) / seconds) * 10) / 10;
}

const perSecond = (value: number | null): string => (value === null ? '–' : value.toFixed(1));

export const lag: CommandBody = {
  usage: '[options]',
  details: [
    'Records between what a stage has committed and the end of its topic, how many a second came and were committed while it was looked at, and',
    'how long ago the first one was published that is not committed. A reassembler commits behind the oldest exchange in flight, so some lag',
    'is normal while calls are under way; a lag that only grows means too few consumers, or a store that is down.',
  ].join('\n'),
  options: {
    sample: {
      type: 'string',
      value: 'SECONDS',
      description: `how long to look for the rates (default ${SAMPLE_SECONDS}; 0: no rates)`,
    },
  },
  examples: [
    ['watch bittern lag', 'while consumers are added'],
    ['bittern lag --json | jq -s "map(.lag) | add"', 'records in flight, for a script'],
  ],
  positionals: { min: 0, max: 0 },
  run: async ({ args, loaded, json, print, signal }) => {
    const seconds = args.integer('sample', 0, SAMPLE_SECONDS_MAX) ?? SAMPLE_SECONDS;
    const bus = await openKafkaBus(loaded.config, signal);
    try {
      const rows = await rowsOf(bus.topics, seconds * 1000);
      if (json) for (const row of rows) print(JSON.stringify(row));
      else {
        print(
          renderTable(rows, [
            { title: 'TOPIC', value: (row) => row.topic },
            { title: 'GROUP', value: (row) => row.group },
            { title: 'PARTITION', value: (row) => String(row.partition), align: 'right' },
            { title: 'COMMITTED', value: (row) => formatCount(row.committed), align: 'right' },
            { title: 'END', value: (row) => formatCount(row.end), align: 'right' },
            { title: 'LAG', value: (row) => formatCount(row.lag), align: 'right' },
            { title: 'IN/S', value: (row) => perSecond(row.producedPerSecond), align: 'right' },
            { title: 'OUT/S', value: (row) => perSecond(row.consumedPerSecond), align: 'right' },
            {
              title: 'OLDEST',
              value: (row) => formatMs(row.oldestInFlightSeconds === null ? null : row.oldestInFlightSeconds * 1000),
              align: 'right',
            },
          ]),
        );
      }
      return EXIT.ok;
    } finally {
      await bus.close();
    }
  },
};
