import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Collector, collectorTests } from '../../load-tests/collector/collector.ts';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { callObservation } from '../clickhouse/testing.ts';
import { storedCall, Thread } from '../tracker/testing.ts';
import { ENCODINGS, type Encoding } from './encoding.ts';
import { SPAN_MAPPINGS } from './mapping.ts';
import { askable } from './reader.ts';
import { tracesMigration } from './span-sql.ts';
import { plainAttributes, type ReceivedSpan, spansOf } from './testing.ts';

import {
  APPLICATION_SPAN,
  APPLICATION_TRACE,
  exporterTo,
  put,
  putStory,
  sendAll,
  startReceiver,
  store,
  TRACEPARENT,
  useStore,
  viewRows,
} from './testing-exporter.ts';

useStore();

/** A span as the collector's ClickHouse exporter would write it. */
function asRow(span: ReceivedSpan & { readonly service: string }) {
  const texts = Object.entries(plainAttributes(span.attributes)).map(([key, value]): [string, string] => {
    if (typeof value !== 'object' || value === null) return [key, String(value)];
    const { values } = value as { readonly values: readonly { readonly stringValue: string }[] };
    return [key, JSON.stringify(values.map(({ stringValue }) => stringValue))];
  });
  return {
    start: span.startTimeUnixNano,
    end: span.endTimeUnixNano,
    TraceId: span.traceId,
    SpanId: span.spanId,
    ParentSpanId: span.parentSpanId ?? '',
    SpanName: span.name,
    SpanKind: ['', 'Internal', 'Server', 'Client'][span.kind],
    ServiceName: span.service,
    SpanAttributes: Object.fromEntries(texts),
    StatusCode: ['Unset', 'Ok', 'Error'][span.status?.code ?? 0],
    StatusMessage: span.status?.message ?? '',
    linkTraces: (span.links ?? []).map(({ traceId }) => traceId),
    linkSpans: (span.links ?? []).map(({ spanId }) => spanId),
  };
}

const bySpan = <T extends { readonly TraceId: string; readonly SpanId: string }>(a: T, b: T): number =>
  a.TraceId + a.SpanId < b.TraceId + b.SpanId ? -1 : 1;

const collectors = collectorTests();

for (const encoding of ENCODINGS) {
  const name = `a real collector receives every span by ${encoding}, as the conventions and the view have it`;
  collectors.test(name, (collector) => checkSpans(collector, encoding));
}

async function checkSpans(collector: Collector, encoding: Encoding): Promise<void> {
  await putStory();
  await collector.clear();
  await collector.start();
  const stats = await sendAll(collector.endpoint, { encoding });
  await collector.stop();
  const spans = spansOf(await collector.received('traces'));
  assert.deepEqual([stats.sent, stats.rejected], [spans.length, 0]);

  const rows = await viewRows();
  const expected = rows.map(({ start, end, ...row }) => ({
    start,
    end,
    TraceId: row.TraceId,
    SpanId: row.SpanId,
    ParentSpanId: row.ParentSpanId,
    SpanName: row.SpanName,
    SpanKind: row.SpanKind,
    ServiceName: row.ServiceName,
    SpanAttributes: row.SpanAttributes,
    StatusCode: row.StatusCode,
    StatusMessage: row.StatusMessage,
    linkTraces: row.linkTraces,
    linkSpans: row.linkSpans,
  }));
  assert.deepEqual(spans.map(asRow).sort(bySpan), expected);
  for (const span of spans) checkConventions(span, spans);
  const count = (operation: string): number =>
    spans.filter(({ attributes }) => plainAttributes(attributes)['gen_ai.operation.name'] === operation).length;
  assert.deepEqual([count('invoke_agent'), count('chat'), count('execute_tool')], [3, 13, 8]);
}

