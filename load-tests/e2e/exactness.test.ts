import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compare } from '../compare.ts';
import { GENERATOR_DEFAULTS, type GeneratorOptions, generate } from '../generator/generate.ts';
import { type ObserveOptions, observeCapture, rowsOf } from './observe.ts';

/** What a failure prints of many differences. */
const SHOWN = 8;
const CALLS = 100;
const PROPERTY = { runs: 15, calls: 40 } as const;

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
    const lost = (kinds: readonly string[]): number => manifest.calls.filter(({ loss }) => kinds.includes(loss)).length;
    const marked = result.flagged + result.unseen;
    assert.ok(marked >= lost(['data']) && marked <= lost(['data', 'near', 'control']), `${marked} calls are marked`);
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

test('the same through Vertex and Code Assist, which carry the bodies of other APIs', async () => {
  for (const seed of seeds(51, 3)) assert.deepEqual(await differences({ seed, carried: true }), []);
});

test('packets reordered and duplicated, 2 % each, lose nothing and change nothing', async () => {
  for (const seed of seeds(101, 8)) assert.deepEqual(await differences({ seed, reorder: 0.02, duplicate: 0.02 }), []);
});

test('every packet twice, as on the interface `any`, changes nothing', async () => {
  for (const seed of seeds(201, 3)) assert.deepEqual(await differences({ seed, duplicate: 1 }), []);
});

test('with loss, what lost nothing is exact, what lost something is flagged, and nothing is invented', async () => {
  for (const seed of seeds(301, 8)) assert.deepEqual(await differences({ seed, loss: 0.001 }), []);
  // 1020: the last bytes before a reset; 1026: an interim response; 1070: the end of a connection, with nothing
  // behind it; 1297: a whole answer that only a reset acknowledged.
  for (const seed of [...seeds(401, 6), 1020, 1026, 1070, 1297])
    assert.deepEqual(await differences({ seed, loss: 0.02, reorder: 0.02, duplicate: 0.02 }), []);
});

test('over HTTP/2, without loss, every stored call equals the manifest, field by field', async () => {
  for (const seed of seeds(701, 4)) assert.deepEqual(await differences({ seed, http2: 1 }), []);
  for (const seed of seeds(705, 2)) {
    const faults = { reorder: 0.02, duplicate: 0.02, midStream: 0.3 };
    assert.deepEqual(await differences({ seed, http2: 0.6, ...faults }, { serialize: true, chunkBytes: 997 }), []);
  }
});

test('over HTTP/2, with loss, what lost nothing is exact, what lost something is flagged, and nothing is invented', async () => {
  for (const seed of seeds(711, 4)) assert.deepEqual(await differences({ seed, http2: 1, loss: 0.001 }), []);
  for (const seed of seeds(721, 4)) {
    const faults = { reorder: 0.02, duplicate: 0.02, loss: 0.02, midStream: 0.2 };
    assert.deepEqual(await differences({ seed, http2: 1, ...faults }), []);
  }
  assert.deepEqual(await differences({ seed: 731, http2: 1, snapLengthBytes: 600 }), []);
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

const share = (percentMax: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: percentMax * 10 }).map((permille) => permille / 1000),
  );

/** Everything that may differ between two captures of equal traffic, and between two ways to read one. */
const ways = {
  seed: fc.integer({ min: 0, max: 0xffff_ffff }),
  reorder: share(5),
  duplicate: share(5),
  pipelining: fc.constantFrom(0, 0.08, 0.5, 1),
  midStream: fc.constantFrom(0, 0.03, 0.3),
  http2: fc.constantFrom(0, 0, 0.4, 1),
  segmentation: fc.constantFrom<GeneratorOptions['segmentation'][]>('mixed', 'mss', 'tiny', 'random', 'super'),
  chunkBytes: fc.constantFrom(331, 1499, 65_536, 1 << 24),
  frameBytesMax: fc.constantFrom(512, 4096, 262_144),
  serialize: fc.boolean(),
};

function observeOf(way: { readonly chunkBytes: number; readonly frameBytesMax: number; readonly serialize: boolean }) {
  const { chunkBytes, frameBytesMax, serialize } = way;
  return { chunkBytes, serialize, capture: { frameBytesMax } };
}

test('whatever the traffic, its order on the wire and the pieces it is read in: without loss all is exact', async () => {
  const property = fc.asyncProperty(fc.record(ways), async (way) => {
    assert.deepEqual(await differences({ ...way, calls: PROPERTY.calls }, observeOf(way)), []);
  });
  await fc.assert(property, { numRuns: PROPERTY.runs });
});

test('whatever the traffic and its loss: exact or flagged, and nothing invented', async () => {
  const lossy = fc.record({ ...ways, loss: fc.integer({ min: 1, max: 30 }).map((permille) => permille / 1000) });
  const property = fc.asyncProperty(lossy, async (way) => {
    assert.deepEqual(await differences({ ...way, calls: PROPERTY.calls }, observeOf(way)), []);
  });
  await fc.assert(property, { numRuns: PROPERTY.runs });
});

test('calls over WebSocket equal the manifest as well, with packets reordered and doubled', async () => {
  for (const seed of seeds(701, 6)) assert.deepEqual(await differences({ seed, sockets: 0.5 }), []);
  for (const seed of seeds(711, 3)) {
    assert.deepEqual(await differences({ seed, sockets: 0.8, reorder: 0.02, duplicate: 0.02 }), []);
  }
});

test('calls over WebSocket with loss: exact or flagged, and nothing invented', async () => {
  for (const seed of seeds(801, 8)) assert.deepEqual(await differences({ seed, sockets: 0.8, loss: 0.005 }), []);
});
