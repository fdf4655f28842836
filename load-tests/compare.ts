/**
 * Compares stored calls with a manifest, column by column.
 *
 * A call that lost nothing must be exact. A call that lost bytes must be flagged (completeness other than `full`, or
 * missing_bytes > 0) or, when too little of it was left to know it, absent. A row that stands for no call of the manifest is
 * invented, which is always a difference.
 */
import {
  type CallFacts,
  type ExpectedCall,
  type Manifest,
  TIME_FIELDS,
  type TimeField,
  type Value,
} from './manifest.ts';

/** A row of `calls` as an object with the column names. Times as µs or as `YYYY-MM-DD hh:mm:ss.uuuuuu` (UTC). */
export type Row = Readonly<Record<string, unknown>>;

export interface Comparison {
  /** Sentences, one a difference. Empty = equal. */
  readonly differences: readonly string[];
  /** Calls that lost nothing and have a row. */
  readonly exact: number;
  /** Calls that lost bytes and have a row that says so. */
  readonly flagged: number;
  /** Calls that lost bytes and have no row. */
  readonly unseen: number;
}

const NOT_COMPARED = new Set<string>(['request_id']);
const NULL_OR_ZERO = new Set<string>(['cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens']);
const TOKEN_FIELDS = new Set<string>(['input_tokens', 'output_tokens', ...NULL_OR_ZERO]);

/** µs since the epoch; null when there is no time. */
export function micros(value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string' || value === '') return null;
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z?$/.exec(value);
  if (match === null) return /^\d+$/.test(value) ? Number(value) : null;
  return Date.parse(`${match[1]}T${match[2]}Z`) * 1000 + Number((match[3] ?? '').padEnd(6, '0'));
}

function equal(field: string, wanted: Value, stored: unknown): boolean {
  if (Array.isArray(wanted)) {
    return Array.isArray(stored) && stored.length === wanted.length && wanted.every((item, at) => item === stored[at]);
  }
  if (NULL_OR_ZERO.has(field) && (wanted ?? 0) === 0) return Number(stored ?? 0) === 0;
  if (wanted === null) return stored === null || stored === undefined;
  if (typeof wanted === 'boolean') return stored === wanted || Number(stored) === Number(wanted);
  if (typeof wanted === 'number') return stored !== null && stored !== undefined && Number(stored) === wanted;
  return stored === wanted;
}

function timeEqual(call: ExpectedCall, field: TimeField, wanted: number | null, row: Row): boolean {
  const stored = micros(row[field]);
  if (wanted === null || stored === null) return wanted === stored;
  return stored >= wanted && stored <= (call.latest[field] ?? wanted);
}

function name(call: ExpectedCall): string {
  const { request_id, client_ip, client_port, server_ip, server_port } = call.expected;
  return `call ${call.index} (${request_id}, ${client_ip}:${client_port} > ${server_ip}:${server_port})`;
}

function fieldDifferences(call: ExpectedCall, row: Row): string[] {
  const differences: string[] = [];
  const estimated = call.expected.usage_source === 'none' && row.usage_source === 'estimated';
  const open = call.loss === 'control' ? new Set(['outcome', 'completeness', 'missing_bytes']) : new Set();
  for (const [field, wanted] of Object.entries(call.expected) as [keyof CallFacts, Value | undefined][]) {
    if (wanted === undefined || NOT_COMPARED.has(field) || open.has(field)) continue;
    if (estimated && (field === 'usage_source' || TOKEN_FIELDS.has(field))) continue;
    const stored = row[field];
    const isTime = (TIME_FIELDS as readonly string[]).includes(field);
    const same = isTime
      ? timeEqual(call, field as TimeField, wanted as number | null, row)
      : equal(field, wanted, stored) || (call.either[field] ?? []).some((other) => equal(field, other, stored));
    if (!same) differences.push(`${name(call)}: ${field} is ${show(stored)}, not ${show(wanted)}`);
  }
  return [...differences, ...contentDifferences(call, row)];
}

/** Bodies are compared when the row brings them: `request_json` (the request put together again) and `tool_arguments`. */
function contentDifferences(call: ExpectedCall, row: Row): string[] {
  const differences: string[] = [];
  const request = row.request_json;
  if (typeof request === 'string' && !jsonEqual(request, call.request_body)) {
    differences.push(`${name(call)}: the request put together again isn't the one that was sent`);
  }
  const stored = row.tool_arguments;
  const wanted = call.tool_arguments;
  if (Array.isArray(stored) && call.expected.tool_names !== undefined) {
    const same = stored.length === wanted.length && wanted.every((text, at) => jsonEqual(text, String(stored[at])));
    if (!same) differences.push(`${name(call)}: tool_arguments are ${show(stored)}, not ${show(wanted)}`);
  }
  return differences;
}

