/** Dashboards on ClickHouse. Over hours and days they read call_hours, and calls only where single ones are shown. */
import type { Dashboard } from './panel.ts';

const SOURCE = 'grafana-clickhouse-datasource';
const AGENT = `$__conditionalAll(agent_id IN ($\{agent:singlequote}), $agent)`;
const HOURS = `FROM call_hours WHERE $__timeFilter(hour) AND ${AGENT}`;
const CALLS = `FROM calls WHERE $__timeFilter(request_start) AND ${AGENT}`;
const TURNS = `FROM turns WHERE $__timeFilter(turns.started) AND ${AGENT}`;
const FINDINGS = `FROM findings WHERE $__timeFilter(last_seen) AND ${AGENT}`;
const BY_HOUR = '$__timeInterval(hour) AS time';
const P95 = (state: string): string => `quantilesTDigestMerge(0.5, 0.95, 0.99)(${state})[2]`;

export const OVERVIEW: Dashboard = {
  name: 'overview',
  title: 'Bittern / Overview',
  source: SOURCE,
  from: 'now-24h',
  panels: [
    { title: 'Calls', kind: 'stat', width: 4, height: 4, query: `SELECT sum(calls) AS calls ${HOURS}` },
    {
      title: 'Cost',
      kind: 'stat',
      width: 4,
      height: 4,
      unit: 'currencyUSD',
      query: `SELECT sum(cost_usd) AS usd ${HOURS}`,
      description: 'A lower bound where prices are not known.',
    },
    {
      title: 'Failed',
      kind: 'stat',
      width: 4,
      height: 4,
      unit: 'percent',
      query: `SELECT 100 * sum(errors) / greatest(sum(calls), 1) AS percent ${HOURS}`,
    },
    {
      title: 'First token, p95',
      kind: 'stat',
      width: 4,
      height: 4,
      unit: 'ms',
      query: `SELECT ${P95('ttft')} AS ms ${HOURS}`,
    },
    { title: 'Agents', kind: 'stat', width: 4, height: 4, query: `SELECT uniqExact(agent_id) AS agents ${HOURS}` },
    {
      title: 'Open findings',
      kind: 'stat',
      width: 4,
      height: 4,
      query: `SELECT count() AS findings FROM findings WHERE state = 'open' AND ${AGENT}`,
    },
    {
      title: 'Calls by model',
      kind: 'bars',
      query: `SELECT ${BY_HOUR}, model, sum(calls) AS calls ${HOURS} GROUP BY time, model ORDER BY time`,
    },
    {
      title: 'Errors by provider',
      kind: 'bars',
      query: `SELECT ${BY_HOUR}, provider, sum(errors) AS errors ${HOURS} GROUP BY time, provider ORDER BY time`,
    },
    {
      title: 'Agents',
      kind: 'table',
      query: `SELECT agent_id, sum(calls) AS all_calls, sum(errors) AS failed, round(sum(cost_usd), 4) AS usd, sum(input_tokens) AS input, sum(output_tokens) AS output ${HOURS} GROUP BY agent_id ORDER BY usd DESC LIMIT 50`,
    },
    {
      title: 'Newest conversations',
      kind: 'table',
      query: `SELECT sessions.ended AS last_call, session_id, agent_id, outcome, turns, calls, round(cost_usd, 4) AS usd, first_prompt FROM sessions WHERE $__timeFilter(sessions.ended) AND ${AGENT} ORDER BY last_call DESC LIMIT 30`,
    },
  ],
};

