import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Observation } from '../../schemas/call.ts';
import { sampleCall, sampleExchange } from '../clickhouse/testing.ts';
import { traceHeaders } from './trace.ts';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7';

function headersOf(traceparent: string) {
  const observation: Observation = { type: 'call', call: sampleCall(1, { traceparent }), contents: [] };
  return traceHeaders(observation);
}

test('the trace context of a call is a record header; what a later version appends is left out', () => {
  assert.deepEqual(headersOf(`00-${ID}-01`), { traceparent: `00-${ID}-01` });
  assert.deepEqual(headersOf(`cc-${ID}-01-what-comes-later`), { traceparent: `cc-${ID}-01` });
});

test('anything else that traffic has in that header stays in the row', () => {
  const invalid = ['', 'abc', `ff-${ID}-01`, `00-${ID}-01x`, `00-${ID.toUpperCase()}-01`, `00-${ID}`, `x00-${ID}-01`];
  for (const text of [...invalid, `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, `00-${ID}-01\n`, 'x'.repeat(100_000)]) {
    assert.equal(headersOf(text), undefined, text.slice(0, 80));
  }
  assert.equal(traceHeaders({ type: 'exchange', exchange: sampleExchange(1) }), undefined);
});