function jsonEqual(left: string, right: string): boolean {
  if (left === right) return true;
  try {
    return canonical(JSON.parse(left)) === canonical(JSON.parse(right));
  } catch {
    return false;
  }
}

/** JSON text with sorted keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'not there';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

const tuple = (row: Row): string => [row.client_ip, row.client_port, row.server_ip, row.server_port].join(' ');

/** Rows by planted request id, or else by the response's; the others by addresses and `request_start`, at last by the nearest. A row serves one call only. */
function pair(calls: readonly ExpectedCall[], rows: readonly Row[]): { pairs: Map<ExpectedCall, Row>; left: Set<Row> } {
  const pairs = new Map<ExpectedCall, Row>();
  const left = new Set(rows);
  const byId = new Map<unknown, Row>();
  for (const row of rows) if (!byId.has(row.request_id)) byId.set(row.request_id, row);
  for (const call of calls) {
    const row = call.expected.request_id === '' ? undefined : byId.get(call.expected.request_id);
    if (row === undefined || !left.has(row)) continue;
    pairs.set(call, row);
    left.delete(row);
  }
  const byResponse = new Map([...left].map((row) => [row.response_id, row]));
  for (const call of calls) {
    const { request_id, response_id } = call.expected;
    const row =
      request_id !== '' || response_id === undefined || response_id === '' ? undefined : byResponse.get(response_id);
    if (row === undefined || !left.has(row)) continue;
    pairs.set(call, row);
    left.delete(row);
  }
  const byTuple = Map.groupBy(left, tuple);
  for (const call of calls) {
    if (pairs.has(call)) continue;
    const rowsThere = byTuple.get(tuple({ ...call.expected })) ?? [];
    const row = rowsThere.find((each) => left.has(each) && beginsAt(call, each));
    if (row === undefined) continue;
    pairs.set(call, row);
    left.delete(row);
  }
  for (const call of calls) {
    if (pairs.has(call)) continue;
    const row = nearest(call, byTuple.get(tuple({ ...call.expected })) ?? [], left);
    if (row === null) continue;
    pairs.set(call, row);
    left.delete(row);
  }
  return { pairs, left };
}

function beginsAt(call: ExpectedCall, row: Row): boolean {
  const { request_start: wanted } = call.expected;
  return typeof wanted === 'number' && timeEqual(call, 'request_start', wanted, row);
}

function nearest(call: ExpectedCall, rows: readonly Row[], left: ReadonlySet<Row>): Row | null {
  let best: Row | null = null;
  let distance = Number.POSITIVE_INFINITY;
  const wanted = call.expected.request_start ?? 0;
  for (const row of rows) {
    if (!left.has(row)) continue;
    const away = Math.abs((micros(row.request_start) ?? micros(row.first_byte) ?? 0) - wanted);
    if (away < distance) [best, distance] = [row, away];
  }
  return best;
}

const isFlagged = (row: Row): boolean => row.completeness !== 'full' || Number(row.missing_bytes ?? 0) > 0;

/** `rows`: all rows of `calls` that came from the manifest's capture. */
export function compare(manifest: Manifest, rows: readonly Row[]): Comparison {
  const { pairs, left } = pair(manifest.calls, rows);
  const differences: string[] = [];
  let exact = 0;
  let flagged = 0;
  let unseen = 0;
  for (const call of manifest.calls) {
    const row = pairs.get(call);
    if (call.loss === 'data') {
      if (row === undefined) unseen++;
      else if (isFlagged(row)) flagged++;
      else differences.push(`${name(call)}: lost ${call.lost_bytes} bytes and isn't flagged`);
    } else if (row === undefined && call.loss === 'near') {
      // Its request's head stands in the middle of a packet behind a lost one, where no head may be believed.
      unseen++;
    } else if (row === undefined) {
      differences.push(`${name(call)}: has no row`);
    } else if (call.loss === 'near' && isFlagged(row)) {
      flagged++;
    } else {
      const found = fieldDifferences(call, row);
      differences.push(...found);
      if (found.length === 0) exact++;
    }
  }
  for (const row of left) {
    differences.push(`invented: a row for ${tuple(row)}, request_id ${show(row.request_id)}, model ${show(row.model)}`);
  }
  return { differences, exact, flagged, unseen };
}
