import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { METRICS, type MetricDefinition } from './metrics.ts';
import { metricsTable } from './metrics-doc.ts';

const DOC = new URL('../../docs/operate.md', import.meta.url);

test('docs/operate.md lists the metrics as they are', () => {
  const page = readFileSync(DOC, 'utf8');
  const listed = page.split('\n').filter((line) => /^\| `(bittern|process|nodejs)_/.test(line));
  assert.deepEqual(listed, metricsTable().split('\n').slice(2));
});

test('names follow the Prometheus conventions', () => {
  for (const [name, { type, help }] of Object.entries<MetricDefinition>(METRICS)) {
    assert.match(name, /^[a-z][a-z0-9_]*$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.match(help, /\.$/, name);
  }
});

test('no label can tell an agent, a session or a call apart', () => {
  const allowed = new Set([
    ...['topic', 'partition', 'stage', 'reason', 'result', 'table', 'version', 'signal', 'status', 'rule', 'worker'],
  ]);
  for (const [name, { labels }] of Object.entries<MetricDefinition>(METRICS))
    for (const label of labels) assert.ok(allowed.has(label), `${name} has ${label}`);
});
