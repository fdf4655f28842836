import { type CallFilter, type CallPage, type Cursor, type ListedCall, listCalls } from '../../clickhouse/queries.ts';
import { type CommandBody, EXIT, usageError } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import { formatCount, formatMs, formatUsd } from '../terminal/units.ts';

const LIMIT_MAX = 1000;
const ID_SHOWN = 12;

function table(calls: readonly ListedCall[]): string {
  const columns: Column<ListedCall>[] = [
    { title: 'TIME (UTC)', value: (row) => formatTime(row.time) },
    { title: 'CALL', value: (row) => row.callId.slice(0, ID_SHOWN) },
    { title: 'AGENT', value: (row) => row.agentId || '–', widthMax: 20 },
    { title: 'MODEL', value: (row) => row.model || row.requestedModel || '–', widthMax: 28 },
    {
      title: 'OUTCOME',
      value: (row) => (row.completeness === 'full' ? row.outcome : `${row.outcome} (${row.completeness})`),
      widthMax: 32,
    },
    { title: 'TTFT', value: (row) => formatMs(row.ttftMs), align: 'right' },
    { title: 'TOOK', value: (row) => formatMs(row.durationMs), align: 'right' },
    { title: 'IN', value: (row) => formatCount(row.inputTokens), align: 'right' },
    { title: 'OUT', value: (row) => formatCount(row.outputTokens), align: 'right' },
    { title: 'COST', value: (row) => formatUsd(row.costUsd), align: 'right' },
    { title: 'TOOLS', value: (row) => row.toolNames.join(' '), widthMax: 24 },
    { title: 'PROMPT', value: (row) => row.promptPreview, widthMax: 40 },
  ];
  // A pipe gets all of it.
  return renderTable(calls, columns, process.stdout.isTTY ? process.stdout.columns : undefined);
}

export function cursorText(cursor: Cursor): string {
  return `${cursor.time}-${cursor.callId}`;
}

/** @throws BitternError BIT_USAGE */
export function parseCursor(text: string): Cursor {
  const match = /^(\d{1,17})-([0-9a-f]{1,64})$/.exec(text);
  if (match === null) throw usageError(`'${text}' is not a cursor; take one that a page before this ended with.`);
  return { time: Number(match[1]), callId: match[2] ?? '' };
}

const FILTERS = {
  agent: 'agentId',
  session: 'sessionId',
  model: 'model',
  outcome: 'outcome',
  dialect: 'dialect',
  tool: 'tool',
} as const;

export const calls: CommandBody = {
  usage: '[options]',
  details:
    'One line a call. TTFT is the time from the end of the request to the first token, for streams. `bittern call ID` shows one whole. A\nterminal shows as many columns as fit.',
  options: {
    limit: { type: 'string', short: 'n', value: 'N', description: 'so many calls (default 20, at most 1000)' },
    before: { type: 'string', value: 'CURSOR', description: 'go on where a page ended' },
    agent: { type: 'string', value: 'NAME', description: 'only of this agent' },
    session: { type: 'string', value: 'ID', description: 'only of this session' },
    model: { type: 'string', value: 'NAME', description: 'only of this model, requested or answering' },
    outcome: {
      type: 'string',
      value: 'WORD',
      description: 'only with this outcome: ok, http_error, stream_error, refused, client_abort, …',
    },
    dialect: { type: 'string', value: 'NAME', description: 'only of this API, such as openai.chat' },
    tool: { type: 'string', value: 'NAME', description: 'only those that ask for this tool' },
  },
  examples: [
    ['bittern calls --agent ops-loop -n 50', 'the last 50 calls of one agent'],
    ['bittern calls --outcome http_error --json', 'failed calls, one JSON object a line'],
  ],
  positionals: { min: 0, max: 0 },
  run: async ({ args, loaded, json, print, note }) => {
    const filter: { -readonly [K in keyof CallFilter]: CallFilter[K] } = {};
    for (const [option, field] of Object.entries(FILTERS)) filter[field] = args.text(option);
    const before = args.text('before');
    const limit = args.integer('limit', 1, LIMIT_MAX) ?? 20;
    const cursor = before === undefined ? null : parseCursor(before);
    const store = await openConfiguredStore(loaded.config);
    let page: CallPage;
    try {
      page = await listCalls(store, { limit, before: cursor, filter });
    } finally {
      await store.close();
    }
    if (json) for (const row of page.calls) print(JSON.stringify(row));
    else if (page.calls.length === 0) note('No calls. Store some with: bittern replay FILE');
    else print(table(page.calls));
    if (!json && page.next !== null) note(`More: add --before ${cursorText(page.next)}`);
    return EXIT.ok;
  },
};
