/** The next hop of a call: what the gateway sent on, and in what it differs from what the client had sent. */
import type { Content } from '../../schemas/call.ts';
import type { ContentHash } from '../common/types.ts';
import { type Difference, type Direction, shown } from '../hops/difference.ts';
import { headerDifferences } from '../hops/header-difference.ts';
import { jsonDifferences } from '../hops/json-difference.ts';
import { ask, getContents, joinRequest } from './queries.ts';
import type { Store } from './store.ts';

type Client = Pick<Store, 'client'>;
type Row = Readonly<Record<string, unknown>>;

/** Columns whose differences are of interest; times and sizes always differ. */
const FACTS = [
  ...['agent_id', 'session_id', 'user_id', 'team_id', 'credential', 'client_name', 'client_version', 'sdk'],
  ...['dialect', 'provider', 'requested_model', 'streaming', 'max_output_tokens', 'temperature', 'message_count'],
  ...['offered_tools', 'method', 'host', 'path', 'protocol', 'traceparent'],
  ...['status', 'outcome', 'error_type', 'error_message', 'model', 'response_id', 'request_id', 'finish_reason'],
  ...['finish_reason_raw', 'input_tokens', 'cache_read_tokens', 'cache_write_tokens', 'output_tokens'],
  ...['reasoning_tokens', 'answer_text_hash', 'tool_names', 'tool_call_ids', 'tool_argument_hashes'],
  ...['server_software', 'gateway'],
] as const;

export interface NextHop {
  readonly callId: string;
  /** How the two were joined: request_id, response_id, traceparent, content. */
  readonly evidence: string;
  readonly server: string;
  readonly facts: readonly Difference[];
  /** Where those of both are stored. */
  readonly requestHeaders: readonly Difference[];
  readonly responseHeaders: readonly Difference[];
  /** Members of the request's body and of the answer, where those of both are stored. */
  readonly body: readonly Difference[];
  readonly answer: readonly Difference[];
}

function factDifferences(call: Row, hop: Row): Difference[] {
  return FACTS.flatMap((name) => {
    const [own, other] = [told(call[name]), told(hop[name])];
    if (JSON.stringify(own) === JSON.stringify(other)) return [];
    return { name, change: 'changed', call: shown(own), hop: shown(other) };
  });
}

/** What a row tells; a hop that was stored by an older release lacks columns, and counts may come as text. */
function told(value: unknown): unknown {
  if (typeof value === 'number') return String(value);
  return value === '' || value === null || (Array.isArray(value) && value.length === 0) ? undefined : value;
}

interface Texts {
  /** Null: not stored. */
  readonly request: string | null;
  readonly answer: string | null;
}

async function textsOf(store: Client, row: Row): Promise<Texts> {
  const parts = (row.request_parts ?? []) as ContentHash[];
  const skeleton = String(row.request_skeleton ?? '');
  const answer = String(row.response_content ?? '') as ContentHash | '';
  const contents = await getContents(store, answer === '' ? parts : [...parts, answer]);
  return {
    request: skeleton === '' ? null : joined(skeleton, parts, contents),
    answer: answer === '' ? null : (contents.get(answer)?.text ?? null),
  };
}

/** Null: a part of it isn't stored any more. */
function joined(skeleton: string, parts: readonly ContentHash[], contents: ReadonlyMap<ContentHash, Content>) {
  try {
    return joinRequest(skeleton, parts, contents);
  } catch {
    return null;
  }
}

function bodyDifferences(call: string | null, hop: string | null, direction: Direction): Difference[] {
  return call === null || hop === null ? [] : jsonDifferences(call, hop, direction);
}

function headDifferences(call: Row, hop: Row, column: string, direction: Direction): Difference[] {
  return headerDifferences(String(call[column] ?? ''), String(hop[column] ?? ''), direction);
}

/** As the table of calls has it, or of a hop that has a next one itself. */
async function rowOf(store: Client, callId: string): Promise<Row | null> {
  const [call] = await ask<Row>(store, 'SELECT * FROM calls WHERE call_id = {callId:String} LIMIT 1', { callId });
  if (call !== undefined) return call;
  const query = 'SELECT row FROM call_hops FINAL WHERE call_id = {callId:String} LIMIT 1';
  const [hop] = await ask<{ row: string }>(store, query, { callId });
  return hop === undefined ? null : (JSON.parse(hop.row) as Row);
}

/** Next hops of a call, the nearest first; none when it wasn't mirrored twice. */
export async function nextHops(store: Client, callId: string): Promise<NextHop[]> {
  const hops = await ask<{ id: string; evidence: string; row: string }>(
    store,
    'SELECT call_id AS id, evidence, row FROM call_hops FINAL WHERE hop_of = {callId:String} ORDER BY request_start, id LIMIT 10',
    { callId },
  );
  if (hops.length === 0) return [];
  const call = await rowOf(store, callId);
  if (call === null) return [];
  const own = await textsOf(store, call);
  return Promise.all(
    hops.map(async ({ id, evidence, row }): Promise<NextHop> => {
      const hop = JSON.parse(row) as Row;
      const texts = await textsOf(store, hop);
      return {
        callId: id,
        evidence,
        server: `${String(hop.server_ip)}:${String(hop.server_port)}`,
        facts: factDifferences(call, hop),
        requestHeaders: headDifferences(call, hop, 'request_headers', 'asked'),
        responseHeaders: headDifferences(call, hop, 'response_headers', 'answered'),
        body: bodyDifferences(own.request, texts.request, 'asked'),
        answer: bodyDifferences(own.answer, texts.answer, 'answered'),
      };
    }),
  );
}
