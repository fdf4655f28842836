/**
 * Releases beside each other while an installation is upgraded: each reads what the other writes, in both directions. `lean` is a
 * release without one of today's fields, `rich` one with a field that doesn't exist today.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { before, describe, it, test } from 'node:test';
import { observationsOf } from '../load-tests/e2e/observations.ts';
import { generate } from '../load-tests/generator/generate.ts';
import type { Codec } from '../services/bus/bus.ts';
import type { ConnectionId } from '../services/common/types.ts';
import {
  AvroContract,
  fingerprintOf,
  fingerprintText,
  loadSchemas,
  type Schema,
  type WireShape,
} from './avro/contract.ts';
import { singleObjectCodec } from './avro/single-object.ts';
import { FRAME_CONTRACT, OBSERVATION_CONTRACT, SCHEMA_FILES } from './codec.ts';
import type { Frame } from './frame.ts';
import { plain, type SchemaField, withFields } from './testing.ts';

type Value = Readonly<Record<string, unknown>>;

/** What other releases do with the fields that they know. */
const AS_IT_IS: WireShape<Value> = {
  toWire: (value) => value,
  fromWire: (wire) => plain(wire) as Value,
  sizeGuess: () => 4096,
};

function release(name: 'FRAME' | 'OBSERVATION', ...schemas: readonly Schema[]): Codec<Value> {
  return singleObjectCodec(new AvroContract({ name, schemas, shape: AS_IT_IS, recordBytesMax: 10_000_000 }));
}

const without = (field: string) => (fields: readonly SchemaField[]) => fields.filter(({ name }) => name !== field);
const grown = (fields: readonly SchemaField[]): readonly SchemaField[] => [
  { name: 'addedFirst', type: ['null', 'long'], default: null },
  ...fields,
  { name: 'addedLater', type: 'string', default: 'untold' },
];

describe('observations of other releases', () => {
  const now = OBSERVATION_CONTRACT.schema;
  const lean = withFields(now, 'Call', without('temperature'));
  const rich = withFields(withFields(now, 'Call', grown), 'Content', grown);
  let call: Value = {};
  let wire: Value = {};

  before(async () => {
    const observations = await observationsOf(generate({ seed: 9, calls: 10 }).pcap);
    const found = observations.find((each) => each.type === 'call' && each.contents.length > 0);
    assert.ok(found?.type === 'call');
    call = { ...found.call, temperature: 0.5 };
    wire = { call, contents: found.contents, exchange: null };
  });

  const known = (value: Value): Value => value.call as Value;

  it('an old writer lacks a field: today it has its default, all others are as written', () => {
    const read = known(release('OBSERVATION', now, lean).decode(release('OBSERVATION', lean).encode(wire)));
    assert.deepEqual(read, plain({ ...call, temperature: null }));
  });

  it('a release that kept no headers is read as one that told none', () => {
    const old = ['requestHeaders', 'responseHeaders'].reduce(
      (schema, field) => withFields(schema, 'Call', without(field)),
      now,
    );
    const told = { ...call, requestHeaders: 'host: a\n', responseHeaders: 'server: b\n' };
    const read = (reader: Codec<Value>, writer: Codec<Value>): Value =>
      known(reader.decode(writer.encode({ ...wire, call: told })));
    const none = { ...call, requestHeaders: '', responseHeaders: '' };
    assert.deepEqual(read(release('OBSERVATION', now, old), release('OBSERVATION', old)), plain(none));
    assert.deepEqual(read(release('OBSERVATION', now), release('OBSERVATION', now)), plain(told));
  });

  it('an old reader that has the new schema skips the field, all others are as written', () => {
    const read = known(release('OBSERVATION', lean, now).decode(release('OBSERVATION', now).encode(wire)));
    const { temperature: _, ...rest } = call;
    assert.deepEqual(read, plain(rest));
  });

  it('a new writer adds fields at both ends of records: today they are skipped', () => {
    const added = { ...call, addedFirst: 7, addedLater: 'x' };
    const bytes = release('OBSERVATION', rich).encode({ ...wire, call: added });
    assert.deepEqual(known(release('OBSERVATION', now, rich).decode(bytes)), plain(call));
  });

  it('a new reader gives what today writes the defaults of its own fields', () => {
    const read = known(release('OBSERVATION', rich, now).decode(release('OBSERVATION', now).encode(wire)));
    assert.deepEqual(read, plain({ addedFirst: null, ...call, addedLater: 'untold' }));
  });

  it('a schema from the future that nobody gave us is told by its fingerprint and what to do', () => {
    const bytes = release('OBSERVATION', rich).encode({ ...wire, call: { ...call, addedFirst: 7 } });
    assert.throws(() => release('OBSERVATION', now).decode(bytes), {
      code: 'BIT_SCHEMA_UNKNOWN',
      message: new RegExp(`${fingerprintText(fingerprintOf(rich))} is unknown.*Upgrade.*replay the dead letters`),
    });
  });

  it('a kind of observation that only a newer release knows is unreadable, with a code', () => {
    const bytes = release('OBSERVATION', now).encode({ call: null, contents: [], exchange: null });
    assert.throws(() => singleObjectCodec(OBSERVATION_CONTRACT).decode(bytes), { code: 'BIT_OBSERVATION_UNREADABLE' });
  });
});

