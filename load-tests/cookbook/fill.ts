/**
 * Fills a store with calls of the last seven days, made by the engine itself, and with what the tracker would make of them. A thousand
 * sessions at a time, 20 calls each, four turns; every request carries the conversation so far.
 */
import type { Store } from '../../services/clickhouse/store.ts';
import { Hours } from '../../services/tracker/hours.ts';

const AT_ONCE = 50_000;
const SPAN_S = 7 * 86_400;

/** Columns that all tables below are made of; `number` is the call's. */
const FACTS = `
  number AS n, n % 1000 + 1000 * intDiv(n, 20000) AS s, intDiv(n % 20000, 1000) AS k, intDiv(k, 5) AS t, cityHash64(n) AS h,
  toDateTime64({start:UInt32} + n * {span:UInt32} / {calls:UInt32}, 6, 'UTC') AS at,
  concat('session-', toString(s)) AS session, lower(hex(MD5(concat('turn', toString(s), '-', toString(t))))) AS turn,
  lower(hex(MD5(concat('call', toString(n))))) AS id, s % 100 AS a, concat('agent-', toString(a)) AS agent, concat('team-', toString(a % 12)) AS team,
  (a + intDiv(s, 100) % 2) % 8 AS m, concat('model-', toString(m)) AS model_name, ['claude-code', 'codex', 'openai-python', 'opencode', 'goose', 'langchain'][a % 6 + 1] AS client,
  h % 50 = 0 AS failed, k % 5 < 4 AS asks, ['bash', 'read', 'grep', 'edit', 'mcp__web__fetch', 'write'][h % 6 + 1] AS tool,
  100 + pow(h % 1000 / 100, 3) AS ttft, ttft + 500 + h % 20000 AS took, lower(hex(MD5(concat('a', toString(n))))) AS answer`;

/** Prose of 3,000 different words; every 50,000th has a rare one. */
const prose = (words: number, seed: string): string =>
  `concat(arrayStringConcat(arrayMap(i -> concat(['re', 'mar', 'no', 'ti', 'sel', 'wa', 'bi', 'cu', 'fo', 'la'][intDiv(cityHash64(n, i, '${seed}'), 7) % 10 + 1], ['ed', 'sh', 'ter', 'n', 'low'][cityHash64(i, n, '${seed}') % 5 + 1], toString(cityHash64(n, i) % 60)), range(${words})), ' '), if(n % 50000 = 7, ' quagga', ''))`;

const CALLS = `INSERT INTO calls (call_id, connection_id, request_start, request_start_known, request_end, first_byte, first_token, response_end, ttft_ms, ttfb_ms,
    duration_ms, token_gap_p50_ms, token_gap_max_ms, output_tokens_per_second, session_id, session_source, turn_id, call_kind, thread_id, agent_id, user_id, team_id,
    identity_source, credential, client_name, client_version, dialect, provider, requested_model, model, response_id, streaming, status, outcome, error_type, finish_reason,
    completeness, input_tokens, cache_read_tokens, output_tokens, usage_source, cost_usd, tool_names, tool_call_ids, tool_arguments, offered_tools, message_count,
    prompt_preview, answer_preview, client_ip, client_port, server_ip, server_port, host, method, path, server_software, request_id, origin, probe, network,
    request_skeleton, request_parts, response_content)
  SELECT id, lower(hex(MD5(concat('connection', toString(s))))), at, true, at, at + toIntervalMillisecond(toUInt32(ttft) - 10), at + toIntervalMillisecond(toUInt32(ttft)),
    at + toIntervalMillisecond(toUInt32(took)), if(failed, NULL, ttft), ttft - 10, took, 12, if(h % 4000 = 0, 6000, 80 + h % 400), 30 + h % 90, session, 'header', turn,
    if(k = 9, 'compaction', if(k > 16, 'subagent', 'main')), session, agent, concat('user-', toString(s % 500)), team, 'header', concat('fp_', toString(s % 40)), client, concat('1.', toString(s % 9)),
    'openai.chat', ['openai', 'anthropic', 'gcp.gemini', 'vllm'][m % 4 + 1], model_name, model_name, concat('chatcmpl-', substring(answer, 1, 16)), true,
    if(failed, 429, 200), if(failed, 'http_error', 'ok'), if(failed, 'rate_limit_error', ''), if(asks, 'tool_calls', 'stop'), if(h % 500 = 0, 'gap', 'full'), 2000 + k * 900,
    1000 + k * 800, 50 + h % 800, 'reported', if(m = 7, NULL, 0.001 * (1 + h % 50)), if(asks, [tool], []), if(asks, [concat('t', toString(n))], []),
    if(asks, ['{"path":"src/main.ts"}'], []), ['bash', 'read', 'grep', 'edit', 'write', 'mcp__web__fetch', 'never'], 1 + k, substring(${prose(12, 'q')}, 1, 100),
    substring(${prose(12, 'r')}, 1, 100), concat('10.0.', toString(s % 4), '.', toString(s % 200)), 40000, concat('10.1.0.', toString(s % 4)), 8000,
    concat('llm-', toString(s % 4), ':8000'), 'POST', '/v1/chat/completions', 'uvicorn', concat('req_', toString(n)), 'packets', 'probe', 'default',
    concat('{"messages":[', arrayStringConcat(arrayMap(j -> '\\0', range(k + 1)), ','), ']}'),
    arrayMap(j -> lower(hex(MD5(concat('m', toString(s), '-', toString(j))))), range(k + 1)), answer
  FROM (SELECT ${FACTS} FROM numbers({from:UInt64}, {count:UInt64}))`;

