/** Lists that are read a page at a time in a fixed order: exchanges, turns, tool calls. */
import type { ClickHouseSettings } from '@clickhouse/client';
import type { ExchangeRow } from '../../schemas/call.ts';
import type { ToolCall, Turn } from '../../schemas/story.ts';
import type { Micros } from '../common/types.ts';
import { askLines } from './lines.ts';
import { isOneOf } from './param-chunks.ts';
import { type Asked, ask, IN_ORDER, QUERY_DEFAULTS, whereText } from './queries.ts';
import type { Store } from './store.ts';
import { TOOL_CALL_ROWS, TURN_ROWS } from './story-tables.ts';
import { type ColumnKind, EXCHANGES } from './tables.ts';

type Client = Pick<Store, 'client'>;

interface Named {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly key: string | null;
}

/** How a list is asked for. The time and the ids together are different for every row. */
export interface List<T extends object> {
  readonly from: string;
  readonly columns: readonly Named[];
  readonly time: { readonly column: string; readonly key: keyof T & string };
  readonly ids: readonly { readonly column: string; readonly key: keyof T & string; readonly type: string }[];
  /** Filters by the name of their field. */
  readonly filters: Readonly<Record<string, { readonly column: string; readonly type: string }>>;
  /** The table behind `from`, when that is a view of the newest version of each row; `key`: what it is sorted by before the ids. */
  readonly versions?: { readonly table: string; readonly key: string };
}

export interface Place {
  readonly time: Micros;
  /** In the order of `List.ids`. */
  readonly ids: readonly (string | number)[];
}

export interface ListOptions {
  readonly limit: number;
  readonly before: Place | null;
  /** By names of `List.filters`, and `from` (included) and `to` (not) in µs of the list's time. */
  readonly filter: Readonly<Record<string, unknown>>;
}

export interface Page<T> {
  readonly rows: readonly T[];
  readonly next: Place | null;
}

const micros = (name: string): string => `fromUnixTimestamp64Micro({${name}:Int64}, 'UTC')`;

const fieldOf = ({ name, kind, key }: Named): string =>
  kind === 'time' || kind === 'time?' ? `toUnixTimestamp64Micro(${name}) AS ${key}` : `${name} AS ${key}`;

interface Conditions {
  readonly conditions: string[];
  readonly params: Record<string, unknown>;
}

/** `from`: the table or view whose columns are meant, where their names are those of fields too. */
function conditionsOf<T extends object>(list: List<T>, from: string, { before, filter }: ListOptions): Conditions {
  const params: Record<string, unknown> = {};
  const time = `${from}.${list.time.column}`;
  const conditions: string[] = [];
  for (const [name, { column, type }] of Object.entries(list.filters)) {
    if (filter[name] === undefined) continue;
    conditions.push(`${column} = {${name}:${type}}`);
    params[name] = filter[name];
  }
  for (const [name, compare] of [
    ['from', '>='],
    ['to', '<'],
  ] as const) {
    if (filter[name] === undefined) continue;
    conditions.push(`${time} ${compare} ${micros(name)}`);
    params[name] = filter[name];
  }
  if (before !== null) {
    conditions.push(`${time} <= ${micros('beforeTime')}`, `${placeOf(list, from)} < ${placeParam(list, 'before')}`);
    Object.assign(params, placeParams('before', before));
  }
  return { conditions, params };
}

const placeOf = <T extends object>(list: List<T>, from: string): string =>
  `(${[`${from}.${list.time.column}`, ...list.ids.map(({ column }) => column)].join(', ')})`;

const placeParam = <T extends object>(list: List<T>, name: string): string =>
  `(${[micros(`${name}Time`), ...list.ids.map(({ type }, at) => `{${name}${at}:${type}}`)].join(', ')})`;

function placeParams(name: string, { time, ids }: Place): Record<string, unknown> {
  return { [`${name}Time`]: time, ...Object.fromEntries(ids.map((id, at) => [`${name}${at}`, id])) };
}

const orderOf = <T extends object>(list: List<T>, from: string): string =>
  [`${from}.${list.time.column}`, ...list.ids.map(({ column }) => column)].map((each) => `${each} DESC`).join(', ');

