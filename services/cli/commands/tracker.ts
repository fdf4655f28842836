import { storeObserved } from '../../observe/sources/sink.ts';
import { trackerObserved } from '../../observe/sources/tracker.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { startObserving } from '../observe.ts';
import { createTracker } from '../runtime.ts';
import { openServiceStore } from '../service-store.ts';
import { runStage } from '../stage.ts';
import { formatCount } from '../terminal/units.ts';

export const tracker: CommandBody = {
  usage: '[options]',
  details: [
    'Makes sessions, turns, tool calls and findings of the calls that sinks store. One is enough; a second one at the same time writes the',
    'same. It keeps no state of its own: a successor goes on where it ended. `bittern up` and `bittern capture` have one built in.',
  ].join('\n'),
  options: {},
  examples: [['CLICKHOUSE_URL=http://… bittern tracker', 'beside the sinks']],
  positionals: { min: 0, max: 0 },
  service: true,
  run: async (context) => {
    const { loaded, signal, note } = context;
    const config = { ...loaded.config, tracker: { ...loaded.config.tracker, enabled: true } };
    const store = await openServiceStore(context, config);
    try {
      const stage = createTracker(config, store)!;
      const observing = await startObserving(context, 'tracker');
      observing.add(trackerObserved(stage), storeObserved(store));
      stage.start();
      note('Tracker is running.');
      const status = (): string => {
        const { calls, stories, corrections, findings, problem } = stage.stats;
        const waiting = problem === '' ? '' : `; waiting: ${problem}`;
        return `tracker: ${formatCount(calls)} calls in ${formatCount(stories)} sessions in memory, ${formatCount(corrections)} calls put into their place, ${formatCount(findings)} findings written${waiting}`;
      };
      await runStage({ consumers: [], status }, signal, note);
      await stage.close();
      observing.close();
      return EXIT.ok;
    } finally {
      await store.close();
    }
  },
};