describe('frames of other releases', () => {
  const now = FRAME_CONTRACT.schema;
  const lean = withFields(now, 'Frame', without('labels'));
  const rich = withFields(withFields(now, 'Frame', grown), 'Segment', grown);
  const payload = Buffer.from('GET / HTTP/1.1\r\n\r\n');
  const frame: Frame = {
    connection: '000102030405060708090a0b0c0d0e0f' as ConnectionId,
    ...{ sequence: 3, network: 'n', probe: 'p', process: null, labels: { site: 'a' }, fromStart: true, close: 'fin' },
    client: { address: '10.0.0.1', port: 40_000 },
    server: { address: '10.0.0.2', port: 80 },
    ...{ rolesSource: 'handshake', origin: 'packets', clientOffset: 5, serverOffset: 0, losses: [], payload },
    segments: [{ side: 'client', kind: 'data', time: 1_767_323_045_678_901, gap: 2, length: payload.length }],
  };
  const wire: Value = { ...frame, connection: Buffer.from(frame.connection, 'hex') };

  it('an old writer lacks a field, and an old reader skips it', () => {
    const fromOld = release('FRAME', now, lean).decode(release('FRAME', lean).encode(wire));
    assert.deepEqual(fromOld, plain({ ...wire, labels: {} }));
    const { labels: _, ...rest } = wire;
    assert.deepEqual(release('FRAME', lean, now).decode(release('FRAME', now).encode(wire)), plain(rest));
  });

  it('a new writer adds fields, and a new reader has their defaults', () => {
    const segments = frame.segments.map((segment) => ({ ...segment, addedFirst: 1, addedLater: 'y' }));
    const fromNew = release('FRAME', rich).encode({ ...wire, segments, addedFirst: 1, addedLater: 'x' });
    assert.deepEqual(release('FRAME', now, rich).decode(fromNew), plain(wire));
    const read = release('FRAME', rich, now).decode(release('FRAME', now).encode(wire));
    const defaults = frame.segments.map((segment) => ({ addedFirst: null, ...segment, addedLater: 'untold' }));
    assert.deepEqual(read, plain({ addedFirst: null, ...wire, segments: defaults, addedLater: 'untold' }));
  });
});

/**
 * Schemas that main has written records with. Each must stay readable, for as long as such records may lie in a topic or its
 * dead letters (14 days): before a schema is changed, keep it as README.md of this folder says. Add the new one at a release.
 */
const WRITTEN = {
  frame: ['1734dd849377c1a5'],
  observation: [],
  probeReport: ['221e34886b965dd3'],
} as const satisfies Record<keyof typeof SCHEMA_FILES, readonly string[]>;

test('every schema that records were written with is still read', () => {
  for (const [name, fingerprints] of Object.entries(WRITTEN)) {
    const files = SCHEMA_FILES[name as keyof typeof SCHEMA_FILES];
    const readable = loadSchemas(files).map((schema) => fingerprintText(fingerprintOf(schema)));
    for (const fingerprint of fingerprints) {
      assert.ok(readable.includes(fingerprint), `the ${name} schema ${fingerprint} is gone: keep its file and list it`);
    }
  }
});

test('every schema file is listed', () => {
  const listed = Object.values(SCHEMA_FILES).flat().sort();
  const there = readdirSync(new URL('./avro/', import.meta.url)).filter((name) => name.endsWith('.avsc'));
  assert.deepEqual(there.sort(), listed);
});
