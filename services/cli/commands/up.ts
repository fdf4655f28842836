import { otlpObserved } from '../../observe/sources/otlp.ts';
import { storeObserved } from '../../observe/sources/sink.ts';
import { startAlerting } from '../alerting.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { captureLive } from '../live.ts';
import { startObserving } from '../observe.ts';
import { createExporter, type RunningExporter } from '../runtime.ts';
import { curlLine, serveApi, untilAborted } from '../serve.ts';
import { openServiceStore } from '../service-store.ts';
import { runStage } from '../stage.ts';
import { storeTarget } from '../target.ts';
import { storedRows } from '../terminal/units.ts';

export const up: CommandBody = {
  usage: '[options]',
  details: [
    'Captures from the configured interface (capture.interface, or -i), stores calls as they end, serves the API, runs the rules and sends',
    'alerts, until Ctrl-C. Without an interface it serves what is stored. The database is shared: other commands work on the same data folder meanwhile.',
  ].join('\n'),
  options: {
    interface: {
      type: 'string',
      short: 'i',
      value: 'IFACE',
      multiple: true,
      description: 'interface to capture from, more than once for several (setting capture.interface)',
    },
    filter: { type: 'string', value: 'EXPRESSION', description: 'pcap filter (setting capture.filter)' },
    port: { type: 'string', value: 'PORT', description: 'port of the API (setting api.port)' },
  },
  settings: { interface: 'capture.interface', filter: 'capture.filter' },
  examples: [
    ['bittern up', 'as bittern.yaml says'],
    ["bittern up -i eth1 --filter 'tcp port 8080'", 'without a configuration file'],
  ],
  positionals: { min: 0, max: 0 },
  service: true,
  run: async (context) => {
    const { args, loaded, signal, print, note } = context;
    const port = args.integer('port', 0, 65_535) ?? loaded.config.api.port;
    const config = { ...loaded.config, api: { ...loaded.config.api, port } };
    const store = await openServiceStore(context, config);
    const observing = await startObserving(context, 'up');
    let otlp: RunningExporter | null = null;
    try {
      otlp = await createExporter(config, store, note);
      if (otlp !== null) {
        observing.add(otlpObserved(otlp.exporter));
        otlp.exporter.start();
      }
      const api = await serveApi(config, store, context, observing.observer);
      const alerting = await startAlerting(config, store).catch(async (error: unknown) => {
        await api.close();
        throw error;
      });
      const told = new AbortController();
      void runStage({ consumers: [], status: () => alerting.status() }, told.signal, note);
      print(`API on ${api.url}`);
      print(`  ${curlLine(config, api, '/api/v1/summary')}`);
      try {
        if (config.capture.interface === '') {
          observing.add(storeObserved(store));
          note('No capture.interface is configured: serving what is stored. Ctrl-C ends it.');
          await untilAborted(signal);
          return EXIT.ok;
        }
        const result = await captureLive({
          config,
          target: await storeTarget(config, store, context.note, () => alerting.nudge()),
          signal,
          observing,
          onReady: () => note(`Capturing on ${config.capture.interface}. Ctrl-C ends it.`),
        });
        if (result.failure !== null) throw result.failure;
        print(`Stored ${storedRows(result.sink ?? { calls: 0, toolExecutions: 0, exchanges: 0 })}.`);
        return EXIT.ok;
      } finally {
        told.abort();
        await alerting.close();
        await api.close();
      }
    } finally {
      await otlp?.close();
      observing.close();
      await store.close();
    }
  },
};
