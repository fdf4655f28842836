import type { Session } from '../../../schemas/story.ts';
import { listSessions, type SessionCursor, type SessionFilter } from '../../clickhouse/story-queries.ts';
import { type CommandBody, EXIT, usageError } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import { formatCount, formatMs, formatUsd } from '../terminal/units.ts';

const LIMIT_MAX = 1000;

function table(sessions: readonly Session[]): string {
  const columns: Column<Session>[] = [
    { title: 'LAST CALL (UTC)', value: (row) => formatTime(row.ended) },
    { title: 'SESSION', value: (row) => row.sessionId, widthMax: 36 },
    { title: 'AGENT', value: (row) => row.agentId || '–', widthMax: 20 },
    { title: 'TURNS', value: (row) => formatCount(row.turns), align: 'right' },
    { title: 'CALLS', value: (row) => formatCount(row.calls + row.subagentCalls), align: 'right' },
    { title: 'TOOLS', value: (row) => formatCount(row.toolCalls), align: 'right' },
    { title: 'ERRORS', value: (row) => formatCount(row.toolErrors), align: 'right' },
    { title: 'OUTCOME', value: (row) => (row.ambiguous ? `${row.outcome} (ambiguous)` : row.outcome), widthMax: 22 },
    { title: 'LASTED', value: (row) => formatMs((row.ended - row.started) / 1000), align: 'right' },
    { title: 'COST', value: (row) => formatUsd(row.costUsd), align: 'right' },
    { title: 'ASKED', value: (row) => row.firstPrompt, widthMax: 48 },
  ];
  return renderTable(sessions, columns, process.stdout.isTTY ? process.stdout.columns : undefined);
}

/** A session id may hold anything: the time comes first. */
export function sessionCursorText(cursor: SessionCursor): string {
  return `${cursor.time}-${cursor.sessionId}`;
}

/** @throws BitternError BIT_USAGE */
export function parseSessionCursor(text: string): SessionCursor {
  const match = /^(\d{1,17})-(.{1,300})$/s.exec(text);
  if (match === null) throw usageError(`'${text}' is not a cursor; take one that a page before this ended with.`);
  return { time: Number(match[1]), sessionId: match[2] ?? '' };
}

const FILTERS = { agent: 'agentId', user: 'userId', team: 'teamId', client: 'clientName', outcome: 'outcome' } as const;

export const sessions: CommandBody = {
  usage: '[options]',
  details: [
    'One line a session (a conversation), the one with the newest call first. `bittern session ID` tells one. OUTCOME is that of the newest',
    'turn; (ambiguous): several agents may be in it that nothing in the traffic tells apart.',
  ].join('\n'),
  options: {
    limit: { type: 'string', short: 'n', value: 'N', description: 'so many sessions (default 20, at most 1000)' },
    before: { type: 'string', value: 'CURSOR', description: 'go on where a page ended' },
    agent: { type: 'string', value: 'NAME', description: 'only of this agent' },
    user: { type: 'string', value: 'ID', description: 'only of this user' },
    team: { type: 'string', value: 'ID', description: 'only of this team' },
    client: { type: 'string', value: 'NAME', description: 'only of this client program, such as claude-code' },
    outcome: {
      type: 'string',
      value: 'WORD',
      description: 'only with this outcome: open, answered, length, refused, error, aborted',
    },
  },
  examples: [
    ['bittern sessions --agent ops-loop', 'what one agent did'],
    ['bittern sessions --outcome error --json', 'sessions whose newest turn failed, one JSON object a line'],
  ],
  positionals: { min: 0, max: 0 },
  run: async ({ args, loaded, json, print, note }) => {
    const filter: { -readonly [K in keyof SessionFilter]: SessionFilter[K] } = {};
    for (const [option, field] of Object.entries(FILTERS)) filter[field] = args.text(option);
    const before = args.text('before');
    const limit = args.integer('limit', 1, LIMIT_MAX) ?? 20;
    const cursor = before === undefined ? null : parseSessionCursor(before);
    const store = await openConfiguredStore(loaded.config);
    try {
      const page = await listSessions(store, { limit, before: cursor, filter });
      if (json) for (const row of page.sessions) print(JSON.stringify(row));
      else if (page.sessions.length === 0) note('No sessions. Store some calls with: bittern replay FILE');
      else print(table(page.sessions));
      if (!json && page.next !== null) note(`More: add --before ${sessionCursorText(page.next)}`);
      return EXIT.ok;
    } finally {
      await store.close();
    }
  },
};