collectors.test('a real collector receives the same by both encodings, field by field', async (collector) => {
  await putStory();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const received: unknown[] = [];
  for (const encoding of ENCODINGS) {
    await store.client.command({ query: 'TRUNCATE TABLE otlp_state' });
    await collector.clear();
    await collector.start();
    const { exporter, close } = exporterTo(collector.endpoint, {
      ...{ encoding, content: true, metrics: true, metricsMs: 1000, temporality: 'delta' },
    });
    await exporter.catchUp();
    await close();
    await collector.stop();
    for (const [signal, { sent, rejected }] of exporter.stats) {
      assert.ok(sent > 0, signal);
      assert.equal(rejected, 0);
    }
    const signals = ['traces', 'metrics', 'logs'] as const;
    received.push(await Promise.all(signals.map((signal) => collector.received(signal))));
  }
  assert.deepEqual(received[0], received[1]);
});

/** What the semantic conventions want of each kind of span, written down from their text. */
function checkConventions(span: ReceivedSpan, all: readonly ReceivedSpan[]): void {
  const told = plainAttributes(span.attributes);
  const operation = told['gen_ai.operation.name'];
  assert.match(span.traceId, /^(?!0{32})[0-9a-f]{32}$/);
  assert.match(span.spanId, /^(?!0{16})[0-9a-f]{16}$/);
  assert.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));
  assert.equal(
    told['error.type'] !== undefined,
    span.status?.code === 2,
    `${span.name}: error.type exactly when Error`,
  );
  const agent = told['gen_ai.agent.name'];
  const parent = all.find(({ spanId }) => spanId === span.parentSpanId);
  const typeOf = (key: string): string | undefined =>
    Object.keys(span.attributes.find((attribute) => attribute.key === key)?.value ?? {})[0];
  assert.ok(told['session.id'], 'the session is on every span');
  switch (operation) {
    case 'invoke_agent':
      assert.equal(span.name, `invoke_agent ${agent}`);
      assert.equal(span.kind, 1);
      assert.ok(told['gen_ai.provider.name']);
      assert.equal(told['gen_ai.usage.input_tokens'], undefined, 'usage stands on the calls only');
      return;
    case 'chat':
      assert.equal(span.name, `chat ${told['gen_ai.request.model']}`);
      assert.equal(span.kind, 3);
      assert.ok(told['gen_ai.provider.name']);
      assert.equal(typeOf('gen_ai.usage.input_tokens'), 'intValue');
      assert.equal(typeOf('gen_ai.response.finish_reasons'), 'arrayValue');
      assert.equal(typeOf('gen_ai.request.stream'), 'boolValue');
      assert.equal(typeOf('gen_ai.response.time_to_first_chunk'), 'doubleValue');
      if (span.traceId === APPLICATION_TRACE) {
        assert.equal(span.parentSpanId, APPLICATION_SPAN);
        assert.ok(
          all.some(({ spanId, name }) => spanId === span.links?.[0]?.spanId && name.startsWith('invoke_agent')),
        );
      } else assert.match(parent?.name ?? '', /^invoke_agent/);
      assert.equal(parent === undefined, span.traceId === APPLICATION_TRACE);
      return;
    case 'execute_tool': {
      assert.equal(span.name, `execute_tool ${told['gen_ai.tool.name']}`);
      assert.equal(span.kind, 1);
      assert.ok(told['gen_ai.tool.call.id']);
      assert.match(parent?.name ?? '', /^invoke_agent/);
      assert.equal(parent?.traceId, span.traceId);
      const asked = all.find(({ spanId }) => spanId === span.links?.[0]?.spanId);
      assert.match(asked?.name ?? '', /^chat/);
      assert.equal(asked?.traceId, span.links?.[0]?.traceId);
      assert.ok(BigInt(asked!.endTimeUnixNano) <= BigInt(span.startTimeUnixNano));
      return;
    }
    default:
      assert.fail(`operation ${operation}`);
  }
}

test('the turn of an application that traces itself is part of its trace', async () => {
  const traced = await putStory();
  const rows = (await viewRows()).filter(({ TraceId }) => TraceId === APPLICATION_TRACE);
  assert.deepEqual(rows.map(({ SpanName }) => SpanName).sort(), [
    'chat gpt-5',
    'chat gpt-5',
    'execute_tool pay',
    'invoke_agent shop',
  ]);
  const turn = rows.find(({ SpanName }) => SpanName.startsWith('invoke_agent'))!;
  assert.equal(turn.ParentSpanId, APPLICATION_SPAN);
  const calls = rows.filter(({ SpanName }) => SpanName.startsWith('chat'));
  assert.deepEqual(
    calls.map(({ SpanId }) => SpanId).sort(),
    traced.calls.map(({ callId }) => callId.slice(0, 16)).sort(),
  );
});

