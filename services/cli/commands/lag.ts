import { FRAMES, OBSERVATIONS } from '../../../schemas/topics.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { openKafkaBus } from '../kafka.ts';
import { renderTable } from '../terminal/table.ts';
import { formatCount } from '../terminal/units.ts';

const GROUPS = [
  { topic: FRAMES.name, group: 'reassembler' },
  { topic: OBSERVATIONS.name, group: 'clickhouse' },
] as const;

export const lag: CommandBody = {
  usage: '[options]',
  details: [
    'Records between what a stage has committed and the end of its topic. A reassembler commits behind the oldest exchange in flight, so some lag',
    'is normal while calls are under way; a lag that only grows means too few consumers, or a store that is down.',
  ].join('\n'),
  options: {},
  examples: [['watch bittern lag', 'while consumers are added']],
  positionals: { min: 0, max: 0 },
  run: async ({ loaded, json, print }) => {
    const bus = await openKafkaBus(loaded.config);
    try {
      const rows = [];
      for (const { topic, group } of GROUPS) {
        for (const partition of await bus.topics.lag(topic, group)) rows.push({ topic, group, ...partition });
      }
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
          ]),
        );
      }
      return EXIT.ok;
    } finally {
      await bus.close();
    }
  },
};