/** Rows, the newest first, `limit` (at most 1,000) a page; `next` is the `before` of the following page, null on the last one. */
export async function listRows<T extends object>(store: Client, list: List<T>, options: ListOptions): Promise<Page<T>> {
  const limit = Math.min(Math.max(1, options.limit), QUERY_DEFAULTS.listLimitMax);
  return pageOf(list, await rowsOf<T, T[]>(store, list, { ...options, limit }, ask<T>), limit);
}

/** The same as JSON texts, any number of them. */
export const listLines = <T extends object>(store: Client, list: List<T>, options: ListOptions): Promise<Buffer[]> =>
  rowsOf<T, Buffer[]>(store, list, options, askLines);

/** `ask` or `askLines`: in which form the rows come. */
type Asking<Rows> = (
  store: Client,
  query: string,
  params: Record<string, unknown>,
  settings: ClickHouseSettings,
) => Promise<Rows>;

async function rowsOf<T extends object, Rows extends readonly unknown[]>(
  store: Client,
  list: List<T>,
  options: ListOptions,
  asking: Asking<Rows>,
): Promise<Rows> {
  const newest = list.versions === undefined ? null : await newestByPlaces(store, list, options);
  if (newest !== null) {
    const rows = await asking(store, newest.query, newest.params, { max_threads: 1 });
    if (newest.whole || rows.length === options.limit) return rows;
  }
  const { query, params } = inOrder(list, options);
  return asking(store, query, params, IN_ORDER);
}

/** Where a row stands. */
export function placeIn<T extends object>(list: List<T>, row: T): Place {
  return { time: row[list.time.key] as Micros, ids: list.ids.map(({ key }) => row[key] as string | number) };
}

function pageOf<T extends object>(list: List<T>, rows: readonly T[], limit: number): Page<T> {
  const last = rows.length === limit ? rows.at(-1) : undefined;
  return { rows, next: last === undefined ? null : placeIn(list, last) };
}

function inOrder<T extends object>(list: List<T>, options: ListOptions): Asked {
  const { conditions, params } = conditionsOf(list, list.from, options);
  return {
    query: `SELECT ${list.columns.map(fieldOf).join(', ')} FROM ${list.from} ${whereText(conditions)} ORDER BY ${orderOf(list, list.from)} LIMIT {limit:UInt32}`,
    params: { ...params, limit: options.limit },
  };
}

/** Places that are looked at for one row of the page: an older version of a row may stand at a place of its own. */
const PLACES_A_ROW = 3;

/**
 * A page of the newest versions, without making these of the whole table (FINAL): first the places of as many versions as will do, newest or not,
 * and then the newest versions of their rows, as far back as the last of these places. Every row of the page is among them, since its newest
 * version stands at its place. Unless this is the `whole` rest of the list, so many may be old ones that rows are missing.
 */
async function newestByPlaces<T extends object>(
  store: Client,
  list: List<T> & Pick<List<T>, 'versions'>,
  options: ListOptions,
): Promise<Asked & { readonly whole: boolean }> {
  const { table, key } = list.versions!;
  const wanted = options.limit * PLACES_A_ROW;
  const { conditions, params } = conditionsOf(list, table, options);
  const ids = list.ids.map(({ column }, at) => `${column} AS id${at}`).join(', ');
  const places = await ask<Record<string, string | number> & { key: string; time: Micros }>(
    store,
    `SELECT toUnixTimestamp64Micro(${table}.${list.time.column}) AS time, ${key} AS key, ${ids} FROM ${table}
     ${whereText(conditions)} ORDER BY ${orderOf(list, table)} LIMIT {wanted:UInt32}`,
    { ...params, wanted },
    { max_threads: 1 },
  );
  const last = places.length === wanted ? places.at(-1) : undefined;
  const until = last && placeParams('until', { time: last.time, ids: list.ids.map((_, at) => last[`id${at}`]!) });
  const keys = isOneOf(
    key,
    'keys',
    places.map((place) => place.key),
  );
  const ids0 = isOneOf(
    list.ids[0]!.column,
    'ids',
    places.map((place) => String(place.id0)),
  );
  return {
    whole: last === undefined,
    query: `SELECT ${list.columns.map(fieldOf).join(', ')} FROM ${table} FINAL
     ${whereText([
       ...conditionsOf(list, table, options).conditions,
       keys.condition,
       ids0.condition,
       ...(until === undefined ? [] : [`${placeOf(list, table)} >= ${placeParam(list, 'until')}`]),
     ])} ORDER BY ${orderOf(list, table)} LIMIT {limit:UInt32}`,
    params: {
      ...params,
      ...until,
      limit: options.limit,
      ...keys.params,
      ...ids0.params,
    },
  };
}