test('a traceparent that is none is left alone', async () => {
  const bad = [
    'x',
    `ff-${APPLICATION_TRACE}-${APPLICATION_SPAN}-01`,
    `${TRACEPARENT}-more`,
    `00-${'0'.repeat(32)}-${APPLICATION_SPAN}-01`,
    `00-${APPLICATION_TRACE}-${'0'.repeat(16)}-01`,
    TRACEPARENT.toUpperCase(),
  ];
  const thread = new Thread().user('Hi');
  for (const text of bad) thread.answers(text).user(text);
  await put(thread.calls, (call) => ({ traceparent: call.answerPreview }));
  const calls = (await viewRows()).filter(({ SpanKind }) => SpanKind === 'Client');
  assert.equal(calls.length, bad.length);
  for (const row of calls) assert.equal(row.TraceId, row.SpanAttributes['bittern.turn.id']);
});

test('a later version of traceparent counts by its first four fields', async () => {
  const thread = new Thread().user('Hi').answers('x');
  await put(thread.calls, () => ({ traceparent: `01-${APPLICATION_TRACE}-${APPLICATION_SPAN}-01-more` }));
  for (const { TraceId } of await viewRows()) assert.equal(TraceId, APPLICATION_TRACE);
});

collectors.test('findings are log events and calls are histograms', async (collector) => {
  await putStory();
  await collector.clear();
  await collector.start();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await sendAll(collector.endpoint, { metrics: true, metricsMs: 1000 });
  await collector.stop();
  const [logs] = (await collector.received('logs')) as [
    {
      resourceLogs: {
        scopeLogs: { logRecords: { attributes: []; severityNumber: number; eventName: string; traceId: string }[] }[];
      }[];
    },
  ];
  const records = logs.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
  assert.deepEqual(
    records.map(({ attributes }) => plainAttributes(attributes)['bittern.finding.kind']),
    ['exact_repeat'],
  );
  assert.deepEqual([records[0]?.severityNumber, records[0]?.eventName], [13, 'bittern.finding']);
  assert.ok((await viewRows()).some(({ TraceId }) => TraceId === records[0]?.traceId));

  interface Point {
    readonly count: string;
    readonly sum: number;
    readonly bucketCounts: readonly string[];
    readonly attributes: [];
  }
  const requests = (await collector.received('metrics')) as {
    resourceMetrics: {
      scopeMetrics: {
        metrics: { name: string; histogram: { dataPoints: Point[]; aggregationTemporality: number } }[];
      }[];
    }[];
  }[];
  const metrics = requests
    .at(-1)!
    .resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
  const points = (name: string, type?: string): Point[] =>
    metrics
      .filter((metric) => metric.name === name)
      .flatMap(({ histogram }) => histogram.dataPoints)
      .filter(({ attributes }) => type === undefined || plainAttributes(attributes)['gen_ai.token.type'] === type);
  const total = (list: readonly Point[]) => [
    list.reduce((sum, { count }) => sum + Number(count), 0),
    list.reduce((sum, point) => sum + point.sum, 0),
  ];
  assert.deepEqual(total(points('gen_ai.client.token.usage', 'input')), [13, 11_000]);
  assert.deepEqual(total(points('gen_ai.client.token.usage', 'output')), [13, 550]);
  assert.equal(total(points('gen_ai.client.operation.duration'))[0], 13);
  assert.equal(total(points('gen_ai.client.operation.time_to_first_chunk'))[0], 13);
  for (const { histogram } of metrics) {
    assert.equal(histogram.aggregationTemporality, 2);
    for (const { count, bucketCounts } of histogram.dataPoints) {
      assert.equal(bucketCounts.length, 15);
      assert.equal(String(bucketCounts.reduce((sum, each) => sum + Number(each), 0)), count);
    }
  }
  // 1000 input tokens: above 256, not above 1024.
  const [input] = points('gen_ai.client.token.usage', 'input').filter(({ sum }) => sum > 0);
  assert.ok(Number(input?.bucketCounts[5]) > 0);
});

