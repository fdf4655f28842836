/** The next hop of a call: what the gateway sent on, and in what it differs from what the client had sent. */
import type { ContentHash } from '../common/types.ts';
import { ask, getContents, joinRequest } from './queries.ts';
import type { Store } from './store.ts';

type Client = Pick<Store, 'client'>;
type Row = Readonly<Record<string, unknown>>;

/** Columns whose differences are of interest; times and sizes always differ. */
const COMPARED = [
  'agent_id',
  'session_id',
  'user_id',
  'team_id',
  'credential',
  'client_name',
  'client_version',
  'sdk',
  'dialect',
  'provider',
  'requested_model',
  'model',
  'response_id',
  'request_id',
  'streaming',
  'status',
  'outcome',
  'finish_reason',
  'input_tokens',
  'output_tokens',
  'method',
  'host',
  'path',
  'protocol',
  'server_software',
  'gateway',
  'traceparent',
] as const;

export interface Difference {
  readonly name: string;
  readonly call: string;
  readonly hop: string;
}

export interface NextHop {
  readonly callId: string;
  /** How the two were joined: request_id, response_id, traceparent, content. */
  readonly evidence: string;
  readonly server: string;
  readonly facts: readonly Difference[];
  /** Members of the request's body, where both are stored. */
  readonly body: readonly Difference[];
}

const SHOWN_CHARS = 80;

function shown(value: unknown): string {
  if (value === undefined) return '–';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= SHOWN_CHARS ? text : `${text.slice(0, SHOWN_CHARS)} … (${text.length} characters)`;
}

function differences(names: Iterable<string>, call: Row, hop: Row): Difference[] {
  const found: Difference[] = [];
  for (const name of names) {
    if (JSON.stringify(call[name]) === JSON.stringify(hop[name])) continue;
    found.push({ name, call: shown(call[name]), hop: shown(hop[name]) });
  }
  return found;
}

async function bodyOf(store: Client, row: Row): Promise<Row | null> {
  const parts = (row.request_parts ?? []) as ContentHash[];
  try {
    const text = joinRequest(String(row.request_skeleton ?? ''), parts, await getContents(store, parts));
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Row) : null;
  } catch {
    return null;
  }
}

/** Next hops of a call, the nearest first; none when it wasn't mirrored twice. */
export async function nextHops(store: Client, callId: string): Promise<NextHop[]> {
  const hops = await ask<{ id: string; evidence: string; row: string }>(
    store,
    'SELECT call_id AS id, evidence, row FROM call_hops FINAL WHERE hop_of = {callId:String} ORDER BY request_start, id LIMIT 10',
    { callId },
  );
  if (hops.length === 0) return [];
  const [call] = await ask<Row>(store, 'SELECT * FROM calls WHERE call_id = {callId:String} LIMIT 1', { callId });
  const callBody = call === undefined ? null : await bodyOf(store, call);
  return Promise.all(
    hops.map(async ({ id, evidence, row }): Promise<NextHop> => {
      const hop = JSON.parse(row) as Row;
      const hopBody = await bodyOf(store, hop);
      const names = new Set([...Object.keys(callBody ?? {}), ...Object.keys(hopBody ?? {})]);
      return {
        callId: id,
        evidence,
        server: `${String(hop.server_ip)}:${String(hop.server_port)}`,
        facts: call === undefined ? [] : differences(COMPARED, call, hop),
        body: callBody === null || hopBody === null ? [] : differences(names, callBody, hopBody),
      };
    }),
  );
}