export const LATENCY: Dashboard = {
  name: 'latency',
  title: 'Bittern / Latency',
  source: SOURCE,
  from: 'now-24h',
  panels: [
    {
      title: 'First token, p95 by model',
      kind: 'timeseries',
      unit: 'ms',
      query: `SELECT ${BY_HOUR}, model, ${P95('ttft')} AS p95 ${HOURS} GROUP BY time, model ORDER BY time`,
    },
    {
      title: 'First token, all models',
      kind: 'timeseries',
      unit: 'ms',
      query: `SELECT time, q[1] AS p50, q[2] AS p95, q[3] AS p99 FROM (SELECT ${BY_HOUR}, quantilesTDigestMerge(0.5, 0.95, 0.99)(ttft) AS q ${HOURS} GROUP BY time) ORDER BY time`,
    },
    {
      title: 'Whole call, p95 by provider',
      kind: 'timeseries',
      unit: 'ms',
      query: `SELECT ${BY_HOUR}, provider, ${P95('duration')} AS p95 ${HOURS} GROUP BY time, provider ORDER BY time`,
    },
    {
      title: 'Tokens per second, median by model',
      kind: 'timeseries',
      query: `SELECT ${BY_HOUR}, model, quantilesTDigestMerge(0.5, 0.95, 0.99)(speed)[1] AS p50 ${HOURS} GROUP BY time, model ORDER BY time`,
    },
    {
      title: 'Stalls of more than 5 s',
      kind: 'bars',
      query: `SELECT ${BY_HOUR}, model, sum(stalls) AS stalled ${HOURS} GROUP BY time, model ORDER BY time`,
    },
    {
      title: 'Servers',
      kind: 'table',
      query: `WITH quantilesTDigest(0.5, 0.95)(ttft_ms) AS ttft SELECT server_ip, server_port, count() AS calls, ttft[1] AS p50_ms, ttft[2] AS p95_ms ${CALLS} GROUP BY server_ip, server_port ORDER BY p95_ms DESC LIMIT 50`,
    },
    {
      title: 'Slowest calls',
      kind: 'table',
      width: 24,
      query: `SELECT request_start, call_id, agent_id, model, ttfb_ms, ttft_ms, duration_ms, token_gap_max_ms, output_tokens ${CALLS} ORDER BY calls.duration_ms DESC LIMIT 20`,
    },
  ],
};

export const COST: Dashboard = {
  name: 'cost',
  title: 'Bittern / Cost',
  source: SOURCE,
  from: 'now-7d',
  panels: [
    {
      title: 'Cost by team',
      kind: 'bars',
      unit: 'currencyUSD',
      query: `SELECT ${BY_HOUR}, team_id AS team, sum(cost_usd) AS usd ${HOURS} GROUP BY time, team ORDER BY time`,
    },
    {
      title: 'Cost by model',
      kind: 'bars',
      unit: 'currencyUSD',
      query: `SELECT ${BY_HOUR}, model, sum(cost_usd) AS usd ${HOURS} GROUP BY time, model ORDER BY time`,
    },
    {
      title: 'Input from the cache',
      kind: 'timeseries',
      unit: 'percent',
      query: `SELECT ${BY_HOUR}, model, 100 * sum(cache_read_tokens) / greatest(sum(input_tokens), 1) AS percent ${HOURS} GROUP BY time, model ORDER BY time`,
    },
    {
      title: 'Tokens',
      kind: 'bars',
      query: `SELECT ${BY_HOUR}, sum(input_tokens) AS input, sum(output_tokens) AS output ${HOURS} GROUP BY time ORDER BY time`,
    },
    {
      title: 'Agents and models',
      kind: 'table',
      query: `SELECT agent_id, model, sum(calls) AS all_calls, round(sum(cost_usd), 4) AS usd, sum(unpriced) AS without_price ${HOURS} GROUP BY agent_id, model ORDER BY usd DESC LIMIT 100`,
    },
    {
      title: 'Dearest turns',
      kind: 'table',
      query: `SELECT turns.started AS began, session_id, prompt_preview, calls, subagent_calls, side_calls, round(cost_usd, 4) AS usd ${TURNS} ORDER BY usd DESC LIMIT 30`,
    },
    {
      title: 'Keys',
      kind: 'table',
      query: `SELECT credential, groupUniqArray(10)(agent_id) AS agents, count() AS calls, sum(cost_usd) AS usd ${CALLS} GROUP BY credential ORDER BY usd DESC LIMIT 50`,
    },
    {
      title: 'Waste of loops',
      kind: 'table',
      query: `SELECT agent_id, kind, count() AS findings, sum(wasted_calls) AS calls, round(sum(wasted_cost_usd), 4) AS usd ${FINDINGS} GROUP BY agent_id, kind ORDER BY usd DESC LIMIT 50`,
    },
  ],
};