test('text of the traffic is sent only when it is allowed, and never stands in the view', async () => {
  const secret = 'Bitterns nest in reeds';
  const thread = new Thread()
    .user(secret)
    .asks([{ name: 'look', args: `{"q":"${secret}"}`, result: secret }])
    .answers(secret);
  await put(thread.calls);
  const receiver = await startReceiver(() => ({ status: 200 }));
  await sendAll(receiver.endpoint, { name: 'without' });
  const without = JSON.stringify(receiver.requests.map(({ body }) => body));
  const before = receiver.requests.length;
  await sendAll(receiver.endpoint, { name: 'with', content: true });
  await receiver.close();
  assert.doesNotMatch(without + JSON.stringify(await viewRows()), /reeds/);
  const spans = spansOf(receiver.requests.slice(before).map(({ body }) => body)).map(({ attributes }) =>
    plainAttributes(attributes),
  );
  const turn = spans.find((span) => span['gen_ai.operation.name'] === 'invoke_agent')!;
  assert.deepEqual(JSON.parse(turn['gen_ai.input.messages'] as string), [
    { role: 'user', parts: [{ type: 'text', content: secret }] },
  ]);
  // Readers leave out an answer that doesn't say how it ended.
  const text = { type: 'text', content: secret };
  assert.deepEqual(JSON.parse(turn['gen_ai.output.messages'] as string), [
    { role: 'assistant', parts: [text], finish_reason: 'stop' },
  ]);
  assert.deepEqual([turn['input.value'], turn['output.value']], [secret, secret]);
  const calls = spans.filter((span) => span['gen_ai.operation.name'] === 'chat');
  const answers = calls.map((call) => JSON.parse(call['gen_ai.output.messages'] as string)[0]);
  const [asked, answered] = answers.toSorted((a, b) => (a.finish_reason < b.finish_reason ? 1 : -1));
  assert.deepEqual(asked.parts.at(-1), {
    type: 'tool_call',
    id: asked.parts.at(-1).id,
    name: 'look',
    arguments: { q: secret },
  });
  assert.equal(asked.finish_reason, 'tool_call');
  assert.deepEqual(answered, { role: 'assistant', parts: [text], finish_reason: 'stop' });
  const tool = spans.find((span) => span['gen_ai.operation.name'] === 'execute_tool')!;
  assert.equal(asked.parts.at(-1).id, tool['gen_ai.tool.call.id']);
  assert.deepEqual([tool['input.value'], tool['input.mime_type']], [`{"q":"${secret}"}`, 'application/json']);
  assert.deepEqual(
    [tool['gen_ai.tool.call.arguments'], tool['gen_ai.tool.call.result']],
    [`{"q":"${secret}"}`, secret],
  );
});

/** The time of the calls in this test is long ago. */
const TEN_YEARS_MS = 315_360_000_000;

test('an open turn is sent when it has been quiet, and again when it goes on', async () => {
  const thread = new Thread().user('Hi').asks([{ name: 'look', result: 'x' }]);
  const open = [...thread.calls];
  const receiver = await startReceiver(() => ({ status: 200 }));
  const turns = () =>
    spansOf(receiver.requests.map(({ body }) => body)).filter(({ name }) => name.startsWith('invoke_agent'));
  await put(open);
  const { exporter, close } = exporterTo(receiver.endpoint, { quietMs: TEN_YEARS_MS, logs: false });
  await exporter.catchUp();
  assert.equal(turns().length, 0);
  const quiet = exporterTo(receiver.endpoint, { name: 'quiet', quietMs: 0, logs: false });
  await quiet.exporter.catchUp();
  assert.equal(turns().length, 1);
  await put(thread.answers('Done').calls.slice(open.length));
  await exporter.catchUp();
  await quiet.exporter.catchUp();
  await quiet.exporter.catchUp();
  assert.equal(turns().length, 3);
  assert.equal(new Set(turns().map(({ spanId }) => spanId)).size, 1);
  await close();
  await quiet.close();
  await receiver.close();
});

