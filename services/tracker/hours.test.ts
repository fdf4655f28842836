import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Call } from '../../schemas/call.ts';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { callObservation, sampleCall } from '../clickhouse/testing.ts';
import { Hours } from './hours.ts';
import { storedCall, Thread } from './testing.ts';
import { Tracker } from './tracker.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-hours-'));
const HOUR = 3_600_000_000;
const START = 1_790_000_000_000_000;
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});
beforeEach(async () => {
  for (const table of ['calls', 'call_hops', 'call_hour_rows', 'call_hour_versions', 'tracker_state'])
    await store.client.command({ query: `TRUNCATE TABLE ${table}` });
});

async function rows(query: string): Promise<Record<string, unknown>[]> {
  return (await store.client.query({ query, format: 'JSONEachRow' })).json();
}

async function put(calls: readonly Call[]): Promise<void> {
  const sink = new ClickHouseSink(store);
  await sink.add(calls.map((call) => callObservation(call)));
  await sink.close();
}

const KEYS = 'agent_id, team_id, client_name, provider, model';
const SUMS = 'calls, errors, aborts, whole, streams, tools, input, cached, output, round(cost, 6) AS cost, stalls';

const told = () =>
  rows(`SELECT toString(hour) AS hour, ${KEYS}, calls, errors, client_aborts AS aborts, calls - incomplete AS whole, streams, tool_requests AS tools,
    input_tokens AS input, cache_read_tokens AS cached, output_tokens AS output, round(cost_usd, 6) AS cost, stalls
    FROM call_hours ORDER BY hour, ${KEYS}`);

/** The same of the calls themselves. */
const counted = () =>
  rows(`SELECT toString(hour) AS hour, ${KEYS}, ${SUMS} FROM (
    SELECT toStartOfHour(request_start) AS hour, ${KEYS}, count() AS calls,
      countIf(outcome IN ('http_error', 'stream_error', 'upstream_abort', 'timeout')) AS errors, countIf(outcome = 'client_abort') AS aborts,
      countIf(completeness = 'full') AS whole, countIf(streaming) AS streams, sum(length(tool_names)) AS tools, sum(input_tokens) AS input,
      sum(cache_read_tokens) AS cached, sum(output_tokens) AS output, sum(ifNull(cost_usd, 0)) AS cost,
      countIf(token_gap_max_ms > 5000) AS stalls
    FROM calls GROUP BY hour, ${KEYS}) ORDER BY hour, ${KEYS}`);

function calls(from: number, to: number, hours = 5): Call[] {
  const outcomes = ['ok', 'ok', 'http_error', 'client_abort'] as const;
  return Array.from({ length: to - from }, (_, i) =>
    sampleCall(from + i, {
      requestStart: START + ((from + i) % hours) * HOUR + i * 1000,
      outcome: outcomes[(from + i) % 4]!,
      tokenGapMaxMs: i % 10 === 0 ? 6000 : 10,
      ttftMs: 100 + i,
      costUsd: i % 3 === 0 ? null : 0.01,
    }),
  );
}

test('hours are what the calls are: stored at once, later, twice, in an old hour', async () => {
  const hours = new Hours(store.client);
  await put(calls(0, 200));
  await hours.refresh(false);
  assert.deepEqual(await told(), await counted());
  await put(calls(100, 300));
  await put([sampleCall(5000, { requestStart: START - 90 * 24 * HOUR })]);
  await hours.refresh(false);
  assert.deepEqual(await told(), await counted());
  assert.equal((await rows('SELECT sum(calls) AS n FROM call_hours'))[0]?.n, 301);
});

test('quantiles of several hours are merged from their states', async () => {
  await put(calls(0, 1000));
  await new Hours(store.client).refresh(false);
  const [merged] = await rows('SELECT quantilesTDigestMerge(0.5, 0.95, 0.99)(ttft) AS q FROM call_hours');
  const [exact] = await rows('SELECT quantilesExact(0.5, 0.95, 0.99)(ttft_ms) AS q FROM calls');
  for (const [i, value] of (exact!.q as number[]).entries()) {
    const near = (merged!.q as number[])[i]!;
    assert.ok(Math.abs(near - value) < value * 0.02, `${near} is not near ${value}`);
  }
});

