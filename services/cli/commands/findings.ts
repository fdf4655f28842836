import type { Finding } from '../../../schemas/story.ts';
import { type FindingCursor, type FindingFilter, type FindingPage, listFindings } from '../../clickhouse/findings.ts';
import { type CommandBody, EXIT, usageError } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import { formatCount, formatUsd } from '../terminal/units.ts';

const LIMIT_MAX = 1000;
const ID_SHOWN = 12;

function table(findings: readonly Finding[]): string {
  const columns: Column<Finding>[] = [
    { title: 'SINCE (UTC)', value: (row) => formatTime(row.firstSeen).slice(0, 19) },
    { title: 'FINDING', value: (row) => row.findingId.slice(0, ID_SHOWN) },
    { title: 'LEVEL', value: (row) => row.level },
    { title: 'STATE', value: (row) => row.state },
    { title: 'KIND', value: (row) => (row.kind === 'rule' ? `rule ${row.rule}` : row.kind), widthMax: 28 },
    { title: 'AGENT', value: (row) => row.agentId || '–', widthMax: 20 },
    { title: 'TIMES', value: (row) => formatCount(row.occurrences), align: 'right' },
    { title: 'WASTED', value: (row) => formatCount(row.wastedTokens), align: 'right' },
    { title: 'COST', value: (row) => formatUsd(row.wastedCostUsd), align: 'right' },
    { title: 'SUMMARY', value: (row) => row.summary, widthMax: 80 },
  ];
  // A pipe gets all of it.
  return renderTable(findings, columns, process.stdout.isTTY ? process.stdout.columns : undefined);
}

/** @throws BitternError BIT_USAGE */
function parseCursor(text: string): FindingCursor {
  const match = /^(\d{1,17})-([0-9a-f]{1,64})$/.exec(text);
  if (match === null) throw usageError(`'${text}' is not a cursor; take one that a page before this ended with.`);
  return { time: Number(match[1]), findingId: match[2] ?? '' };
}

const FILTERS = {
  state: 'state',
  kind: 'kind',
  rule: 'rule',
  level: 'level',
  agent: 'agentId',
  team: 'teamId',
  session: 'sessionId',
  tool: 'tool',
} as const;

export const findings: CommandBody = {
  usage: '[options]',
  details:
    "One line a finding, the newest first. WASTED counts the tokens of the calls beyond the first of their kind. 'bittern finding ID' shows the evidence.",
  options: {
    limit: { type: 'string', short: 'n', value: 'N', description: 'so many findings (default 20, at most 1000)' },
    before: { type: 'string', value: 'CURSOR', description: 'go on where a page ended' },
    state: { type: 'string', value: 'WORD', description: 'only open or resolved ones' },
    kind: {
      type: 'string',
      value: 'KIND',
      description: 'only of this kind: exact_repeat, cycle, retry_storm, …, rule',
    },
    rule: { type: 'string', value: 'NAME', description: 'only of this rule' },
    level: { type: 'string', value: 'LEVEL', description: 'only of this level: note, alert, critical' },
    agent: { type: 'string', value: 'NAME', description: 'only of this agent' },
    team: { type: 'string', value: 'NAME', description: 'only of this team' },
    session: { type: 'string', value: 'ID', description: 'only of this session' },
    tool: { type: 'string', value: 'NAME', description: 'only about this tool' },
  },
  examples: [
    ['bittern findings --state open --level critical', 'what needs somebody now'],
    ['bittern findings --agent ops-loop --json', 'one JSON object a line'],
  ],
  positionals: { min: 0, max: 0 },
  run: async ({ args, loaded, json, print, note }) => {
    const filter: { -readonly [K in keyof FindingFilter]: FindingFilter[K] } = {};
    for (const [option, field] of Object.entries(FILTERS)) filter[field] = args.text(option);
    const before = args.text('before');
    const cursor = before === undefined ? null : parseCursor(before);
    const limit = args.integer('limit', 1, LIMIT_MAX) ?? 20;
    const store = await openConfiguredStore(loaded.config);
    let page: FindingPage;
    try {
      page = await listFindings(store, { limit, before: cursor, filter });
    } finally {
      await store.close();
    }
    if (json) for (const row of page.findings) print(JSON.stringify(row));
    else if (page.findings.length === 0) note('No findings.');
    else print(table(page.findings));
    if (!json && page.next !== null) note(`More: add --before ${page.next.time}-${page.next.findingId}`);
    return EXIT.ok;
  },
};