const texts = (columns: Readonly<Record<string, string>>): List<never>['filters'] =>
  Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, { column, type: 'String' }]));

const told = <T extends Named>(columns: readonly T[], without: readonly string[] = []): T[] =>
  columns.filter(({ key }) => key !== null && key !== 'version' && !without.includes(key));

/** An exchange as lists show it. */
export type ListedExchange = Omit<ExchangeRow, 'requestHeaders' | 'responseHeaders'>;

export const EXCHANGE_LIST: List<ListedExchange> = {
  from: 'exchanges',
  columns: told(EXCHANGES.columns, ['requestHeaders', 'responseHeaders']),
  time: { column: 'started', key: 'started' },
  ids: [{ column: 'exchange_id', key: 'exchangeId', type: 'String' }],
  filters: {
    ...texts({
      agentId: 'agent_id',
      host: 'host',
      method: 'method',
      path: 'path',
      outcome: 'outcome',
      completeness: 'completeness',
      clientName: 'client_name',
      credential: 'credential',
      upgrade: 'upgrade',
      network: 'network',
      probe: 'probe',
      origin: 'origin',
    }),
    status: { column: 'status', type: 'UInt16' },
  },
};

export const TURN_LIST: List<Turn> = {
  from: 'turns',
  columns: told(TURN_ROWS.columns),
  time: { column: 'started', key: 'started' },
  ids: [{ column: 'turn_id', key: 'turnId', type: 'String' }],
  filters: texts({
    sessionId: 'session_id',
    threadId: 'thread_id',
    agentId: 'agent_id',
    userId: 'user_id',
    teamId: 'team_id',
    clientName: 'client_name',
    outcome: 'outcome',
  }),
};

/** A tool call as lists show it: its arguments are content. */
export type ListedToolCall = Omit<ToolCall, 'arguments' | 'resultPreview'>;

export const TOOL_CALL_LIST: List<ListedToolCall> = {
  from: 'tool_calls',
  versions: { table: 'tool_call_rows', key: 'session_id' },
  columns: told(TOOL_CALL_ROWS.columns, ['arguments', 'resultPreview']),
  time: { column: 'requested', key: 'requested' },
  ids: [
    { column: 'call_id', key: 'callId', type: 'String' },
    { column: 'position', key: 'position', type: 'UInt32' },
  ],
  filters: {
    ...texts({
      toolCallId: 'tool_call_id',
      callId: 'call_id',
      sessionId: 'session_id',
      threadId: 'thread_id',
      turnId: 'turn_id',
      agentId: 'agent_id',
      teamId: 'team_id',
      tool: 'tool_name',
      mcpServer: 'mcp_server',
      resultCallId: 'result_call_id',
    }),
    isError: { column: 'is_error', type: 'Bool' },
    serverSide: { column: 'server_side', type: 'Bool' },
  },
};

/** One exchange with its headers; null when there is none. */
export async function getExchange(store: Client, exchangeId: string): Promise<ExchangeRow | null> {
  const query = `SELECT ${EXCHANGES.columns.map(fieldOf).join(', ')} FROM exchanges WHERE exchange_id = {exchangeId:String} LIMIT 1`;
  return (await ask<ExchangeRow>(store, query, { exchangeId }))[0] ?? null;
}

/** One turn by its id; null when there is none. */
export async function getTurn(store: Client, turnId: string): Promise<Turn | null> {
  const query = `SELECT ${TURN_LIST.columns.map(fieldOf).join(', ')} FROM turns WHERE turn_id = {turnId:String} LIMIT 1`;
  return (await ask<Turn>(store, query, { turnId }))[0] ?? null;
}

const WHOLE_TOOL_CALL = told(TOOL_CALL_ROWS.columns);

/** One tool call with its arguments; null when there is none. `position`: 0 … 2^32 − 1. */
export async function getToolCall(store: Client, callId: string, position: number): Promise<ToolCall | null> {
  const query = `SELECT ${WHOLE_TOOL_CALL.map(fieldOf).join(', ')} FROM tool_calls
    WHERE call_id = {callId:String} AND position = {position:UInt32} LIMIT 1`;
  return (await ask<ToolCall>(store, query, { callId, position }))[0] ?? null;
}
