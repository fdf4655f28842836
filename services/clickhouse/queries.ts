/** What the CLI and the API ask of the store. Values go in as bound parameters, never as text of a statement. */
import type { ClickHouseSettings } from '@clickhouse/client';
import type { Call, Content } from '../../schemas/call.ts';
import { BitternError } from '../common/errors.ts';
import type { CallId, ContentHash, Micros } from '../common/types.ts';
import { rebuildRequest as fillSkeleton } from '../llm/request-parts.ts';
import type { Store } from './store.ts';
import { CALLS, type Column } from './tables.ts';

export const QUERY_DEFAULTS = {
  listLimit: 50,
  listLimitMax: 1000,
  /** A query that takes longer is ended. */
  timeoutSeconds: 60,
} as const;

type Client = Pick<Store, 'client'>;

/** Fields that are large or of use for one call only; not in lists. */
export const DETAIL_FIELDS = [
  'requestSkeleton',
  'requestParts',
  'toolArguments',
  'toolArgumentHashes',
  'toolPromptHashes',
  'toolResultIds',
  'toolResultNames',
  'toolResultHashes',
  'toolResultErrors',
  'toolResultAgents',
  'toolResultPreviews',
  'offeredTools',
  'labels',
  'requestHeaders',
  'responseHeaders',
] as const;

/** A call as lists show it. `time` is its place in the order (request start, or the earliest time known). */
export type ListedCall = Omit<Call, (typeof DETAIL_FIELDS)[number]> & { readonly time: Micros };

/** Columns that calls are chosen by as they are, under the names of the fields. */
const EQUAL = {
  agentId: 'agent_id',
  sessionId: 'session_id',
  threadId: 'thread_id',
  turnId: 'turn_id',
  userId: 'user_id',
  teamId: 'team_id',
  callKind: 'call_kind',
  clientName: 'client_name',
  sdk: 'sdk',
  outcome: 'outcome',
  finishReason: 'finish_reason',
  errorType: 'error_type',
  dialect: 'dialect',
  provider: 'provider',
  requestedModel: 'requested_model',
  completeness: 'completeness',
  credential: 'credential',
  host: 'host',
  network: 'network',
  probe: 'probe',
  origin: 'origin',
  processName: 'process_name',
  requestId: 'request_id',
  responseId: 'response_id',
} as const;

export const CALL_TEXT_FILTERS = [...(Object.keys(EQUAL) as (keyof typeof EQUAL)[]), 'model', 'tool'] as const;

/** `model`: requested or answering; `tool`: one that the response asks for. */
export type CallFilter = { readonly [K in (typeof CALL_TEXT_FILTERS)[number]]?: string | undefined } & {
  readonly status?: number | undefined;
  readonly streaming?: boolean | undefined;
  /** µs, `from` included, `to` not. */
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
};

export interface Cursor {
  readonly time: Micros;
  readonly callId: string;
}

export interface CallPage {
  /** Newest first. */
  readonly calls: readonly ListedCall[];
  /** Pass as `before` for the next page; null on the last one. */
  readonly next: Cursor | null;
}

export interface StoredCall {
  readonly call: Call;
  readonly time: Micros;
  /** The stored parts of the request, in its order. Parts whose retention has ended are missing. */
  readonly parts: readonly Content[];
  readonly response: Content | null;
}

const MICROS_PARAM = (name: string) => `fromUnixTimestamp64Micro({${name}:Int64}, 'UTC')`;

const CONDITIONS = {
  ...Object.fromEntries(Object.entries(EQUAL).map(([name, column]) => [name, `${column} = {${name}:String}`])),
  model: '(model = {model:String} OR requested_model = {model:String})',
  tool: 'has(tool_names, {tool:String})',
  status: 'status = {status:UInt16}',
  streaming: 'streaming = {streaming:Bool}',
  from: `request_start >= ${MICROS_PARAM('from')}`,
  to: `request_start < ${MICROS_PARAM('to')}`,
} as Readonly<Record<keyof CallFilter, string>>;

/** A WHERE clause and its parameters; only what is given is asked for. */
export function whereOf(filter: CallFilter): {
  readonly conditions: string[];
  readonly params: Record<string, unknown>;
} {
  const conditions: string[] = [];
  const params: Record<string, unknown> = {};
  for (const name of Object.keys(CONDITIONS) as (keyof CallFilter)[]) {
    if (filter[name] === undefined) continue;
    conditions.push(CONDITIONS[name]);
    params[name] = filter[name];
  }
  return { conditions, params };
}

