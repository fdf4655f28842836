/** Reads stored calls as the tracker needs them. */
import type { ClickHouseClient } from '@clickhouse/client';
import { paramChunks } from '../clickhouse/param-chunks.ts';
import type { CallId, Micros } from '../common/types.ts';
import type { AskedFacts, ResultFacts, StoredFacts } from './facts.ts';

/** In the order of `ROW`. */
const COLUMNS = [
  'call_id',
  'session_id',
  'session_source',
  'turn_id',
  'call_kind',
  'thread_id',
  'parent_session_id',
  'parent_thread_id',
  'agent_id',
  'identity_source',
  'user_id',
  'team_id',
  'client_name',
  'credential',
  'network',
  'client_ip',
  "if(model = '', requested_model, model)",
  'response_id',
  'previous_response_id',
  'outcome',
  'finish_reason',
  'toUnixTimestamp64Micro(request_start)',
  'toUnixTimestamp64Micro(coalesce(response_end, request_end, request_start))',
  'ifNull(input_tokens, 0)',
  'ifNull(cache_read_tokens, 0)',
  'ifNull(output_tokens, 0)',
  'cost_usd',
  'user_message_count',
  'message_count',
  'prompt_hash',
  'thread_prompt_hash',
  'opening_hash',
  'step_id',
  'answer_hash',
  'answer_text_hash',
  'tool_names',
  'tool_call_ids',
  'tool_arguments',
  'tool_argument_hashes',
  'tool_prompt_hashes',
  'tool_result_ids',
  'tool_result_names',
  'tool_result_hashes',
  'tool_result_errors',
  'tool_result_agents',
  'tool_result_previews',
  'prompt_preview',
  'answer_preview',
  'retry_count',
] as const;

type Cell = string | number | boolean | null | readonly (string | boolean)[];

function askedOf(row: readonly Cell[], at: number): AskedFacts[] {
  const [names, ids, texts, hashes, prompts] = row.slice(at, at + 5) as (readonly string[])[];
  return names!.map((name, i) => ({
    id: ids![i] ?? '',
    name,
    arguments: texts![i] ?? '',
    argumentsHash: hashes![i] ?? '',
    promptHash: prompts![i] ?? '',
  }));
}

function resultsOf(row: readonly Cell[], at: number): ResultFacts[] {
  const [ids, names, hashes, errors, agents, previews] = row.slice(at, at + 6) as (readonly (string | boolean)[])[];
  const text = (list: readonly (string | boolean)[] | undefined, i: number): string => String(list?.[i] ?? '');
  return ids!.map((id, i) => ({
    id: String(id),
    name: text(names, i),
    hash: text(hashes, i),
    isError: errors?.[i] === true,
    agent: text(agents, i),
    preview: text(previews, i),
  }));
}

function factsOf(row: readonly Cell[]): StoredFacts {
  const text = (i: number): string => row[i] as string;
  const count = (i: number): number => Number(row[i]);
  const place = { sessionId: text(1), threadId: text(5), turnId: text(3), kind: text(4) as StoredFacts['kind'] };
  return {
    row: place,
    callId: text(0) as CallId,
    sessionId: text(1),
    sessionSource: text(2) as StoredFacts['sessionSource'],
    turnId: text(3),
    kind: text(4) as StoredFacts['kind'],
    threadId: text(5),
    parentSessionId: text(6),
    parentThreadId: text(7),
    agentId: text(8),
    identitySource: text(9) as StoredFacts['identitySource'],
    userId: text(10),
    teamId: text(11),
    clientName: text(12),
    credential: text(13),
    network: text(14),
    clientIp: text(15),
    model: text(16),
    responseId: text(17),
    previousResponseId: text(18),
    outcome: text(19) as StoredFacts['outcome'],
    finishReason: text(20) as StoredFacts['finishReason'],
    start: count(21),
    end: count(22),
    inputTokens: count(23),
    cacheReadTokens: count(24),
    outputTokens: count(25),
    costUsd: row[26] === null ? null : count(26),
    userMessageCount: count(27),
    messageCount: count(28),
    promptHash: text(29),
    threadPromptHash: text(30),
    openingHash: text(31),
    stepId: text(32),
    answerHash: text(33),
    answerTextHash: text(34),
    asked: askedOf(row, 35),
    results: resultsOf(row, 40),
    promptPreview: text(46),
    answerPreview: text(47),
    retryCount: count(48),
  };
}

/** A condition on `calls`, with bound parameters; alternatives stand in brackets. */
export interface Condition {
  readonly where: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export class CallReader {
  readonly #client: ClickHouseClient;

  constructor(client: ClickHouseClient) {
    this.#client = client;
  }

  /** The server's time, µs since the epoch: the version of what is read after it. */
  async now(): Promise<Micros> {
    const [[now] = ['0']] = await this.#rows<[string]>('SELECT toString(toUnixTimestamp64Micro(now64(6)))', {});
    return Number(now);
  }

  /**
   * Calls in no order, without provisional ones: they count when the whole ones take their places.
   * A list among the parameters is asked for in parts: a call that matches several of them comes more than once.
   */
  async calls({ where, params }: Condition): Promise<StoredFacts[]> {
    const query = `SELECT ${COLUMNS.join(', ')} FROM calls WHERE NOT provisional AND ${where}`;
    const list = Object.entries(params).find(([, value]) => Array.isArray(value)) as [string, string[]] | undefined;
    if (list === undefined) return (await this.#rows<Cell[]>(query, params)).map(factsOf);
    const calls: StoredFacts[] = [];
    for (const part of paramChunks(list[1])) {
      for (const row of await this.#rows<Cell[]>(query, { ...params, [list[0]]: part })) calls.push(factsOf(row));
    }
    return calls;
  }

  /** Arguments of the tool calls that these calls ask for. `from`, `to`: their starts. */
  async toolArguments(ids: readonly string[], from: Micros, to: Micros): Promise<Map<string, readonly string[]>> {
    const query = `SELECT call_id, tool_arguments FROM calls WHERE call_id IN {ids:Array(String)}
      AND request_start BETWEEN fromUnixTimestamp64Micro({from:Int64}) AND fromUnixTimestamp64Micro({to:Int64})`;
    const texts = new Map<string, readonly string[]>();
    for (const part of paramChunks(ids)) {
      for (const [id, list] of await this.#rows<[string, string[]]>(query, { ids: part, from, to }))
        texts.set(id, list);
    }
    return texts;
  }

  /** Ids of whole calls that were stored since, with the time of storing in seconds since the epoch. */
  async storedSince(seconds: number, limit: number): Promise<(readonly [callId: string, stored: number])[]> {
    const query = `SELECT call_id, toUnixTimestamp(stored) FROM calls WHERE NOT provisional AND stored >= toDateTime({since:UInt32}, 'UTC') ORDER BY stored LIMIT {limit:UInt32}`;
    return this.#rows(query, { since: seconds, limit });
  }

  async #rows<Row>(query: string, params: Readonly<Record<string, unknown>>): Promise<Row[]> {
    const result = await this.#client.query({
      query,
      query_params: { ...params },
      format: 'JSONCompactEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0, max_threads: 1 },
    });
    return (await result.json()) as Row[];
  }
}
