import { BitternError } from '../../common/errors.ts';
import { storeObserved } from '../../observe/sources/sink.ts';
import { isAlertingConfigured, startAlerting } from '../alerting.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { startObserving } from '../observe.ts';
import { openServiceStore } from '../service-store.ts';
import { runStage } from '../stage.ts';

export const alerts: CommandBody = {
  usage: '[options]',
  details: [
    'Runs the rules in SQL and tells the configured receivers of findings. Any number of these may run: one of them works, and when it is gone',
    "another goes on where it stopped. 'bittern up' does the same within its process.",
  ].join('\n'),
  options: {},
  examples: [['CLICKHOUSE_URL=http://… bittern alerts --config bittern.yaml', 'as bittern.yaml says']],
  positionals: { min: 0, max: 0 },
  service: true,
  run: async (context) => {
    const { loaded, signal, note } = context;
    const { config } = loaded;
    if (!isAlertingConfigured(config)) {
      throw new BitternError(
        'BIT_ALERTS_UNCONFIGURED',
        'There is nobody to tell and nothing to ask: set alerts.receivers, or rules.sql (docs/alerts.md).',
      );
    }
    const store = await openServiceStore(context, config);
    try {
      const observing = await startObserving(context, 'alerts');
      observing.add(storeObserved(store));
      const alerting = await startAlerting(config, store);
      try {
        note('Alerts are running.');
        await runStage({ consumers: [], status: () => alerting.status() }, signal, note);
        return EXIT.ok;
      } finally {
        await alerting.close();
        observing.close();
      }
    } finally {
      await store.close();
    }
  },
};
