import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BitternError } from '../services/common/errors.ts';
import { AvroContract, fingerprintOf, type Schema, type WireShape } from './avro/contract.ts';
import { canonicalForm, crc64Avro } from './avro/fingerprint.ts';
import { singleObjectCodec } from './avro/single-object.ts';
import { CODEC_DEFAULTS, frameCodec, probeReportCodec } from './codec.ts';
import type { Frame, ProbeReport } from './frame.ts';
import { count, anyFrame as frames, lossesOf } from './frame-testing.ts';

/** avsc's records have constructors of their own; only their values count. */
function plain(frame: Frame): unknown {
  return { ...(JSON.parse(JSON.stringify(frame)) as object), payload: Buffer.from(frame.payload) };
}

function sample(payload: Buffer): Frame {
  const frame = fc.sample(frames, { numRuns: 1, seed: 7 })[0]!;
  return { ...frame, payload };
}

const unknownSchema = (error: unknown) => error instanceof BitternError && error.code === 'BIT_SCHEMA_UNKNOWN';
const unreadable = (error: unknown) => error instanceof BitternError && error.code === 'BIT_FRAME_UNREADABLE';

function codecWith<T>(shape: WireShape<T>, schemas: readonly unknown[]) {
  return singleObjectCodec(
    new AvroContract({ name: 'FRAME', schemas: schemas as Schema[], shape, recordBytesMax: 1000 }),
  );
}

describe('fingerprints', () => {
  it('are the CRC-64-AVRO of the specification', () => {
    // share/test/data/schema-tests.txt of the Avro project, as signed 64-bit numbers.
    const vectors: readonly (readonly [string, bigint])[] = [
      ['"null"', 7195948357588979594n],
      ['"boolean"', -6970731678124411036n],
      ['"int"', 8247732601305521295n],
      ['"long"', -3434872931120570953n],
      ['"float"', 5583340709985441680n],
      ['"double"', -8181574048448539266n],
      ['"bytes"', 5746618253357095269n],
      ['"string"', -8142146995180207161n],
    ];
    for (const [text, expected] of vectors)
      assert.equal(BigInt.asIntN(64, crc64Avro(Buffer.from(text))), expected, text);
    assert.equal(crc64Avro(Buffer.alloc(0)), 0xc15d213aa4d7a795n);
  });

  it('do not depend on docs, defaults, aliases, attribute order or spelling of primitives', () => {
    const bare = { type: 'record', name: 'a.b.R', fields: [{ name: 'x', type: 'int' }] };
    const dressed = {
      doc: 'words',
      fields: [{ doc: 'more', default: 1, type: { type: 'int' }, name: 'x' }],
      aliases: ['Old'],
      namespace: 'a.b',
      name: 'R',
      type: 'record',
    };
    assert.equal(canonicalForm(dressed), '{"name":"a.b.R","type":"record","fields":[{"name":"x","type":"int"}]}');
    assert.equal(fingerprintOf(bare as never), fingerprintOf(dressed as never));
  });
});