/** What a list is asked for. */
export interface CallListOptions {
  readonly limit?: number;
  readonly before?: Cursor | null;
  readonly filter?: CallFilter;
}

/** Calls, newest first, `limit` (at most 1,000) a page. A cursor, not an offset: nothing is skipped or shown twice while calls arrive. */
export async function listCalls(store: Client, options: CallListOptions = {}): Promise<CallPage> {
  const limit = Math.min(Math.max(1, options.limit ?? QUERY_DEFAULTS.listLimit), QUERY_DEFAULTS.listLimitMax);
  const { places, next } = await listCallPlaces(store, { ...options, limit });
  return { calls: await callsAt(store, places), next };
}

/** Reads of an order with a limit know from each part's first row whether it comes into it, before they read a block of every part. */
export const IN_ORDER = { max_threads: 1, read_in_order_use_virtual_row: 1 } as const;

/** The places of a page's calls: which they are, without what stands in them. */
export async function listCallPlaces(
  store: Client,
  options: CallListOptions & { readonly limit: number },
): Promise<{ readonly places: readonly Cursor[]; readonly next: Cursor | null }> {
  const { limit } = options;
  const { conditions, params } = whereOf(options.filter ?? {});
  if (options.before) {
    conditions.push(`request_start <= ${MICROS_PARAM('beforeTime')}`);
    conditions.push(`(request_start, call_id) < (${MICROS_PARAM('beforeTime')}, {beforeId:String})`);
    params.beforeTime = options.before.time;
    params.beforeId = options.before.callId;
  }
  const places = await ask<Cursor>(
    store,
    `SELECT toUnixTimestamp64Micro(request_start) AS time, call_id AS callId FROM calls ${whereText(conditions)}
     ORDER BY request_start DESC, call_id DESC LIMIT {limit:UInt32}`,
    { ...params, limit },
    IN_ORDER,
  );
  const last = places.length === limit ? places.at(-1) : undefined;
  return { places, next: last ?? null };
}

/** A time as a DateTime64 parameter takes it: seconds. */
const secondsText = (time: Micros): string => `${Math.floor(time / 1e6)}.${String(time % 1e6).padStart(6, '0')}`;

/**
 * The calls at these places, newest first; those that have gone are left out. A step of its own, because ClickHouse reads a block of every
 * column from every part for an order with a limit: over a million calls that is ten times as slow (npm run bench:api).
 */
export async function callsAt(store: Client, places: readonly Cursor[]): Promise<ListedCall[]> {
  if (places.length === 0) return [];
  const { query, params, settings } = placedCalls(places);
  return ask<ListedCall>(store, query, params, settings);
}

/** The query of `callsAt`. */
export function placedCalls(places: readonly Cursor[]): Asked {
  return {
    query: `SELECT ${LISTED} FROM calls
     PREWHERE request_start IN {times:Array(DateTime64(6, 'UTC'))} AND call_id IN {ids:Array(String)}
     ORDER BY calls.request_start DESC, call_id DESC`,
    params: { times: places.map(({ time }) => secondsText(time)), ids: places.map(({ callId }) => callId) },
    settings: { max_threads: 1, use_skip_indexes: 0 },
  };
}

/** One call with its contents; null when there is none of this id. */
export async function getCall(store: Client, callId: string): Promise<StoredCall | null> {
  const fields = fieldsOf(CALLS.columns.filter((column) => column.key !== null));
  const rows = await ask<Call & { time: Micros }>(
    store,
    `SELECT ${fields} FROM calls WHERE call_id = {callId:String} LIMIT 1`,
    { callId },
  );
  const row = rows[0];
  if (row === undefined) return null;
  const { time, ...call } = row;
  const hashes = call.responseContent === '' ? call.requestParts : [...call.requestParts, call.responseContent];
  const contents = await getContents(store, hashes);
  return {
    call,
    time,
    parts: call.requestParts.flatMap((hash) => contents.get(hash) ?? []),
    response: call.responseContent === '' ? null : (contents.get(call.responseContent) ?? null),
  };
}

/** Contents by hash. */
export async function getContents(
  store: Client,
  hashes: readonly ContentHash[],
): Promise<ReadonlyMap<ContentHash, Content>> {
  if (hashes.length === 0) return new Map();
  const rows = await ask<Content>(
    store,
    'SELECT hash, kind, text FROM contents WHERE hash IN {hashes:Array(String)} LIMIT 1 BY hash',
    { hashes: [...new Set(hashes)] },
  );
  return new Map(rows.map((content) => [content.hash, content]));
}

