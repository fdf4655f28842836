/**
 * One call that was mirrored twice, on its way to a gateway and from there to the provider. The client's call stays; the gateway's goes
 * from `calls` to `call_hops`, so that calls, tokens and costs count once.
 *
 * Two calls are hops of one when the second lies within the first in time, they end at different servers, and
 *
 *     the gateway's answer names the request id of the provider's answer       request_id
 *     or both answers have one response id                                     response_id
 *     or both requests have one traceparent, and say the same                  traceparent
 *     or they say the same, answer included, and the gateway made the second   content
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Micros } from '../common/types.ts';

/** Clocks of two probes, and the gateway's first and last bytes, µs. */
const SLACK = 250_000;
/** Within this time of each other, µs: the longest call that is looked for. */
const SPAN = 3_600_000_000;
/** Calls that are looked for at a time. */
const IDS_MAX = 700;
/** Calls that are looked at for each, the nearest in time: a thousand calls that look alike must not cost a million looks. */
const CANDIDATES_MAX = 64;
/** Calls that have something in common with those that are looked for at a time. */
const RELATED_MAX = 50_000;
/** Longer ids are no ids that a gateway would pass on. */
const ID_CHARS_MAX = 80;

/** What is read of a call. */
export interface Hop {
  readonly id: string;
  readonly sessionId: string;
  readonly start: Micros;
  readonly end: Micros;
  readonly responseId: string;
  readonly requestId: string;
  readonly upstreamRequestId: string;
  readonly traceparent: string;
  readonly stepId: string;
  /** Of all that the answer says. */
  readonly said: string;
  readonly client: string;
  readonly server: string;
  readonly port: number;
  /** Whose clock its times are of. */
  readonly probe: string;
  readonly outcome: string;
}

export interface FoundHop {
  readonly callId: string;
  readonly sessionId: string;
  readonly hopOf: string;
  readonly evidence: 'request_id' | 'response_id' | 'traceparent' | 'content';
  readonly start: Micros;
}

const COLUMNS = `call_id AS id, session_id AS sessionId, toUnixTimestamp64Micro(request_start) AS start,
  toUnixTimestamp64Micro(coalesce(response_end, request_end, request_start)) AS end, response_id AS responseId, request_id AS requestId,
  upstream_request_id AS upstreamRequestId, traceparent, step_id AS stepId,
  concat(answer_text_hash, ' ', arrayStringConcat(tool_names, ' '), ' ', arrayStringConcat(tool_argument_hashes, ' ')) AS said,
  client_ip AS client, server_ip AS server, server_port AS port, probe, outcome`;

/**
 * Which of two calls that belong together came first. By one clock the first is the one that began first. Times of two can't say that: a
 * quick gateway adds less than they differ, and each would be the next hop of the other. Ends say less than beginnings: clients hang up
 * when they have what they want.
 */
function comesFirst(front: Hop, back: Hop): boolean {
  const [named, reverse] = [front.upstreamRequestId === back.requestId, back.upstreamRequestId === front.requestId];
  if (front.upstreamRequestId !== '' && named) return true;
  if (back.upstreamRequestId !== '' && reverse) return false;
  const [onward, backward] = [front.server === back.client, back.server === front.client];
  if (onward !== backward) return onward;
  if (front.probe === back.probe && front.start !== back.start) return front.start < back.start;
  const longer = front.end - front.start - (back.end - back.start);
  if (longer !== 0) return longer > 0;
  return front.start !== back.start ? front.start < back.start : front.id < back.id;
}

function evidenceOf(front: Hop, back: Hop): FoundHop['evidence'] | null {
  if (!comesFirst(front, back)) return null;
  if (front.id === back.id || (front.server === back.server && front.port === back.port)) return null;
  if (back.start < front.start - SLACK || back.start > front.end) return null;
  // A gateway may read on when its client has left.
  if (back.end > front.end + SLACK && front.outcome !== 'client_abort') return null;
  if (front.upstreamRequestId !== '' && front.upstreamRequestId === back.requestId) return 'request_id';
  if (front.responseId !== '' && front.responseId === back.responseId) return 'response_id';
  const same = front.stepId !== '' && front.stepId === back.stepId && front.said === back.said;
  if (same && front.traceparent !== '' && front.traceparent === back.traceparent) return 'traceparent';
  return same && front.server === back.client && front.said.trim() !== '' ? 'content' : null;
}

/** Calls that have something in common, each group by the time at which they began. */
function groupsOf(calls: readonly Hop[]): Iterable<readonly Hop[]> {
  const groups = new Map<string, Set<Hop>>();
  const put = (kind: string, key: string, call: Hop): void => {
    if (key === '') return;
    const group = groups.get(`${kind} ${key}`);
    if (group === undefined) groups.set(`${kind} ${key}`, new Set([call]));
    else group.add(call);
  };
  for (const call of calls) {
    put('response', call.responseId, call);
    put('request', call.requestId, call);
    put('request', call.upstreamRequestId, call);
    put('step', call.stepId, call);
  }
  return groups
    .values()
    .filter(({ size }) => size > 1)
    .map((group) => [...group].sort((a, b) => a.start - b.start));
}

