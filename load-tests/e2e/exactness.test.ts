import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../compare.ts';
import { GENERATOR_DEFAULTS, type GeneratorOptions, generate } from '../generator/generate.ts';
import { type ObserveOptions, observeCapture, rowsOf } from './observe.ts';

/** What a failure prints of many differences. */
const SHOWN = 8;
const CALLS = 100;

async function differences(
  options: Partial<GeneratorOptions>,
  observe: ObserveOptions = {},
): Promise<readonly string[]> {
  const { pcap, manifest } = generate({ ...GENERATOR_DEFAULTS, calls: CALLS, ...options });
  const observed = await observeCapture(pcap, observe);
  const result = compare(manifest, rowsOf(observed));
  const ids = observed.calls.map((call) => call.callId);
  assert.equal(new Set(ids).size, ids.length, 'every call has an id of its own');
  if (manifest.capture.lost_packets === 0 && (options.snapLengthBytes ?? 262_144) === 262_144) {
    assert.equal(result.flagged + result.unseen, manifest.calls.filter((call) => call.loss !== 'none').length);
    assert.deepEqual(
      observed.reports.flatMap((report) => report.losses.filter((loss) => loss.reason !== 'not_http')),
      [],
      'nothing may count as lost',
    );
  }
  return result.differences.map((difference) => `seed ${options.seed}: ${difference}`).slice(0, SHOWN);
}

const seeds = (from: number, count: number): number[] => Array.from({ length: count }, (_, at) => from + at);

test('without loss, every stored call equals the manifest, field by field', async () => {
  for (const seed of seeds(1, 12)) assert.deepEqual(await differences({ seed }), []);
});

test('packets reordered and duplicated, 2 % each, lose nothing and change nothing', async () => {
  for (const seed of seeds(101, 8)) assert.deepEqual(await differences({ seed, reorder: 0.02, duplicate: 0.02 }), []);
});

test('every packet twice, as on the interface `any`, changes nothing', async () => {
  for (const seed of seeds(201, 3)) assert.deepEqual(await differences({ seed, duplicate: 1 }), []);
});

test('with loss, what lost nothing is exact, what lost something is flagged, and nothing is invented', async () => {
  for (const seed of seeds(301, 8)) assert.deepEqual(await differences({ seed, loss: 0.001 }), []);
  for (const seed of seeds(401, 6))
    assert.deepEqual(await differences({ seed, loss: 0.02, reorder: 0.02, duplicate: 0.02 }), []);
});

test('packets cut by the snap length are flagged, whole ones are exact', async () => {
  for (const seed of seeds(501, 3)) assert.deepEqual(await differences({ seed, snapLengthBytes: 600 }), []);
});

test('the bytes may come in any pieces, and through the codecs of a broker', async () => {
  for (const seed of seeds(601, 2)) {
    assert.deepEqual(await differences({ seed }, { chunkBytes: 997, serialize: true }), []);
    assert.deepEqual(
      await differences({ seed, pipelining: 0.5 }, { capture: { frameBytesMax: 1500, frameDelayMs: 0 } }),
      [],
    );
  }
});
