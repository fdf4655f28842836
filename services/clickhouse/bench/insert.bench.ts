/**
 * What storing calls costs: node services/clickhouse/bench/insert.bench.ts [calls] [--formats] [--no-search]
 *
 * Conversations of ten calls, each with the whole history (system prompt, tools, two new messages a call), through the sink into
 * a new embedded engine. Prints calls/s, CPU of this process and of the engine for 1,000 calls, disk a call, and the same for a
 * replay of what is stored. `--formats`: the same rows as RowBinary and as JSONEachRow, without the sink. `--no-search`: without the
 * indexes that are for search in texts.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Content, Observation } from '../../../schemas/call.ts';
import { existingIds } from '../existing.ts';
import { Inserter } from '../inserter.ts';
import { ask } from '../queries.ts';
import { ClickHouseSink, SINK_DEFAULTS } from '../sink.ts';
import { openStore, type Store } from '../store.ts';
import { CALLS } from '../tables.ts';
import { callObservation, contentOf, sampleCall } from '../testing.ts';

const WORDS = 'reed heron marsh water night call bird watch still deep slow wide light grass stream fish'.split(' ');

const LOOK_MS = 250;
const QUIET_LOOKS = 12;

/** Text of about `bytes` bytes that compresses as prose does; `seed` makes it. */
function prose(seed: number, bytes: number): string {
  let state = (seed * 2654435761) >>> 0 || 1;
  let text = '';
  while (text.length < bytes) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    text += WORDS[state >>> 28] + (state % 11 === 0 ? `${state % 10_000}. ` : ' ');
  }
  return text;
}

function conversation(first: number): Observation[] {
  const system = contentOf('system', prose(first, 4000));
  const tools = Array.from({ length: 10 }, (_, i) =>
    contentOf('tool', `{"name":"tool${i}","about":"${prose(i, 500)}"}`),
  );
  const history: Content[] = [];
  return Array.from({ length: 10 }, (_, i) => {
    const n = first + i;
    history.push(contentOf('message', prose(n * 3, 1500)), contentOf('message', prose(n * 3 + 1, 1500)));
    const parts = [system, ...history, ...tools];
    const response = contentOf('response', prose(n * 3 + 2, 1500));
    const requestSkeleton = `{"model":"gpt-5","stream":true,"messages":[${'\0,'.repeat(parts.length - 1)}\0]}`;
    const requestParts = parts.map((part) => part.hash);
    const call = sampleCall(n, { requestSkeleton, requestParts, responseContent: response.hash });
    return callObservation(call, [...parts, response]);
  });
}

/** CPU seconds of the engine's process. */
function engineCpu(store: Store): number {
  const stat = readFileSync(`/proc/${store.enginePid()}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Until the engine has merged what it wants to merge: that work belongs to the rows as well. */
async function merged(store: Store): Promise<void> {
  for (let quiet = 0; quiet < QUIET_LOOKS; ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const [row] = await ask<{ merges: number }>(store, 'SELECT count() AS merges FROM system.merges', {});
    quiet = Number(row?.merges ?? 0) === 0 ? quiet + 1 : 0;
  }
}

async function measure(store: Store, name: string, calls: number, run: () => Promise<void>): Promise<void> {
  const own = process.cpuUsage();
  const engine = engineCpu(store);
  const started = performance.now();
  await run();
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(own);
  const client = (used.user + used.system) / 1e6;
  await merged(store);
  const server = engineCpu(store) - engine;
  const per1000 = (value: number) => ((value * 1000) / calls).toFixed(3);
  console.log(
    `${name}: ${Math.round(calls / seconds)} calls/s; CPU s per 1,000 calls: client ${per1000(client)}, engine ${per1000(server)}; calls per CPU second: ${Math.round(calls / (client + server))}`,
  );
}

async function disk(store: Store): Promise<void> {
  const query = `SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes FROM system.parts
    WHERE active AND database = currentDatabase() AND table IN ('calls', 'contents') GROUP BY table ORDER BY table`;
  for (const row of await ask<{ table: string; rows: number; bytes: number }>(store, query, {})) {
    console.log(
      `${row.table}: ${row.rows} rows, ${row.bytes} bytes on disk, ${Math.round(row.bytes / row.rows)} a row`,
    );
  }
}

async function formats(store: Store, calls: number): Promise<void> {
  const inserter = new Inserter(store.client, SINK_DEFAULTS, new AbortController().signal);
  const rows = Array.from({ length: 1000 }, (_, n) => sampleCall(n));
  await measure(store, 'RowBinary, 1,000 rows an insert', calls, async () => {
    for (let n = 0; n < calls; n += 1000) await inserter.insert(CALLS, rows);
  });
  await measure(store, 'JSONEachRow, 1,000 rows an insert', calls, async () => {
    for (let n = 0; n < calls; n += 1000) {
      const values = rows.map((row) =>
        Object.fromEntries(CALLS.columns.map((column) => [column.name, column.value(row)])),
      );
      const insert_deduplication_token = `${Math.random()}`;
      const clickhouse_settings = { insert_deduplication_token, wait_end_of_query: 1 } as const;
      await store.client.insert({ table: 'calls', values, format: 'JSONEachRow', clickhouse_settings });
    }
  });
}

async function dropSearch(store: Store): Promise<void> {
  await store.client.command({ query: 'ALTER TABLE contents DROP INDEX text_words' });
  await store.client.command({
    query: 'ALTER TABLE calls DROP INDEX request_parts_bloom, DROP INDEX response_content_bloom',
  });
}

async function main(): Promise<void> {
  const calls = Number(process.argv[2] ?? 50_000);
  const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-bench-'));
  const opened = performance.now();
  const store = await openStore({ dataDir, retentionDays: 30, memoryBytesMax: 1e9 });
  console.log(`store opened in ${Math.round(performance.now() - opened)} ms`);
  try {
    if (process.argv.includes('--no-search')) await dropSearch(store);
    if (process.argv.includes('--formats')) return await formats(store, calls);
    const bench = async (sink: ClickHouseSink, observations: readonly Observation[][]) => {
      for (const each of observations) await sink.add(each);
      await sink.flush();
    };
    const conversations = Array.from({ length: Math.ceil(calls / 10) }, (_, i) => conversation(i * 10));
    const sink = new ClickHouseSink(store);
    await measure(store, 'through the sink', calls, () => bench(sink, conversations));
    const again = new ClickHouseSink(store);
    await measure(store, 'replay of what is stored', calls, () => bench(again, conversations));
    await disk(store);
    const batch = conversations
      .slice(-100)
      .flat()
      .map((observation) => (observation as { call: ReturnType<typeof sampleCall> }).call);
    const started = performance.now();
    for (let i = 0; i < 20; i++) await existingIds(store.client, CALLS, batch);
    console.log(`which of 1,000 ids exist: ${((performance.now() - started) / 20).toFixed(1)} ms`);
    await store.client.command({ query: 'OPTIMIZE TABLE contents FINAL' });
    await store.client.command({ query: 'OPTIMIZE TABLE calls FINAL' });
    console.log('after merging:');
    await disk(store);
  } finally {
    await store.close();
    rmSync(dataDir, { recursive: true });
  }
}

await main();
