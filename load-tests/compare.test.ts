import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, micros, type Row } from './compare.ts';
import { generate } from './generator/generate.ts';
import type { Manifest } from './manifest.ts';

/** The rows that a perfect observer stores. */
const perfect = (manifest: Manifest): Row[] =>
  manifest.calls.map((call) => ({
    ...call.expected,
    request_json: call.request_body,
    tool_arguments: call.tool_arguments,
    ...(call.loss === 'data' ? { completeness: 'gap', missing_bytes: call.lost_bytes } : {}),
  }));

const { manifest } = generate({ seed: 21, calls: 40, midStream: 0 });
const lossy = generate({ seed: 22, calls: 60, midStream: 0, loss: 0.01 }).manifest;

test('perfect rows have no difference, with loss and without', () => {
  assert.deepEqual(compare(manifest, perfect(manifest)).differences, []);
  const result = compare(lossy, perfect(lossy).reverse());
  assert.deepEqual(result.differences, []);
  assert.ok(result.flagged > 0);
  assert.equal(result.exact + result.flagged, lossy.calls.length);
});

test('rows without a request id are paired by addresses and time', () => {
  const rows = perfect(manifest).map((row) => ({ ...row, request_id: '' }));
  assert.deepEqual(compare(manifest, rows).differences, []);
});

test('every wrong column is told', () => {
  const rows = perfect(manifest);
  for (const field of Object.keys(manifest.calls[0]!.expected)) {
    if (field === 'request_id' || field.startsWith('client_') || field.startsWith('server_')) continue;
    const changed = rows.map((row, at) => (at === 0 ? { ...row, [field]: 'wrong' } : row));
    const { differences } = compare(manifest, changed);
    assert.equal(differences.length, 1, field);
    assert.ok(differences[0]!.includes(field), differences[0]);
  }
});

test('a request that reads differently as JSON is told, another order of keys is not', () => {
  const [first, ...others] = perfect(manifest);
  const body = JSON.parse(String(first!.request_json)) as Record<string, unknown>;
  const turned = JSON.stringify(Object.fromEntries(Object.entries(body).reverse()));
  assert.deepEqual(compare(manifest, [{ ...first, request_json: turned }, ...others]).differences, []);
  const changed = JSON.stringify({ ...body, extra: 1 });
  assert.equal(compare(manifest, [{ ...first, request_json: changed }, ...others]).differences.length, 1);
});

test('a missing row, an invented row and a row twice are told', () => {
  const rows = perfect(manifest);
  assert.match(compare(manifest, rows.slice(1)).differences.join(), /has no row/);
  assert.match(compare(manifest, [...rows, { ...rows[0] }]).differences.join(), /invented/);
  assert.match(compare(manifest, [...rows, { model: 'x' }]).differences.join(), /invented/);
});

test('a call that lost bytes must be flagged or absent', () => {
  const hit = lossy.calls.findIndex((call) => call.loss === 'data');
  const rows = perfect(lossy);
  const plain = rows.map((row, at) => (at === hit ? { ...row, completeness: 'full', missing_bytes: 0 } : row));
  assert.match(compare(lossy, plain).differences.join(), /isn't flagged/);
  const absent = compare(lossy, rows.toSpliced(hit, 1));
  assert.deepEqual(absent.differences, []);
  assert.equal(absent.unseen, 1);
});

test('a call pipelined behind a damaged one may be exact or flagged, but not wrong', () => {
  const calls = manifest.calls.map((call, at) => (at === 3 ? { ...call, loss: 'near' as const } : call));
  const near = { ...manifest, calls };
  const rows = perfect(near);
  const withRow = (change: Row): readonly string[] =>
    compare(near, rows.with(3, { ...rows[3], ...change })).differences;
  assert.deepEqual(withRow({}), []);
  assert.deepEqual(withRow({ completeness: 'gap', outcome: 'partial_capture' }), []);
  assert.equal(withRow({ status: 1 }).length, 1);
});

test('times are read as numbers and as text', () => {
  assert.equal(micros('2026-11-18 10:26:40.000012'), 1_794_997_600_000_012);
  assert.equal(micros('2026-11-18T10:26:40Z'), 1_794_997_600_000_000);
  assert.equal(micros(12), 12);
  assert.equal(micros(null), null);
});
