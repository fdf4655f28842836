import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask, listCalls } from '../../clickhouse/queries.ts';
import { summarize } from '../../clickhouse/summary.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { replayFiles } from '../replay.ts';
import { openConfiguredStore } from '../runtime.ts';
import { curlLine, serveApi, untilAborted } from '../serve.ts';
import { renderSummary } from '../summary.ts';
import { storeTarget } from '../target.ts';
import { printable } from '../terminal/table.ts';
import { formatCount, formatMs } from '../terminal/units.ts';

const SAMPLE = fileURLToPath(new URL('../../../load-tests/samples/demo.pcap.gz', import.meta.url));

const ID_SHOWN = 12;
/** Longer commands have their explanation on the line below, in the same column. */
const COMMAND_WIDTH_MAX = 60;
const LOOPS =
  'SELECT agent_id, kind, tool_name, occurrences, wasted_calls, wasted_cost_usd FROM findings ORDER BY occurrences DESC LIMIT 3';

interface StoryLine {
  readonly turns: number;
  readonly tools: number;
  readonly finding: string;
  readonly session: string;
}

const STORY = `SELECT (SELECT count() FROM turns) AS turns, count() AS tools,
  (SELECT argMax(concat(upper(level), ' ', agent_id, ': ', summary), occurrences) FROM findings) AS finding,
  (SELECT argMax(session_id, occurrences) FROM findings) AS session FROM tool_calls`;

/** What to try after the summary, the explanations in one column. */
function nextSteps(dataDir: string | undefined, callId: string | undefined, sessionId: string): string[] {
  const data = dataDir === undefined ? '' : ` --data ${dataDir}`;
  const steps: (readonly [string, string])[] = [
    [`./bittern calls${data}`, 'the newest calls'],
    ...(callId === undefined
      ? []
      : [[`./bittern call ${callId.slice(0, ID_SHOWN)}${data}`, 'one call: times, tokens, prompt, answer'] as const]),
    [`./bittern sessions${data}`, 'conversations: turns, tool calls, cost'],
    ...(sessionId === ''
      ? []
      : [[`./bittern session ${sessionId}${data}`, 'the agent that ran in circles, told turn by turn'] as const]),
    [`./bittern sql${data} "${LOOPS}"`, 'what loops cost'],
    [`./bittern replay FILE${data}`, 'your own capture (pcap, pcapng, .gz, .zst)'],
    [`./bittern doctor${data}`, 'what works here, and what the capture missed'],
  ];
  const widths = steps.map(([command]) => command.length).filter((width) => width <= COMMAND_WIDTH_MAX);
  const column = Math.max(0, ...widths);
  const lines = steps.map(([command, meaning]) =>
    command.length <= column
      ? `  ${command.padEnd(column)}  ${meaning}`
      : `  ${command}\n  ${' '.repeat(column)}  ${meaning}`,
  );
  return ['Try next:', ...lines];
}

export const demo: CommandBody = {
  usage: '[options]',
  details: [
    'Starts the embedded ClickHouse (or uses CLICKHOUSE_URL), replays a capture of real SDK clients that comes with Bittern, prints a',
    'summary and what to try next, and serves the API on loopback until Ctrl-C.',
  ].join('\n'),
  options: { once: { type: 'boolean', description: 'end after the summary instead of serving the API' } },
  examples: [['bittern demo', 'nothing else is needed']],
  positionals: { min: 0, max: 0 },
  run: async (context) => {
    const { args, loaded, signal, print } = context;
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
        openTarget: () => storeTarget(config, store, context.note),
      });
      const already = (result.sink?.alreadyStored ?? 0) > 0 ? ' (it was stored before; nothing is counted twice)' : '';
      print(`Done in ${formatMs(result.elapsedMs)}${already}.\n`);
      const summary = await summarize(store);
      print(renderSummary(summary));
      const [newest] = (await listCalls(store, { limit: 1 })).calls;
      const [story] = await ask<StoryLine>(store, STORY, {});
      print(`\nTurns: ${formatCount(story?.turns ?? 0)}, tool calls: ${formatCount(story?.tools ?? 0)}`);
      if (story?.finding) print(`Found: ${printable(story.finding)}`);
      print('');
      for (const line of nextSteps(args.text('data'), newest?.callId, story?.session ?? '')) print(line);
      if (args.flag('once')) return EXIT.ok;
      const api = await serveApi(config, store, context);
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