export const AGENTS: Dashboard = {
  name: 'agents',
  title: 'Bittern / Agents and loops',
  source: SOURCE,
  from: 'now-24h',
  panels: [
    {
      title: 'Open findings',
      kind: 'table',
      width: 24,
      query: `SELECT level, kind, agent_id, session_id, summary, occurrences, last_seen FROM findings WHERE state = 'open' AND ${AGENT} ORDER BY last_seen DESC LIMIT 50`,
    },
    {
      title: 'Findings by kind',
      kind: 'bars',
      query: `SELECT $__timeInterval(last_seen) AS time, kind AS kind_of, count() AS findings ${FINDINGS} GROUP BY time, kind_of ORDER BY time`,
    },
    {
      title: 'Steps of a turn',
      kind: 'timeseries',
      query: `SELECT $__timeInterval(turns.started) AS time, quantile(0.5)(calls) AS p50, quantile(0.95)(calls) AS p95, max(calls) AS most ${TURNS} GROUP BY time ORDER BY time`,
    },
    {
      title: 'Tools',
      kind: 'table',
      query: `SELECT tool_name, count() AS runs, countIf(is_error) AS errors, round(100 * errors / runs, 1) AS percent, quantile(0.95)(duration_ms) AS p95_ms FROM tool_calls WHERE $__timeFilter(requested) AND ${AGENT} GROUP BY tool_name ORDER BY errors DESC LIMIT 50`,
    },
    {
      title: 'Tool errors',
      kind: 'timeseries',
      query: `SELECT $__timeInterval(requested) AS time, tool_name AS tool, count() AS errors FROM tool_calls WHERE is_error AND $__timeFilter(requested) AND ${AGENT} GROUP BY time, tool ORDER BY time`,
    },
    {
      title: 'Retries',
      kind: 'table',
      query: `SELECT agent_id, sum(retries) AS further_attempts, countIf(retries > 0) AS in_turns ${TURNS} GROUP BY agent_id HAVING further_attempts > 0 ORDER BY further_attempts DESC LIMIT 50`,
    },
    {
      title: 'Clients',
      kind: 'table',
      query: `SELECT client_name, client_version, count() AS calls, uniq(agent_id) AS agents ${CALLS} GROUP BY client_name, client_version ORDER BY calls DESC LIMIT 50`,
    },
  ],
};

export const CAPTURE: Dashboard = {
  name: 'capture',
  title: 'Bittern / Capture health',
  source: SOURCE,
  from: 'now-24h',
  panels: [
    {
      title: 'Calls not seen whole',
      kind: 'stat',
      width: 6,
      height: 4,
      unit: 'percent',
      query:
        'SELECT 100 * sum(incomplete) / greatest(sum(calls), 1) AS percent FROM call_hours WHERE $__timeFilter(hour)',
    },
    {
      title: 'Bytes missed in calls',
      kind: 'stat',
      width: 6,
      height: 4,
      unit: 'bytes',
      query: 'SELECT sum(missing_bytes) AS bytes FROM calls WHERE $__timeFilter(request_start)',
    },
    {
      title: 'Packets seen',
      kind: 'stat',
      width: 6,
      height: 4,
      query: 'SELECT sum(packets) AS packets FROM probe_reports WHERE $__timeFilter(to_time)',
    },
    {
      title: 'Rows that ClickHouse refused',
      kind: 'stat',
      width: 6,
      height: 4,
      query: 'SELECT count() AS refused FROM dead_letters WHERE $__timeFilter(stored)',
    },
    {
      title: 'Lost or left out, by reason',
      kind: 'bars',
      unit: 'bytes',
      query:
        'SELECT $__timeInterval(from_time) AS time, reason AS why, sum(bytes) AS bytes FROM capture_health WHERE $__timeFilter(from_time) GROUP BY time, why ORDER BY time',
    },
    {
      title: 'Traffic of the probes',
      kind: 'timeseries',
      unit: 'bytes',
      query:
        'SELECT $__timeInterval(to_time) AS time, probe AS by_probe, sum(bytes) AS bytes FROM probe_reports WHERE $__timeFilter(to_time) GROUP BY time, by_probe ORDER BY time',
    },
    {
      title: 'Completeness',
      kind: 'table',
      query:
        'SELECT completeness, count() AS calls, sum(missing_bytes) AS missing FROM calls WHERE $__timeFilter(request_start) GROUP BY completeness ORDER BY calls DESC',
    },
    {
      title: 'What the probes say',
      kind: 'table',
      query:
        'SELECT to_time, probe, source, arrayJoin(notes) AS note FROM probe_reports WHERE $__timeFilter(to_time) ORDER BY to_time DESC LIMIT 50',
    },
  ],
};