test('an exporter begins with what is stored from its first start on, and goes on where it was', async () => {
  const sink = new ClickHouseSink(store);
  await sink.add(
    new Thread({ session: 'old' })
      .user('Old')
      .answers('x')
      .calls.map((call) => callObservation(storedCall(call))),
  );
  await sink.close();
  const age = 'INSERT INTO calls SELECT * REPLACE (now() - INTERVAL 5 MINUTE AS stored) FROM calls';
  await store.client.command({ query: age });
  await store.client.command({ query: 'DELETE FROM calls WHERE stored > now() - INTERVAL 1 MINUTE' });
  const receiver = await startReceiver(() => ({ status: 200 }));
  await sendAll(receiver.endpoint, { backfill: false });
  assert.equal(receiver.requests.length, 0);
  await put(new Thread({ session: 'new' }, 50).user('New').answers('x').calls);
  await sendAll(receiver.endpoint, { backfill: false });
  const sent = spansOf(receiver.requests.map(({ body }) => body)).map(({ name, attributes }) => [
    name.split(' ')[0],
    plainAttributes(attributes)['session.id'],
  ]);
  assert.deepEqual(
    sent.filter(([name]) => name === 'chat'),
    [['chat', 'new']],
  );
});

test('keys are asked for in parts that ClickHouse takes, each once', () => {
  const rows = Array.from({ length: 300 }, (_, i) => ({ key: `${i}:${'ü'.repeat(i * 10)}`, version: '1', at: i }));
  const parts = askable(rows);
  assert.deepEqual(parts.flat(), rows);
  for (const part of parts) assert.ok(part.reduce((sum, { key }) => sum + Buffer.byteLength(key) + 3, 0) <= 50_000);
  assert.deepEqual(askable([]), []);
});

test('sessions with long names, quotes and colons are sent', async () => {
  const long = (i: number): string => `${i}:'"\\${'ü'.repeat(110)}`;
  const threads = Array.from({ length: 240 }, (_, i) =>
    new Thread({ session: long(i), thread: `${i}` }, i)
      .user('Hi')
      .asks([{ name: 'look', result: 'x' }])
      .answers('y'),
  );
  await put(threads.flatMap(({ calls }) => calls));
  const receiver = await startReceiver(() => ({ status: 200 }));
  const stats = await sendAll(receiver.endpoint, { logs: false });
  assert.equal(stats.sent, 240 * 4);
  const spans = spansOf(receiver.requests.map(({ body }) => body));
  assert.equal(new Set(spans.map(({ attributes }) => plainAttributes(attributes)['session.id'])).size, 240);
});

test('the migration is what the mapping makes', () => {
  const file = new URL('../../schemas/clickhouse/0014-otel-traces.sql', import.meta.url);
  assert.equal(readFileSync(file, 'utf8'), tracesMigration());
});

test('traces are found by the lookup that dashboards use', async () => {
  await putStory();
  const query = `WITH (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = '${APPLICATION_TRACE}') AS s,
      (SELECT max(End) + 1 FROM otel_traces_trace_id_ts WHERE TraceId = '${APPLICATION_TRACE}') AS e
    SELECT TraceId AS traceID, SpanId AS spanID, ParentSpanId AS parentSpanID, ServiceName AS serviceName, SpanName AS operationName,
      Timestamp AS startTime, multiply(Duration, 0.000001) AS duration,
      arrayMap(key -> map('key', key, 'value', SpanAttributes[key]), mapKeys(SpanAttributes)) AS tags
    FROM otel_traces WHERE traceID = '${APPLICATION_TRACE}' AND Timestamp >= s AND Timestamp <= e`;
  const rows = await (await store.client.query({ query, format: 'JSONEachRow' })).json();
  assert.equal(rows.length, 4);
});

test('every attribute has one meaning', () => {
  for (const { attributes } of Object.values(SPAN_MAPPINGS)) {
    const keys = attributes.map(({ key }) => key);
    assert.equal(new Set(keys).size, keys.length);
  }
});
