/** The exporter as its users run it: a process that is killed, and one that is built into another. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClickHouseSink } from '../../services/clickhouse/sink.ts';
import { openStore, type Store } from '../../services/clickhouse/store.ts';
import { callRange } from '../../services/clickhouse/testing.ts';
import { type ReceivedRequest, spansOf, startReceiver } from '../../services/otlp/testing.ts';
import { collectorTests } from '../collector/collector.ts';
import { startBittern } from './bittern.ts';

const CALLS = 300;
const BATCH = 10;
const folder = mkdtempSync(path.join(tmpdir(), 'bittern-otlp-e2e-'));
const data = path.join(folder, 'data');
let store: Store;
const collectors = collectorTests();

before(async () => {
  store = await openStore({ dataDir: data, retentionDays: 0, memoryBytesMax: 1e9 });
  const sink = new ClickHouseSink(store);
  await sink.add(callRange(0, CALLS));
  await sink.close();
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** The fake receiver reads JSON. */
function configFor(endpoint: string, name: string, encoding: object = { encoding: 'json' }): string {
  const headers = path.join(folder, 'headers');
  writeFileSync(headers, '# for the receiver\nAuthorization: Bearer not-to-be-told\n');
  const file = path.join(folder, `${name}.yaml`);
  const otlp = {
    endpoint,
    ...encoding,
    name,
    headersFile: headers,
    batchMax: BATCH,
    settleMs: 0,
    pollMs: 50,
    backfill: true,
    metrics: false,
  };
  writeFileSync(file, JSON.stringify({ dataDir: data, otlp }));
  return file;
}

const idsOf = (requests: readonly ReceivedRequest[]): string[] =>
  spansOf(requests.map(({ body }) => body)).map(({ traceId, spanId }) => `${traceId}-${spanId}`);

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    assert.ok(waited < 60_000, 'not in time');
    await sleep(20);
  }
}

async function stored(): Promise<string[]> {
  const query = "SELECT concat(TraceId, '-', SpanId) FROM otel_traces";
  const rows = await (await store.client.query({ query, format: 'JSONCompactEachRow' })).json<[string]>();
  return rows.map(([id]) => id).sort();
}

test('a sink that is killed has a successor that sends the rest, and nothing under another id', async (t) => {
  let gate = 5;
  // After some requests it stays silent, so that the kill comes while one is under way.
  const receiver = await startReceiver(() =>
    gate-- > 0 ? { status: 200 } : { status: 503, headers: { 'retry-after': '1' } },
  );
  t.after(receiver.close);
  const config = configFor(receiver.endpoint, 'killed');
  const first = startBittern(['sink', 'otlp', '--config', config]);
  t.after(() => first.child.kill('SIGKILL'));
  await until(() => receiver.requests.length > 5);
  first.child.kill('SIGKILL');
  await first.ended;
  gate = Number.POSITIVE_INFINITY;
  const second = startBittern(['sink', 'otlp', '--config', config]);
  t.after(() => second.child.kill('SIGKILL'));
  await until(() => new Set(idsOf(receiver.requests)).size === CALLS);
  second.child.kill('SIGTERM');
  const ran = await second.ended;
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual([...new Set(idsOf(receiver.requests))].sort(), await stored());
  assert.ok(receiver.requests.every(({ headers }) => headers.authorization === 'Bearer not-to-be-told'));
  assert.doesNotMatch(ran.stdout + ran.stderr, /not-to-be-told/);
  const query = "SELECT count() FROM otlp_state FINAL WHERE exporter = 'killed'";
  const [place] = await (await store.client.query({ query, format: 'JSONCompactEachRow' })).json<[string]>();
  assert.ok(Number(place?.[0]) > 0, 'its place is written down');
});

test('bittern up sends what is stored when an endpoint is configured', async (t) => {
  const receiver = await startReceiver(() => ({ status: 200 }));
  t.after(receiver.close);
  const server = startBittern(['up', '--port', '0', '--config', configFor(receiver.endpoint, 'up')]);
  t.after(() => server.child.kill('SIGKILL'));
  await until(() => new Set(idsOf(receiver.requests)).size === CALLS);
  server.child.kill('SIGTERM');
  assert.equal((await server.ended).code, 0);
});

collectors.test('a sink with the default encoding reaches a collector', async (collector) => {
  await collector.start();
  const config = configFor(collector.endpoint, 'collector', {});
  const sink = startBittern(['sink', 'otlp', '--config', config]);
  await sink.shows(new RegExp(`otlp: ${CALLS} spans`));
  sink.child.kill('SIGTERM');
  assert.equal((await sink.ended).code, 0);
  await collector.stop();
  const spans = spansOf(await collector.received('traces'));
  assert.deepEqual(spans.map(({ traceId, spanId }) => `${traceId}-${spanId}`).sort(), await stored());
});

test('a receiver that is down keeps nobody from ending', async (t) => {
  const server = startBittern(['sink', 'otlp', '--config', configFor('http://127.0.0.1:1', 'down')]);
  t.after(() => server.child.kill('SIGKILL'));
  await server.shows(/OTLP sink is running/);
  await sleep(500);
  const asked = performance.now();
  server.child.kill('SIGTERM');
  assert.equal((await server.ended).code, 0);
  assert.ok(performance.now() - asked < 9_500);
});

test('without an endpoint the sink says what is missing', async () => {
  const ran = await startBittern(['sink', 'otlp', '--data', data]).ended;
  assert.equal(ran.code, 2);
  assert.match(ran.stderr, /otlp\.endpoint is not configured/);
});
