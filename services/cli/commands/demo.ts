import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { listCalls } from '../../clickhouse/queries.ts';
import { summarize } from '../../clickhouse/summary.ts';
import { type Command, EXIT } from '../command.ts';
import { replayFiles } from '../replay.ts';
import { openConfiguredStore } from '../runtime.ts';
import { curlLine, serveApi, untilAborted } from '../serve.ts';
import { renderSummary } from '../summary.ts';
import { storeTarget } from '../target.ts';
import { formatCount, formatMs } from '../terminal/units.ts';

const SAMPLE = fileURLToPath(new URL('../../../load-tests/samples/demo.pcap.gz', import.meta.url));

export const demo: Command = {
  name: 'demo',
  summary: 'See it work: replay the bundled capture, show what happened, serve the API',
  usage: '[options]',
  details: [
    'Starts the embedded ClickHouse (or uses CLICKHOUSE_URL), replays a capture of real SDK clients that comes with Bittern, prints a',
    'summary and what to try next, and serves the API on loopback until Ctrl-C.',
  ].join('\n'),
  options: { once: { type: 'boolean', description: 'end after the summary instead of serving the API' } },
  examples: [['bittern demo', 'nothing else is needed']],
  positionals: { min: 0, max: 0 },
  run: async ({ args, loaded, signal, print }) => {
    const { config } = loaded;
    print('Starting ClickHouse …');
    const store = await openConfiguredStore(config);
    try {
      const where = store.kind === 'embedded' ? `embedded, data in ${path.resolve(config.dataDir)}` : store.url;
      print(`ClickHouse is ready (${where}). Replaying ${path.relative(process.cwd(), SAMPLE) || SAMPLE} …`);
      const result = await replayFiles({
        config,
        files: [SAMPLE],
        signal,
        openTarget: () => storeTarget(config, store),
      });
      const already = (result.sink?.alreadyStored ?? 0) > 0 ? ' (it was stored before; nothing is counted twice)' : '';
      print(`Done in ${formatMs(result.elapsedMs)}${already}.\n`);
      const summary = await summarize(store);
      print(renderSummary(summary));
      const [newest] = (await listCalls(store, { limit: 1 })).calls;
      print('\nTry next:');
      const data = args.text('data') === undefined ? '' : ` --data ${args.text('data')}`;
      print(`  ./bittern calls${data}                       the newest calls`);
      if (newest !== undefined)
        print(
          `  ./bittern call ${newest.callId.slice(0, 12)}${data}            one call: times, tokens, prompt, answer`,
        );
      print(
        `  ./bittern sql${data} "SELECT agent_id, tool_names, count() FROM calls GROUP BY ALL ORDER BY count() DESC LIMIT 5"`,
      );
      print(
        `                                          ${formatCount(summary.totals.calls)} calls in: who asks for the same tool again and again?`,
      );
      print(`  ./bittern replay FILE${data}                 your own capture (pcap, pcapng, .gz, .zst)`);
      print(`  ./bittern doctor${data}                      what works on this machine, and what the capture missed`);
      if (args.flag('once')) return EXIT.ok;
      const api = await serveApi(config, store);
      print(`\nThe API listens on ${api.url} until Ctrl-C. Ask it from another terminal:`);
      print(`  ${curlLine(config, api, '/api/v1/summary')}`);
      await untilAborted(signal);
      await api.close();
      return EXIT.ok;
    } finally {
      await store.close();
    }
  },
};
