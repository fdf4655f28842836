/**
 * `npm run bench:api [-- --calls N] [--seconds S] [--connections C] [--data DIR] [--only NAME,NAME]`: lists of the API over a million calls, on loopback.
 *
 * The client is a process of its own. `same`: all ask for the newest page, as dashboards do. `filters`: eighty pages in turn, by
 * agent and outcome. `busy`: the same while 50 calls are stored every second. These begin when every page was asked for once.
 * `paging`: what people do who look for something, forty agents by outcome and the pages behind the first ones, none asked for before.
 * `onward`: people who go on and on, forty pages each, from anywhere in the list. `walk`: every request is for a place of its own anywhere in it (a
 * cursor), so that nothing is kept: what queries cost. Both for the other lists too.
 * CPU is that of the engine and of the API's process for one request: what other work on the machine doesn't change much.
 * The filled store (that of `npm run cookbook`) stays in .cache/api-bench, or DIR, for the next run.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startApi } from '../../services/api/server.ts';
import { ask } from '../../services/clickhouse/queries.ts';
import { ClickHouseSink } from '../../services/clickhouse/sink.ts';
import { openStore, STORE_DEFAULTS, type Store } from '../../services/clickhouse/store.ts';
import { callObservation, sampleCall } from '../../services/clickhouse/testing.ts';
import { fill } from '../cookbook/fill.ts';
import type { Outcome, Task } from './client.ts';

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '16' },
    data: { type: 'string' },
    only: { type: 'string' },
  },
});
const TOKEN = 'of-the-bench-only';
const WALKED = 3000;
/** Calls that are stored every second of `busy`. */
const STORED = 50;
const dataDir = values.data ?? fileURLToPath(new URL('../../.cache/api-bench', import.meta.url));

/** Where a list may be asked to begin: time and id of rows anywhere in it. */
const WALKS = {
  calls: 'SELECT toUnixTimestamp64Micro(request_start) AS time, call_id AS id FROM calls ORDER BY cityHash64(call_id)',
  sessions:
    'SELECT toUnixTimestamp64Micro(ended) AS time, base64URLEncode(session_id) AS id FROM session_rows ORDER BY cityHash64(session_id)',
  turns: 'SELECT toUnixTimestamp64Micro(started) AS time, turn_id AS id FROM turn_rows ORDER BY cityHash64(turn_id)',
  'tool-calls':
    "SELECT toUnixTimestamp64Micro(requested) AS time, concat(call_id, '-', toString(position)) AS id FROM tool_call_rows ORDER BY cityHash64(call_id)",
} as const;

async function cursors(store: Store, list: keyof typeof WALKS): Promise<string[]> {
  const rows = await ask<{ time: number; id: string }>(store, `${WALKS[list]} LIMIT {n:UInt32}`, { n: WALKED });
  return rows.map(({ time, id }) => `/api/v1/${list}?cursor=${time}-${id}`);
}

/** CPU of the engine's process since its start, ms: in steps of 10. */
function engineCpuMs(store: Store): number {
  const stat = readFileSync(`/proc/${store.enginePid()}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const only = values.only?.split(',');

async function measure(store: Store, name: string, task: Task): Promise<void> {
  if (only !== undefined && !only.includes(name)) return;
  const child = fork(new URL('client.ts', import.meta.url), { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const [engine, own] = [engineCpuMs(store), process.cpuUsage()];
  child.send(task);
  const [outcome] = (await once(child, 'message')) as [Outcome];
  const { requests, seconds, p50, p99, max, failures, bytes } = outcome;
  const { user, system } = process.cpuUsage(own);
  const cells = [
    name.padEnd(17),
    `${(requests / seconds).toFixed(0)} requests/s`.padStart(18),
    `p50 ${p50.toFixed(1)} ms`.padStart(14),
    `p99 ${p99.toFixed(1)} ms`.padStart(14),
    `max ${max.toFixed(0)} ms`.padStart(12),
    `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`.padStart(10),
    `CPU ${((engineCpuMs(store) - engine) / requests).toFixed(2)} + ${((user + system) / 1000 / requests).toFixed(2)} ms`.padStart(
      22,
    ),
    `${failures} failures`.padStart(12),
  ];
  console.log(cells.join(''));
}

async function storeCalls(store: Store, signal: AbortSignal): Promise<void> {
  const sink = new ClickHouseSink(store);
  for (let n = Date.now(); !signal.aborted; n += STORED) {
    await sink.add(
      Array.from({ length: STORED }, (_, i) => callObservation(sampleCall(n + i, { agentId: `agent-${i % 40}` }))),
    );
    await sleep(1000, undefined, { signal }).catch(() => {});
  }
  await sink.close();
}

mkdirSync(dataDir, { recursive: true });
const began = performance.now();
// Filling so fast takes more memory than the engine has by default.
const filled = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 4e9 });
const [has] = await ask<{ n: number }>(filled, 'SELECT count() AS n FROM calls', {});
if (has?.n === 0) await fill(filled, Number(values.calls));
await filled.close();
const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: STORE_DEFAULTS.memoryBytesMax });
const [{ n } = { n: 0 }] = await ask<{ n: number }>(store, 'SELECT count() AS n FROM calls', {});
console.log(`${n} calls, filled in ${((performance.now() - began) / 1000).toFixed(1)} s`);
const api = await startApi(store, { host: '127.0.0.1', port: 0, allowRemote: false, token: Buffer.from(TOKEN) });
try {
  const shared = { url: api.url, token: TOKEN, warm: true, pages: 1 };
  const task = { ...shared, connections: Number(values.connections), seconds: Number(values.seconds) };
  const agents = Array.from({ length: 40 }, (_, i) => `agentId=agent-${i}`);
  const filters = agents.flatMap((agent) => [agent, `${agent}&outcome=http_error`]);
  await measure(store, 'same', { ...task, targets: ['/api/v1/calls'] });
  await measure(store, 'filters', { ...task, targets: filters.map((filter) => `/api/v1/calls?${filter}`) });
  const stop = new AbortController();
  const storing = only?.includes('busy') === false ? null : storeCalls(store, stop.signal);
  await measure(store, 'busy', { ...task, targets: filters.map((filter) => `/api/v1/calls?${filter}`) });
  stop.abort();
  await storing;
  const looked = Array.from({ length: 40 }, (_, i) => `agent-${i + 40}`);
  const found = looked.flatMap((agent) => [agent, `${agent}&outcome=ok`, `${agent}&streaming=true`]);
  const first = found.map((filter) => `/api/v1/calls?agentId=${filter}`);
  await measure(store, 'paging', { ...task, warm: false, targets: first, pages: 5 });
  for (const list of Object.keys(WALKS) as (keyof typeof WALKS)[]) {
    const targets = await cursors(store, list);
    await measure(store, `onward ${list}`, { ...task, warm: false, targets: targets.slice(0, 1000), pages: 40 });
    await measure(store, `walk ${list}`, { ...task, warm: false, targets: targets.slice(1000) });
  }
} finally {
  await api.close();
  await store.close();
}