const CONTENTS = `INSERT INTO contents (hash, kind, text)
  SELECT lower(hex(MD5(concat('m', toString(s), '-', toString(k))))), 'message', concat('{"role":"user","content":"', ${prose(40, 'q')}, '"}')
    FROM (SELECT ${FACTS} FROM numbers({from:UInt64}, {count:UInt64}))
  UNION ALL SELECT answer, 'response', concat('{"content":"', ${prose(60, 'r')}, '"}') FROM (SELECT ${FACTS} FROM numbers({from:UInt64}, {count:UInt64}))`;

const TOOLS = `INSERT INTO tool_call_rows (tool_call_id, call_id, position, session_id, thread_id, turn_id, agent_id, team_id, tool_name, mcp_server, arguments, requested,
    result_seen, result_preview, is_error, duration_ms, subagent_thread_id, version)
  SELECT concat('t', toString(n)), id, 0, session, session, turn, agent, team, tool, if(tool LIKE 'mcp%', 'web', ''), '{"path":"src/main.ts"}', at, at, substring(${prose(15, 'x')}, 1, 120),
    h % 9 = 0, h % 9000, if(h % 70 = 0, answer, ''), 1
  FROM (SELECT ${FACTS} FROM numbers({from:UInt64}, {count:UInt64})) WHERE asks`;

/** One row for each turn, and one for each session, from those of the calls. */
const TURNS = `INSERT INTO turn_rows (turn_id, session_id, thread_id, agent_id, team_id, client_name, ordinal, started, ended, outcome, calls, retries, tool_calls, input_tokens,
    output_tokens, cost_usd, cost_complete, models, prompt_preview, version)
  SELECT turn_id, any(session_id), any(thread_id), any(agent_id), any(team_id), any(client_name), 1, min(request_start), max(request_start), 'answered', count(),
    countIf(status = 429), sum(length(tool_names)), sum(input_tokens), sum(output_tokens), sum(cost_usd), true, groupUniqArray(model), any(prompt_preview), 1
  FROM calls GROUP BY turn_id SETTINGS max_threads = 2`;

const SESSIONS = `INSERT INTO session_rows (session_id, session_source, agent_id, team_id, client_name, started, ended, turns, calls, tool_calls, input_tokens, output_tokens,
    cost_usd, cost_complete, models, first_prompt, outcome, ambiguous, version)
  SELECT session_id, 'header', any(agent_id), any(team_id), any(client_name), min(request_start), max(request_start), uniqExact(turn_id), count(), sum(length(tool_names)),
    sum(input_tokens), sum(output_tokens), sum(cost_usd), true, groupUniqArray(model), any(prompt_preview), if(cityHash64(session_id) % 50 = 0, 'open', 'answered'),
    cityHash64(session_id) % 90 = 0, 1
  FROM calls GROUP BY session_id`;

const FINDINGS = `INSERT INTO finding_rows (finding_id, kind, level, state, session_id, agent_id, summary, occurrences, first_seen, last_seen, wasted_calls, wasted_tokens, wasted_cost_usd, version)
  SELECT session_id, 'exact_repeat', 'alert', if(cityHash64(session_id) % 900 = 0, 'open', 'resolved'), session_id, agent_id, 'The same call again and again.', 7, started, ended, 6, 20000, 0.05, 1
  FROM session_rows WHERE cityHash64(session_id) % 30 = 0`;

const HEALTH = `INSERT INTO capture_health (health_id, stage, probe, source, from_time, to_time, reason, packets, bytes)
  SELECT toString(number), ['probe', 'http'][number % 2 + 1], 'probe', 'live:eth0', toDateTime64({start:UInt32} + number * 60, 6), toDateTime64({start:UInt32} + number * 60 + 60, 6),
    ['gap', 'kernel', 'not_http'][number % 3 + 1], 3, 4000 FROM numbers(10000)`;

/** Values for the words in capitals of the page, as this data has them. */
export const FILL_VALUES = {
  SESSION: 'session-17',
  TOOL: 'bash',
  REQUEST: 'req_4321',
  WORDS: 'quagga',
} as const;

/** @returns seconds that each table took */
export async function fill(store: Store, calls: number): Promise<Record<string, number>> {
  const seconds: Record<string, number> = {};
  const start = Math.floor(Date.now() / 1000) - SPAN_S;
  const run = async (name: string, query: string, from = 0, count = calls): Promise<void> => {
    const began = performance.now();
    const query_params = { start, span: SPAN_S, calls, from, count };
    await store.client
      .command({ query, query_params, clickhouse_settings: { max_block_size: '8192', max_threads: 2 } })
      .catch((cause: unknown) => {
        throw new Error(`${name} could not be filled`, { cause });
      });
    seconds[name] = (seconds[name] ?? 0) + (performance.now() - began) / 1000;
  };
  for (let from = 0; from < calls; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, calls - from);
    await run('calls', CALLS, from, count);
    await run('contents', CONTENTS, from, count);
    await run('tool_calls', TOOLS, from, count);
  }
  await run('turns', TURNS);
  await run('sessions', SESSIONS);
  await run('findings', FINDINGS);
  await run('capture_health', HEALTH);
  const began = performance.now();
  await new Hours(store.client).refresh(false);
  seconds.call_hours = (performance.now() - began) / 1000;
  return seconds;
}
