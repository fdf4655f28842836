/** The same traffic with the reassembler in the main thread and spread over workers: the same observations, and the manifest's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../compare.ts';
import { GENERATOR_DEFAULTS, type GeneratorOptions, generate } from '../generator/generate.ts';
import { type Observed, observeCapture, rowsOf } from './observe.ts';

const CALLS = 120;
const SHOWN = 8;

const TRAFFIC: readonly Partial<GeneratorOptions>[] = [
  { seed: 2001 },
  { seed: 2002, reorder: 0.02, duplicate: 0.02, pipelining: 0.5 },
  { seed: 2003, loss: 0.02, midStream: 0.3 },
  { seed: 2004, http2: 1 },
  { seed: 2005, http2: 0.6, loss: 0.02, reorder: 0.02 },
  { seed: 2006, sockets: 0.8 },
  { seed: 2007, sockets: 0.5, loss: 0.01, carried: true },
];

const byId = <T>(rows: readonly T[], idOf: (row: T) => string): T[] =>
  rows.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));

/** Between connections there is no order; everything else must be equal. */
function sorted({ calls, exchanges, executions, contents, reports }: Observed) {
  return {
    calls: byId(calls, ({ callId }) => callId),
    exchanges: byId(exchanges, ({ exchangeId }) => exchangeId),
    executions: byId(executions, ({ executionId }) => executionId),
    contents: byId([...contents.values()], ({ hash }) => hash),
    reports,
  };
}

/** Ids in the order in which they came, by connection. */
function orders({ calls }: Observed): Map<string, string[]> {
  const orders = new Map<string, string[]>();
  for (const { connectionId, callId } of calls) orders.set(connectionId, [...(orders.get(connectionId) ?? []), callId]);
  return orders;
}

test('one worker and several observe what one thread does, in the same order within a connection', async () => {
  for (const traffic of TRAFFIC) {
    const { pcap, manifest } = generate({ ...GENERATOR_DEFAULTS, calls: CALLS, ...traffic });
    const one = await observeCapture(pcap);
    for (const workers of traffic.seed === 2001 ? [1, 2, 4] : [2]) {
      const several = await observeCapture(pcap, { workers, chunkBytes: 9973 });
      const { differences } = compare(manifest, rowsOf(several));
      assert.deepEqual(differences.slice(0, SHOWN), [], `seed ${traffic.seed}, ${workers} workers`);
      assert.deepEqual(sorted(several), sorted(one), `seed ${traffic.seed}, ${workers} workers`);
      assert.deepEqual(orders(several), orders(one));
    }
  }
});

test('the same when values pass through the codecs of a broker on their way to the workers', async () => {
  const { pcap } = generate({ ...GENERATOR_DEFAULTS, calls: CALLS, seed: 2011, http2: 0.3 });
  const one = await observeCapture(pcap, { serialize: true });
  const two = await observeCapture(pcap, { serialize: true, workers: 2 });
  assert.deepEqual(sorted(two), sorted(one));
});