describe('the frame codec', () => {
  it('gives back every frame as it was', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        assert.deepEqual(plain(frameCodec.decode(frameCodec.encode(frame))), plain(frame));
      }),
      { numRuns: 300 },
    );
  });

  it('writes C3 01 and the little-endian fingerprint of its schema', () => {
    const schema: unknown = JSON.parse(readFileSync(new URL('./avro/frame.v1.avsc', import.meta.url), 'utf8'));
    const bytes = frameCodec.encode(sample(Buffer.from('GET / HTTP/1.1')));
    assert.equal(bytes.readUInt16BE(0), 0xc301);
    assert.equal(bytes.readBigUInt64LE(2), fingerprintOf(schema as never));
  });

  it('owns the payload that it decodes', () => {
    const bytes = frameCodec.encode(sample(Buffer.alloc(300, 1)));
    const { payload } = frameCodec.decode(bytes);
    bytes.fill(9);
    assert.ok(payload.every((byte) => byte === 1));
  });

  it('refuses records that the bus would refuse', () => {
    assert.throws(
      () => frameCodec.encode(sample(Buffer.alloc(CODEC_DEFAULTS.recordBytesMax))),
      (error) => error instanceof BitternError && error.code === 'BIT_FRAME_TOO_LARGE',
    );
    assert.ok(frameCodec.encode(sample(Buffer.alloc(CODEC_DEFAULTS.recordBytesMax - 5000))).length < 1_000_000);
  });

  it('refuses bytes that are no Avro object, of an unknown schema, or cut anywhere', () => {
    const good = frameCodec.encode(sample(Buffer.from('payload')));
    assert.throws(() => frameCodec.decode(Buffer.alloc(0)), unreadable);
    assert.throws(() => frameCodec.decode(Buffer.from('{"json":true}')), unreadable);
    const foreign = Buffer.from(good);
    foreign[5] = foreign[5]! ^ 1;
    assert.throws(() => frameCodec.decode(foreign), unknownSchema);
    for (let end = 0; end < good.length; end++)
      assert.throws(() => frameCodec.decode(good.subarray(0, end)), unreadable);
    assert.throws(() => frameCodec.decode(Buffer.concat([good, Buffer.from([0])])), unreadable);
  });

  it('reads damaged bytes as a frame or refuses them, and never hangs or throws anything else', () => {
    const good = frameCodec.encode(sample(Buffer.from('payload')));
    const damage = fc.array(fc.tuple(fc.integer({ min: 10, max: good.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          frameCodec.decode(bytes);
        } catch (error) {
          assert.ok(unreadable(error), String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('schema resolution', () => {
  const v1 = { type: 'record', name: 'R', fields: [{ name: 'a', type: 'int' }] } as const;
  const v2 = {
    type: 'record',
    name: 'R',
    fields: [
      { name: 'b', type: 'string', default: 'unknown' },
      { name: 'a', type: 'int' },
    ],
  } as const;
  const shape = {
    toWire: (value: { readonly a: number; readonly b?: string }) => value,
    fromWire: (wire: unknown) => ({ ...(wire as { a: number; b?: string }) }),
    sizeGuess: () => 4,
  };
  const codecOf = (...schemas: readonly unknown[]) => codecWith(shape, schemas);
  const old = codecOf(v1);
  const grown = codecOf(v2, v1);

  it('gives a new reader the defaults of fields that an old writer did not know', () => {
    assert.deepEqual(grown.decode(old.encode({ a: 5 })), { a: 5, b: 'unknown' });
  });

  it('lets an old reader that knows the new schema skip its new fields', () => {
    const oldReader = codecOf(v1, v2);
    assert.deepEqual(oldReader.decode(grown.encode({ a: 5, b: 'x' })), { a: 5 });
  });

  it('refuses a writer schema that it was not given', () => {
    assert.throws(() => old.decode(grown.encode({ a: 5, b: 'x' })), unknownSchema);
  });

  it('survives a size guess that was too small', () => {
    assert.deepEqual(grown.decode(grown.encode({ a: 5, b: 'x'.repeat(500) })), { a: 5, b: 'x'.repeat(500) });
  });

  it('tells at start, not per record, when two schemas do not resolve', () => {
    const incompatible = { type: 'record', name: 'R', fields: [{ name: 'a', type: 'string' }] };
    assert.throws(() => codecOf(v1, incompatible));
  });
});

describe('the probe report codec', () => {
  it('gives back every report as it was', () => {
    const reports: fc.Arbitrary<ProbeReport> = fc.record({
      probe: fc.string(),
      source: fc.string(),
      from: count,
      to: count,
      packets: count,
      bytes: count,
      connections: count,
      frames: count,
      payloadBytes: count,
      retransmittedBytes: count,
      losses: lossesOf(count),
      notes: fc.array(fc.string({ unit: 'grapheme' })),
    });
    fc.assert(
      fc.property(reports, (report) => {
        const back = probeReportCodec.decode(probeReportCodec.encode(report));
        assert.deepEqual(JSON.parse(JSON.stringify(back)), JSON.parse(JSON.stringify(report)));
      }),
    );
  });
});