/**
 * The text of a call's request as it was sent: the skeleton with its parts in place of the NULs.
 * @throws BitternError BIT_CALL_UNKNOWN, or BIT_CONTENT_MISSING when a part isn't stored (any more).
 */
export async function rebuildRequest(store: Client, callId: CallId | string): Promise<string> {
  const rows = await ask<Pick<Call, 'requestSkeleton' | 'requestParts'>>(
    store,
    `SELECT request_skeleton AS requestSkeleton, request_parts AS requestParts FROM calls
     WHERE call_id = {callId:String} LIMIT 1`,
    { callId },
  );
  const row = rows[0];
  if (row === undefined) {
    throw new BitternError('BIT_CALL_UNKNOWN', `There is no call ${callId}: take an id from "bittern calls".`);
  }
  return joinRequest(row.requestSkeleton, row.requestParts, await getContents(store, row.requestParts));
}

/** Puts parts in place of the skeleton's NULs. @throws BitternError BIT_CONTENT_MISSING */
export function joinRequest(
  skeleton: string,
  parts: readonly ContentHash[],
  contents: ReadonlyMap<ContentHash, Content>,
): string {
  const places = skeleton.split('\0').length - 1;
  if (places !== parts.length) throw missing(`its skeleton has ${places} places for ${parts.length} parts`);
  const texts = parts.map((hash) => {
    const content = contents.get(hash);
    if (content === undefined) throw missing(`content ${hash} is not stored, or no longer`);
    return content.text;
  });
  return fillSkeleton(skeleton, texts);
}

function missing(why: string): BitternError {
  return new BitternError(
    'BIT_CONTENT_MISSING',
    `The request can't be put together: ${why}. Was its retention shorter?`,
  );
}

/**
 * Runs one statement of the user's and streams the answer's bytes in any format of ClickHouse's. Ended after `timeoutSeconds`.
 * A FORMAT clause in the statement wins over `format`. Throws the server's error (`ClickHouseError`).
 */
export async function runSql(
  store: Client,
  sql: string,
  format: string,
  timeoutSeconds: number = QUERY_DEFAULTS.timeoutSeconds,
): Promise<AsyncIterable<Buffer>> {
  const { stream } = await store.client.exec({
    query: sql.replace(/[\s;]+$/, ''),
    http_headers: { 'X-ClickHouse-Format': format },
    clickhouse_settings: { max_execution_time: timeoutSeconds, ...LIMITS },
  });
  return stream;
}

/** So that one careless SELECT leaves the engine able to take inserts. */
export const LIMITS = {
  max_bytes_before_external_group_by: '300000000',
  max_bytes_before_external_sort: '300000000',
  max_threads: 4,
} as const;

/** A query with its parameters, before it is said in which form its rows are wanted: by `ask`, or by `askLines`. */
export interface Asked {
  readonly query: string;
  readonly params: Record<string, unknown>;
  readonly settings?: ClickHouseSettings;
}

/** Runs a query and returns its rows. */
export async function ask<T>(
  store: Client,
  query: string,
  params: Record<string, unknown>,
  settings: ClickHouseSettings = {},
): Promise<T[]> {
  const result = await store.client.query({
    query,
    query_params: params,
    format: 'JSONEachRow',
    clickhouse_settings: { max_execution_time: QUERY_DEFAULTS.timeoutSeconds, ...LIMITS, ...settings },
  });
  return result.json<T>();
}

export function whereText(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
}

/** Columns under the names and in the shape of `Call`: times as µs, an unknown request start as null. */
function fieldsOf(columns: readonly Column<Call>[]): string {
  const fields = columns.map(({ name, kind, key }) => {
    if (name === 'request_start')
      return `if(request_start_known, toUnixTimestamp64Micro(request_start), NULL) AS requestStart`;
    return kind === 'time' || kind === 'time?' ? `toUnixTimestamp64Micro(${name}) AS ${key}` : `${name} AS ${key}`;
  });
  return [...fields, 'toUnixTimestamp64Micro(request_start) AS time'].join(', ');
}

const detail: readonly (string | null)[] = DETAIL_FIELDS;
export const LISTED_COLUMNS = CALLS.columns.filter(({ key }) => key !== null && !detail.includes(key));
export const LISTED = fieldsOf(LISTED_COLUMNS);
