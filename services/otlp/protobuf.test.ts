/** Against the official definitions (load-tests/otlp/official.ts), which know nothing of messages.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { official, skip } from '../../load-tests/otlp/official.ts';
import { spanRows } from '../../load-tests/otlp/rows.ts';
import { encodeSpans, type SpanRow } from './encode.ts';
import { encodeFindings } from './findings.ts';
import type { Signal } from './messages.ts';
import { encodeMetrics, METRICS, type Series } from './metrics.ts';
import { toProtobuf } from './protobuf.ts';
import type { FindingRow } from './reader.ts';

/** Protobuf doesn't write what is zero or empty in a field that must not be told apart from none. */
function withoutDefaults(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([key, each]) =>
      each !== undefined && !(key === 'code' && each === 0) && !(Array.isArray(each) && each.length === 0),
  );
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutDefaults(each)]));
}

function assertSame(requests: readonly (readonly [Signal, object])[]): void {
  const lines = requests.map(([signal, request]) => ({
    signal,
    body: toProtobuf(signal, request).toString('base64'),
  }));
  const read = official(lines);
  assert.equal(read.length, requests.length);
  requests.forEach(([, request], i) => {
    assert.deepEqual(read[i], { unknown: 0, request: withoutDefaults(request) });
  });
}

/** Long ones so that now this kind of field, now that one makes the writer's buffer grow. */
const text = fc.oneof(
  { weight: 9, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 60_000 }).map((length) => 'ü'.repeat(length)) },
);
const int = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const double = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value));
const hex = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString('hex'));
const nanos = fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }).map(String);

const row: fc.Arbitrary<SpanRow> = fc.record({
  kind: fc.constant('call' as const),
  startNanos: nanos,
  endNanos: nanos,
  TraceId: hex(16),
  SpanId: hex(8),
  ParentSpanId: fc.oneof(fc.constant(''), hex(8)),
  SpanName: text.filter((name) => name !== ''),
  SpanKind: fc.constantFrom('Client', 'Internal'),
  ResourceAttributes: fc.record({ 'service.name': text }),
  SpanAttributes: fc.record({
    'gen_ai.usage.input_tokens': int,
    'gen_ai.request.temperature': double.map(String),
    'gen_ai.request.stream': fc.boolean().map(String),
    'gen_ai.response.finish_reasons': fc
      .array(text, { minLength: 1, maxLength: 3 })
      .map((list) => JSON.stringify(list)),
    'gen_ai.response.id': text,
  }),
  StatusCode: fc.constantFrom('Unset', 'Ok', 'Error'),
  StatusMessage: text,
  linkTraces: fc.array(hex(16), { maxLength: 2 }),
  linkSpans: fc.array(hex(8), { minLength: 2, maxLength: 2 }),
});

test('spans of any kind are read by the official definitions as JSON has them', { skip }, () => {
  const sampled = fc.sample(fc.array(row, { minLength: 1, maxLength: 20 }), 60);
  assertSame([...sampled, spanRows(1000)].map((rows) => ['traces', encodeSpans(rows)]));
});

test('histograms and findings are read by the official definitions as JSON has them', { skip }, () => {
  const [metric] = METRICS;
  const series = fc.record({
    metric: fc.constant(metric!),
    attributes: fc.dictionary(fc.string({ minLength: 1 }), text, { maxKeys: 3 }),
    count: fc.maxSafeNat().map((count) => count + 1),
    sum: double,
    buckets: fc.array(fc.maxSafeNat(), { minLength: 15, maxLength: 15 }),
  }) as fc.Arbitrary<Series>;
  const finding: FindingRow = {
    ...{ finding_id: 'f', version: '1790000000000000', kind: 'exact_repeat', rule: '', level: 'alert', state: 'open' },
    ...{ session_id: 's', turn_id: 't', agent_id: 'a', user_id: '', team_id: '', tool_name: 'read', summary: 'Again' },
    ...{ occurrences: 6, wasted_calls: 5, wasted_tokens: '9007199254740993', wasted_cost_usd: 0.25 },
    ...{ nanos: '1790000000000000123', TraceId: 'ab'.repeat(16), SpanId: 'cd'.repeat(8) },
  };
  const span = { from: 1_790_000_000_000_000, until: 1_790_000_060_000_000, temporality: 'delta' as const };
  assertSame([
    ...fc
      .sample(fc.array(series, { minLength: 1, maxLength: 4 }), 30)
      .map((all): [Signal, object] => ['metrics', encodeMetrics(all, span, 'test')]),
    ['logs', encodeFindings([finding, { ...finding, TraceId: '', level: 'critical', agent_id: '' }])],
  ]);
});

test('a request without data has no bytes, and a field that is not known is an error', () => {
  assert.equal(toProtobuf('traces', { resourceSpans: [] }).length, 0);
  assert.throws(() => toProtobuf('logs', { resourceLogs: [{ schemaUrl: 'x' }] }), /no field schemaUrl/);
});