test('calls that are moved as second hops leave their hour, and an hour without calls is empty', async () => {
  const front = new Thread({ session: 'a' }).user('Hi').answers('Hello', { responseId: 'r1' });
  const frontCall = { ...storedCall(front.calls[0]!), upstreamRequestId: 'up1', requestId: 'own' };
  const back = {
    ...sampleCall(1, { ...frontCall, callId: 'f'.repeat(32) as Call['callId'] }),
    requestStart: frontCall.requestStart! + 1000,
    clientIp: '10.0.0.2',
    serverIp: '10.0.0.9',
    requestId: 'up1',
    upstreamRequestId: '',
    responseEnd: frontCall.responseEnd! - 1000,
  };
  await put([back]);
  const hours = new Hours(store.client);
  await hours.refresh(false);
  assert.equal((await told())[0]?.calls, 1);
  await put([frontCall]);
  const tracker = new Tracker(store.client);
  await tracker.catchUp();
  await tracker.close();
  assert.equal((await rows('SELECT count() AS n FROM call_hops'))[0]?.n, 1);
  assert.deepEqual(await told(), await counted());
  assert.equal((await told())[0]?.calls, 1);
  await store.client.command({
    query: 'DELETE FROM calls WHERE 1',
    clickhouse_settings: { lightweight_deletes_sync: '2' },
  });
  await hours.refresh(false);
  assert.deepEqual(await told(), []);
});

test('whatever changed the calls of the last two days, a look at all hours follows', async () => {
  const now = Date.now() * 1000;
  await put([0, 1, 2].map((n) => sampleCall(n, { requestStart: now - n * HOUR, teamId: 'old' })));
  await new Hours(store.client).refresh(false);
  await store.client.command({ query: "UPDATE calls SET team_id = 'new' WHERE 1" });
  await store.client.command({ query: `DELETE FROM calls WHERE call_id = '${sampleCall(2).callId}'` });
  await store.client.command({
    query: `ALTER TABLE tracker_state DELETE WHERE 1`,
    clickhouse_settings: { mutations_sync: '2' },
  });
  await store.client.insert({
    table: 'tracker_state',
    values: [{ name: 'hours', stored_until: Math.floor(Date.now() / 1000) + 1000, version: 1 }],
    format: 'JSONEachRow',
  });
  await new Hours(store.client).refresh(false);
  assert.deepEqual(await told(), await counted());
  assert.deepEqual([...new Set((await told()).map((row) => row.team_id))], ['new']);
});

test('clearing away old versions changes nothing that is read', async () => {
  const hours = new Hours(store.client);
  await put(calls(0, 100));
  for (let i = 0; i < 4; i++) await hours.refresh(false);
  // A version that was never written down, as after a crash.
  await store.client.command({
    query:
      'INSERT INTO call_hour_rows SELECT * REPLACE (version + 1 AS version, calls + 1 AS calls) FROM call_hour_rows',
  });
  assert.deepEqual(await told(), await counted());
  const states = 'SELECT uniqExact(hour, version) AS n FROM call_hour_rows';
  assert.ok(Number((await rows(states))[0]?.n) > 20);
  await hours.clear(0);
  assert.equal((await rows(states))[0]?.n, 5);
  assert.deepEqual(await told(), await counted());
});

/** An hour is stored in many parts, so that a kill can leave some of them. */
const IN_MANY_PARTS = {
  max_block_size: '4',
  min_insert_block_size_rows: '4',
  min_insert_block_size_bytes: '1',
  max_threads: 1,
} as const;

test('an engine that is killed while hours are computed: at no time part of an hour, at the end all of it', async () => {
  const batches = Array.from({ length: 5 }, (_, i) =>
    calls(i * 400, (i + 1) * 400).map((call, n) => ({ ...call, teamId: `team-${n % 20}` })),
  );
  const seen = async (query: string): Promise<string> => {
    for (let tries = 0; ; tries++) {
      try {
        const all = await rows(query);
        return JSON.stringify(Object.fromEntries(all.map(({ hour, n }) => [hour, n])));
      } catch (error) {
        if (tries > 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const perHour = async (from: string, n: string) =>
    JSON.parse(
      await seen(`SELECT toString(hour) AS hour, ${n} AS n FROM ${from} GROUP BY hour ORDER BY hour`),
    ) as Record<string, number>;
  const states = new Map<string, Set<number>>();
  let killed = 0;
  for (const [i, batch] of batches.entries()) {
    await put(batch);
    for (const [hour, n] of Object.entries(
      await perHour('(SELECT toStartOfHour(request_start) AS hour FROM calls)', 'count()'),
    ))
      states.set(hour, (states.get(hour) ?? new Set()).add(n));
    const pid = store.enginePid()!;
    const work = new Hours(store.client, IN_MANY_PARTS).refresh(false).catch(() => 'failed');
    await new Promise((resolve) => setTimeout(resolve, 60 + i * 40));
    process.kill(pid, 'SIGKILL');
    await work;
    killed++;
    for (const [hour, n] of Object.entries(await perHour('call_hours', 'sum(calls)')))
      assert.ok(states.get(hour)?.has(n), `${hour} shows ${n} calls, which it never had`);
  }
  assert.equal(killed, batches.length);
  await new Hours(store.client).refresh(false);
  assert.deepEqual(await told(), await counted());
  assert.equal((await rows('SELECT sum(calls) AS n FROM call_hours'))[0]?.n, 2000);
});