/** How many of the calls, by the time at which they began, began until then. */
function begunUntil(calls: readonly Hop[], time: Micros): number {
  let [low, high] = [0, calls.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (calls[middle]!.start <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface Pairs {
  readonly hops: readonly FoundHop[];
  /** Calls for which more others were candidates than are looked at. */
  readonly unsearched: number;
}

/** The pairs among `calls`; each call is the next hop of at most one, the nearest that holds it. Takes n log n time. */
export function pairHops(calls: readonly Hop[]): Pairs {
  const found = new Map<string, FoundHop & { readonly length: number }>();
  const unsearched = new Set<string>();
  for (const group of groupsOf(calls)) {
    for (const back of group) {
      const end = begunUntil(group, back.start + SLACK);
      const beyond = group[end - CANDIDATES_MAX - 1];
      if (beyond !== undefined && beyond.end + SLACK >= back.start) unsearched.add(back.id);
      for (const front of group.slice(Math.max(0, end - CANDIDATES_MAX), end)) {
        const evidence = evidenceOf(front, back);
        const length = front.end - front.start;
        if (evidence === null || (found.get(back.id)?.length ?? Number.POSITIVE_INFINITY) <= length) continue;
        const { id: callId, sessionId, start } = back;
        found.set(callId, { callId, sessionId, hopOf: front.id, evidence, start, length });
      }
    }
  }
  const hops = [...found.values()].map(({ length: _, ...hop }) => hop);
  return { hops, unsearched: unsearched.size };
}

export class Hops {
  readonly #client: ClickHouseClient;
  #unsearched = 0;

  constructor(client: ClickHouseClient) {
    this.#client = client;
  }

  /** Calls for which more others were candidates than are looked at. */
  get unsearched(): number {
    return this.#unsearched;
  }

  /** The hops that these calls are, or are the first of. */
  async find(callIds: readonly string[], from: Micros, to: Micros): Promise<FoundHop[]> {
    const found = new Map<string, FoundHop>();
    for (let at = 0; at < callIds.length; at += IDS_MAX) {
      for (const hop of await this.#find(callIds.slice(at, at + IDS_MAX), from, to)) found.set(hop.callId, hop);
    }
    return [...found.values()];
  }

  async #find(ids: readonly string[], from: Micros, to: Micros): Promise<readonly FoundHop[]> {
    const range =
      'request_start BETWEEN fromUnixTimestamp64Micro({from:Int64}) AND fromUnixTimestamp64Micro({to:Int64})';
    const fresh = await this.#calls(`call_id IN {ids:Array(String)} AND ${range}`, { ids, from, to });
    const of = (key: 'responseId' | 'requestId' | 'upstreamRequestId' | 'stepId'): string[] => [
      ...new Set(fresh.map((call) => call[key]).filter((value) => value !== '' && value.length <= ID_CHARS_MAX)),
    ];
    const params = {
      responses: of('responseId'),
      requests: of('requestId'),
      upstream: of('upstreamRequestId'),
      steps: of('stepId'),
    };
    const related = [
      'response_id IN {responses:Array(String)}',
      'request_id IN {upstream:Array(String)}',
      'upstream_request_id IN {requests:Array(String)}',
      'step_id IN {steps:Array(String)}',
    ].join(' OR ');
    const others = await this.#calls(`${range} AND (${related}) LIMIT ${RELATED_MAX}`, {
      ...params,
      from: from - SPAN,
      to: to + SPAN,
    });
    const all = new Map([...others, ...fresh].map((call) => [call.id, call]));
    const { hops, unsearched } = pairHops([...all.values()]);
    this.#unsearched += others.length < RELATED_MAX ? unsearched : fresh.length;
    return hops;
  }

  /** Moves the calls out of `calls`. Done twice, it is done once. */
  async move(hops: readonly FoundHop[]): Promise<void> {
    for (let at = 0; at < hops.length; at += IDS_MAX) await this.#move(hops.slice(at, at + IDS_MAX));
  }

  async #move(hops: readonly FoundHop[]): Promise<void> {
    const starts = hops.map(({ start }) => start);
    const params = {
      ids: hops.map(({ callId }) => callId),
      fronts: hops.map(({ hopOf }) => hopOf),
      evidence: hops.map(({ evidence }) => evidence),
      from: Math.min(...starts),
      to: Math.max(...starts),
    };
    const where =
      'call_id IN {ids:Array(String)} AND request_start BETWEEN fromUnixTimestamp64Micro({from:Int64}) AND fromUnixTimestamp64Micro({to:Int64})';
    await this.#client.command({
      query: `INSERT INTO call_hops (call_id, hop_of, evidence, request_start, row)
        SELECT call_id, transform(call_id, {ids:Array(String)}, {fronts:Array(String)}, ''),
          transform(call_id, {ids:Array(String)}, {evidence:Array(String)}, ''), request_start, formatRowNoNewline('JSONEachRow', *)
        FROM calls WHERE ${where}`,
      query_params: params,
    });
    await this.#client.command({
      query: `DELETE FROM calls WHERE ${where}`,
      query_params: params,
      clickhouse_settings: { lightweight_deletes_sync: '2' },
    });
  }

  async #calls(where: string, params: Record<string, unknown>): Promise<Hop[]> {
    const result = await this.#client.query({
      query: `SELECT ${COLUMNS} FROM calls WHERE NOT provisional AND ${where}`,
      query_params: params,
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0, max_threads: 1 },
    });
    return result.json<Hop>();
  }
}
