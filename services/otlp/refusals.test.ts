/** What the exporter does when the receiver is down, asks to wait, or refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectorTests } from '../../load-tests/collector/collector.ts';
import { Thread } from '../tracker/testing.ts';
import { type Reply, spansOf } from './testing.ts';

import { exporterTo, put, putStory, sendAll, startReceiver, store, useStore, viewRows } from './testing-exporter.ts';

useStore();
const collectors = collectorTests();

collectors.test('after a crash some is sent again, all under ids that are known', async (collector) => {
  await putStory();
  await collector.clear();
  await collector.start();
  await sendAll(collector.endpoint);
  // The crash: what was sent last was not written down.
  await store.client.command({ query: 'TRUNCATE TABLE otlp_state' });
  await sendAll(collector.endpoint);
  await collector.stop();
  const spans = spansOf(await collector.received('traces'));
  const ids = new Set(spans.map(({ traceId, spanId }) => traceId + spanId));
  assert.equal(ids.size, (await viewRows()).length);
  assert.equal(spans.length, 2 * ids.size);
});

collectors.test('while the collector is down nothing is lost and nothing is held back', async (collector) => {
  await collector.clear();
  const { exporter, close } = exporterTo(collector.endpoint);
  const sending = exporter.catchUp();
  await sending;
  await putStory();
  const waiting = exporter.catchUp();
  while (exporter.stats.get('traces')!.retries < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(exporter.stats.get('traces')!.problem, /sending traces/);
  // ClickHouse goes on meanwhile.
  await put(new Thread({ session: 'late' }, 500).user('Late').answers('x').calls);
  await collector.start();
  await waiting;
  await exporter.catchUp();
  assert.equal(exporter.stats.get('traces')!.problem, '');
  await close();
  await collector.stop();
  const spans = spansOf(await collector.received('traces'));
  const rows = await viewRows();
  const calls = spans.filter(({ kind }) => kind === 3);
  assert.equal(new Set(calls.map(({ spanId }) => spanId)).size, calls.length, 'calls once each');
  assert.deepEqual(new Set(spans.map(({ spanId }) => spanId)), new Set(rows.map(({ SpanId }) => SpanId)));
});

test('a receiver that asks to wait is waited for, and one that refuses a span gets the others', async () => {
  await put(
    new Thread()
      .user('Hi')
      .asks([{ name: 'poison', result: 'x' }])
      .answers('y').calls,
  );
  let answers = 0;
  const replies: Reply[] = [{ status: 429, headers: { 'retry-after': '1' } }, { status: 503 }];
  const receiver = await startReceiver(({ body }) => {
    const reply = replies[answers++];
    if (reply !== undefined) return reply;
    return JSON.stringify(body).includes('execute_tool poison') ? { status: 400 } : { status: 200 };
  });
  const told: string[] = [];
  const { exporter, close } = exporterTo(receiver.endpoint, { logs: false }, new Map(), told);
  await exporter.catchUp();
  await close();
  const stats = exporter.stats.get('traces')!;
  assert.deepEqual([stats.sent, stats.rejected, stats.retries], [3, 1, 2]);
  assert.deepEqual(
    [...stats.refusals],
    [
      [429, 1],
      [503, 1],
      [400, 1],
    ],
  );
  assert.ok(receiver.requests[1]!.at - receiver.requests[0]!.at >= 990, 'as long as Retry-After says');
  assert.equal(receiver.requests[0]?.headers['content-encoding'], 'gzip');
  assert.equal(told.length, 1);
  assert.match(told[0]!, /refuses some of the data \(it answered 400\).*bittern_otlp_rejected_total/);
});

for (const [status, words] of [
  [401, /answers 401: check the credentials/],
  [404, /answers 404: check the path in otlp.endpoint; if it takes no traces, set otlp.traces: false/],
  [415, /answers 415: set otlp.encoding: protobuf/],
  [307, /answers 307: set otlp.endpoint to where it redirects/],
  [400, /answers 400, to a request without data as well: check scheme and port/],
  [500, /answers 500/],
] as const) {
  test(`a receiver that answers ${status} to everything is told once, asked seldom, and gets all when it is mended`, async () => {
    await put(new Thread().user('Hi').answers('x').user('Ho').answers('y').calls);
    let mended = false;
    const receiver = await startReceiver(() => ({ status: mended ? 200 : status }));
    const told: string[] = [];
    const slow = { logs: false, retryDelayMs: 1, retryDelayMsMax: 2, refusedDelayMs: 150 };
    const { exporter } = exporterTo(receiver.endpoint, slow, new Map(), told);
    const began = performance.now();
    const sending = exporter.catchUp();
    while (exporter.stats.get('traces')!.retries < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    const stats = exporter.stats.get('traces')!;
    assert.ok(performance.now() - began >= (stats.retries - 1) * 150);
    // A 400 is asked about with a request that has no data.
    assert.ok(receiver.requests.length <= (stats.retries + 1) * (status === 400 ? 2 : 1));
    assert.deepEqual([stats.held, stats.sent, stats.rejected], [true, 0, 0]);
    assert.ok((stats.refusals.get(status) ?? 0) >= 3);
    assert.ok(stats.oldestMs !== null && stats.oldestMs <= Date.now());
    assert.equal(told.length, 1, told.join('\n'));
    assert.match(told[0]!, words);
    mended = true;
    await sending;
    const after = exporter.stats.get('traces')!;
    assert.deepEqual([after.held, after.sent, after.rejected, after.oldestMs, after.problem], [false, 4, 0, null, '']);
    assert.deepEqual(told.slice(1), ['otlp: traces are sent again']);
  });
}

test('a receiver that refuses all data costs a hundred items at most, then the rest waits for it', async () => {
  await put(
    Array.from({ length: 130 }, (_, i) => new Thread({ session: `s${i}` }, i).user('Hi').answers('x').calls).flat(),
  );
  let mended = false;
  const receiver = await startReceiver(({ body }) => ({
    status: mended || spansOf([body]).length === 0 ? 200 : 400,
  }));
  const told: string[] = [];
  const { exporter } = exporterTo(receiver.endpoint, { logs: false, refusedDelayMs: 3000 }, new Map(), told);
  const sending = exporter.catchUp();
  while (!exporter.stats.get('traces')!.held) await new Promise((resolve) => setTimeout(resolve, 5));
  const before = receiver.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(receiver.requests.length, before, 'it is left in peace');
  assert.equal(exporter.stats.get('traces')!.rejected, 100);
  assert.match(told.join('\n'), /refuses some of the data.*\n.*refuses all data \(it answered 400\)/);
  mended = true;
  await sending;
  const { sent, rejected, held, problem } = exporter.stats.get('traces')!;
  assert.deepEqual({ sent, rejected, held, problem }, { sent: 160, rejected: 100, held: false, problem: '' });
});

test('what can’t be read for a while is sent later, and nothing else is sent twice meanwhile', async (t) => {
  await putStory();
  const receiver = await startReceiver(() => ({ status: 200 }));
  const { exporter } = exporterTo(receiver.endpoint, { logs: false });
  const rename = (from: string, to: string) => store.client.command({ query: `RENAME TABLE ${from} TO ${to}` });
  await rename('tool_call_rows', 'tool_call_rows_away');
  let away = true;
  t.after(() => (away ? rename('tool_call_rows_away', 'tool_call_rows') : undefined));
  for (let round = 0; round < 3; round++) await assert.rejects(exporter.catchUp());
  assert.match(exporter.stats.get('traces')!.problem, /UNKNOWN_TABLE/);
  assert.equal(exporter.stats.get('traces')!.sent, 3 + 13);
  await rename('tool_call_rows_away', 'tool_call_rows');
  away = false;
  await exporter.catchUp();
  const { sent, problem } = exporter.stats.get('traces')!;
  assert.deepEqual({ sent, problem }, { sent: 3 + 13 + 8, problem: '' });
});

test('a receiver that takes no logs and no metrics keeps the spans from nobody', async () => {
  await putStory();
  const receiver = await startReceiver(({ path }) => ({ status: path === '/v1/traces' ? 200 : 404 }));
  const told: string[] = [];
  const options = { metrics: true, metricsMs: 1000, pollMs: 10, refusedDelayMs: 60_000 };
  const { exporter } = exporterTo(receiver.endpoint, options, new Map(), told);
  exporter.start();
  const spans = async (): Promise<number> => (await viewRows()).length;
  while (exporter.stats.get('traces')!.sent < (await spans())) await new Promise((resolve) => setTimeout(resolve, 20));
  await put(new Thread({ session: 'late' }, 500).user('Late').answers('x').calls);
  while (exporter.stats.get('traces')!.sent < (await spans())) await new Promise((resolve) => setTimeout(resolve, 20));
  while (!exporter.stats.get('metrics')!.held) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(
    [...exporter.stats].map(([signal, { held }]) => [signal, held]),
    [
      ['traces', false],
      ['logs', true],
      ['metrics', true],
    ],
  );
  assert.match(told.join('\n'), /takes no logs, set otlp.logs: false.*takes no metrics, set otlp.metrics: false/s);
});

test('what the receiver took in part is counted and not sent again', async () => {
  await put(new Thread().user('Hi').answers('x').user('Ho').answers('y').calls);
  const receiver = await startReceiver(({ body }) => ({
    status: 200,
    body: spansOf([body])[0]?.kind === 3 ? { partialSuccess: { rejectedSpans: '1', errorMessage: 'no' } } : {},
  }));
  const stats = await sendAll(receiver.endpoint, { logs: false });
  await receiver.close();
  assert.deepEqual([stats.sent, stats.rejected, stats.retries], [3, 1, 0]);
  assert.equal(receiver.requests.length, 2);
});

test('headers go with every request and are told by nothing', async () => {
  await put(new Thread().user('Hi').answers('x').calls);
  let down = true;
  const receiver = await startReceiver(() => (down ? null : { status: 200 }));
  const headers = new Map([['authorization', 'Basic c2VjcmV0']]);
  const { exporter, close } = exporterTo(receiver.endpoint, {}, headers);
  const sending = exporter.catchUp();
  while (exporter.stats.get('traces')!.retries === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.doesNotMatch(JSON.stringify([...exporter.stats]), /c2VjcmV0/);
  down = false;
  await sending;
  await close();
  await receiver.close();
  for (const request of receiver.requests) assert.equal(request.headers.authorization, 'Basic c2VjcmV0');
});
