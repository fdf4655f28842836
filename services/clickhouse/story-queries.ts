/** What the CLI and the API ask of the story: sessions, turns, tool calls, findings. */
import type { Finding, Session, ToolCall, Turn } from '../../schemas/story.ts';
import type { Micros } from '../common/types.ts';
import { askLines } from './lines.ts';
import { type Asked, ask, type ListedCall, listCalls, QUERY_DEFAULTS, whereText } from './queries.ts';
import type { Store } from './store.ts';
import { FINDING_ROWS, SESSION_ROWS, TOOL_CALL_ROWS, TURN_ROWS } from './story-tables.ts';
import type { ColumnKind } from './tables.ts';

type Client = Pick<Store, 'client'>;

export interface SessionFilter {
  readonly agentId?: string | undefined;
  readonly userId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly clientName?: string | undefined;
  readonly outcome?: string | undefined;
  /** µs: sessions that ended at `from` or later, and began before `to`. */
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
}

export interface SessionCursor {
  readonly time: Micros;
  readonly sessionId: string;
}

export interface SessionPage {
  /** Newest first, by their last call. */
  readonly sessions: readonly Session[];
  /** Pass as `before` for the next page; null on the last one. */
  readonly next: SessionCursor | null;
}

interface Named {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly key: string | null;
}

/** Columns under the names of the fields, times as µs. */
function fieldsOf(columns: readonly Named[]): string {
  return columns
    .filter(({ key }) => key !== null && key !== 'version')
    .map(({ name, kind, key }) =>
      kind === 'time' || kind === 'time?' ? `toUnixTimestamp64Micro(${name}) AS ${key}` : `${name} AS ${key}`,
    )
    .join(', ');
}

const MICROS = (name: string): string => `fromUnixTimestamp64Micro({${name}:Int64}, 'UTC')`;

const CONDITIONS: Readonly<Record<keyof SessionFilter, string>> = {
  agentId: 'agent_id = {agentId:String}',
  userId: 'user_id = {userId:String}',
  teamId: 'team_id = {teamId:String}',
  clientName: 'client_name = {clientName:String}',
  outcome: 'outcome = {outcome:String}',
  from: `sessions.ended >= ${MICROS('from')}`,
  to: `sessions.started < ${MICROS('to')}`,
};

interface SessionListOptions {
  readonly limit?: number;
  readonly before?: SessionCursor | null;
  readonly filter?: SessionFilter;
}

/** Sessions, the newest first, `limit` (at most 1,000) a page. */
export async function listSessions(store: Client, options: SessionListOptions = {}): Promise<SessionPage> {
  const limit = Math.min(Math.max(1, options.limit ?? QUERY_DEFAULTS.listLimit), QUERY_DEFAULTS.listLimitMax);
  const { query, params } = sessionsQuery({ ...options, limit });
  const sessions = await ask<Session>(store, query, params);
  const last = sessions.at(-1);
  const next = sessions.length === limit && last !== undefined ? { time: last.ended, sessionId: last.sessionId } : null;
  return { sessions, next };
}

/** The same as JSON texts, any number of them. */
export async function listSessionLines(
  store: Client,
  options: SessionListOptions & { readonly limit: number },
): Promise<Buffer[]> {
  const { query, params } = sessionsQuery(options);
  return askLines(store, query, params);
}

function sessionsQuery({ limit, before, filter = {} }: SessionListOptions): Asked {
  const given = (Object.keys(CONDITIONS) as (keyof SessionFilter)[]).filter((name) => filter[name] !== undefined);
  const conditions = given.map((name) => CONDITIONS[name]);
  const params: Record<string, unknown> = Object.fromEntries(given.map((name) => [name, filter[name]]));
  if (before) {
    conditions.push(`(sessions.ended, session_id) < (${MICROS('beforeTime')}, {beforeId:String})`);
    params.beforeTime = before.time;
    params.beforeId = before.sessionId;
  }
  const query = `SELECT ${fieldsOf(SESSION_ROWS.columns)} FROM sessions ${whereText(conditions)}
     ORDER BY sessions.ended DESC, session_id DESC LIMIT {limit:UInt32}`;
  return { query, params: { ...params, limit } };
}

/** Limits of what one session brings; a longer one says so by `more`. */
export const STORY_LIMITS = { turns: 1000, calls: 1000, toolCalls: 5000, findings: 200 } as const;

export interface StoredSession {
  readonly session: Session;
  readonly turns: readonly Turn[];
  /** Calls in order of time. */
  readonly calls: readonly ListedCall[];
  readonly toolCalls: readonly ToolCall[];
  readonly findings: readonly Finding[];
  /** Sessions that its tool calls started. */
  readonly children: readonly string[];
  /** There is more of it than these lists hold. */
  readonly more: boolean;
}

async function rowsOf<T>(
  store: Client,
  view: string,
  columns: readonly Named[],
  order: string,
  limit: number,
  sessionId: string,
): Promise<T[]> {
  const query = `SELECT ${fieldsOf(columns)} FROM ${view} WHERE session_id = {sessionId:String} ORDER BY ${order} LIMIT {limit:UInt32}`;
  return ask<T>(store, query, { sessionId, limit });
}

/** One session with all that belongs to it; null when there is none of this id. */
export async function getSession(store: Client, sessionId: string): Promise<StoredSession | null> {
  const [session] = await rowsOf<Session>(store, 'sessions', SESSION_ROWS.columns, 'session_id', 1, sessionId);
  if (session === undefined) return null;
  const { turns: turnsMax, calls: callsMax, toolCalls: toolsMax, findings: findingsMax } = STORY_LIMITS;
  const [turns, page, toolCalls, findings, children] = await Promise.all([
    rowsOf<Turn>(store, 'turns', TURN_ROWS.columns, 'turns.started, turn_id', turnsMax, sessionId),
    listCalls(store, { limit: callsMax, filter: { sessionId } }),
    rowsOf<ToolCall>(
      store,
      'tool_calls',
      TOOL_CALL_ROWS.columns,
      'tool_calls.requested, call_id, position',
      toolsMax,
      sessionId,
    ),
    rowsOf<Finding>(store, 'findings', FINDING_ROWS.columns, 'findings.first_seen, finding_id', findingsMax, sessionId),
    ask<{ id: string }>(
      store,
      'SELECT session_id AS id FROM sessions WHERE parent_session_id = {sessionId:String} ORDER BY sessions.started LIMIT 200',
      { sessionId },
    ),
  ]);
  const more = turns.length === turnsMax || page.next !== null || toolCalls.length === toolsMax;
  const calls = page.calls.toReversed();
  return { session, turns, calls, toolCalls, findings, children: children.map(({ id }) => id), more };
}

/** Ids of sessions that begin like this; at most two. */
export async function sessionsLike(store: Client, beginning: string): Promise<string[]> {
  const query =
    'SELECT session_id AS id FROM sessions WHERE startsWith(session_id, {beginning:String}) ORDER BY id = {beginning:String} DESC LIMIT 2';
  return (await ask<{ id: string }>(store, query, { beginning })).map(({ id }) => id);
}
