import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMetrics } from './exposition.ts';
import { sample, summed } from './metrics.ts';

test('samples are grouped by metric, with help and type, whatever order they come in', () => {
  const text = renderMetrics([
    sample('bittern_consumer_lag_records', 7, { topic: 'one', partition: 0 }),
    sample('bittern_ready', 1),
    sample('bittern_consumer_lag_records', 0.5, { topic: 'one', partition: 1 }),
  ]);
  assert.match(text, /^# HELP bittern_ready .*\n# TYPE bittern_ready gauge\nbittern_ready 1\n/);
  assert.match(
    text,
    /# TYPE bittern_consumer_lag_records gauge\nbittern_consumer_lag_records\{topic="one",partition="0"\} 7\nbittern_consumer_lag_records\{topic="one",partition="1"\} 0\.5\n$/,
  );
});

test('a summary is a sum and a count', () => {
  const text = renderMetrics([summed('bittern_sink_batch_rows', 12, 3)]);
  assert.match(text, /\nbittern_sink_batch_rows_sum 12\nbittern_sink_batch_rows_count 3\n$/);
});

test('what would break a line is escaped in label values', () => {
  const text = renderMetrics([sample('bittern_not_ready', 1, { reason: 'a"b\\c\nd' })]);
  assert.match(text, /\nbittern_not_ready\{reason="a\\"b\\\\c\\nd"\} 1\n$/);
});

test('labels that a metric does not have are refused', () => {
  assert.throws(() => renderMetrics([sample('bittern_ready', 1, { agent: 'x' })]), RangeError);
  assert.throws(() => renderMetrics([sample('bittern_consumer_records_total', 1)]), RangeError);
});
