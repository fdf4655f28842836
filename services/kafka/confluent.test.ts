import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { observationsOf } from '../../load-tests/e2e/observations.ts';
import { generate } from '../../load-tests/generator/generate.ts';
import { brokerTests } from '../../load-tests/kafka/for-tests.ts';
import { REGISTRY_USER, registryForTests } from '../../load-tests/kafka/registry-for-tests.ts';
import {
  AvroContract,
  fingerprintOf,
  fingerprintText,
  type Schema,
  type WireShape,
} from '../../schemas/avro/contract.ts';
import { singleObjectCodec } from '../../schemas/avro/single-object.ts';
import type { ObservationRecord } from '../../schemas/call.ts';
import { OBSERVATION_CONTRACT } from '../../schemas/codec.ts';
import { plain, withFields } from '../../schemas/testing.ts';
import { OBSERVATIONS } from '../../schemas/topics.ts';
import type { BusRecord, Codec, Topic } from '../bus/bus.ts';
import { NotYetReadable } from '../bus/bus.ts';
import { confluentCodec, readsConfluent, type SchemaSource, WRITER_SCHEMA_DEFAULTS } from './confluent.ts';
import { type KafkaBus, Keyring, SchemaRegistry, sealedCodec, TOPIC_DEFAULTS, withDeadLetters } from './index.ts';
import { openBus } from './test-bus.ts';
import { testOptions, until } from './test-support.ts';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const PATIENCE_MS = 5_000;

/** A later release: its calls have a field that this one doesn't know. */
const later = withFields(OBSERVATION_CONTRACT.schema, 'Call', (fields) => [
  { name: 'later', type: 'string', default: '' },
  ...fields,
]);
/** Another program's schema on our topic. */
const foreign = { type: 'record', name: 'Order', fields: [{ name: 'price', type: 'double' }] } as Schema;

function contractOf<T>(schema: Schema, toWire: (value: T) => object): AvroContract<T> {
  const shape: WireShape<T> = { toWire, fromWire: (wire) => wire as T, sizeGuess: () => 4096 };
  return new AvroContract({ name: 'OBSERVATION', schemas: [schema], shape, recordBytesMax: 1_000_000 });
}

const LATER = contractOf<ObservationRecord>(later, (observation) => {
  assert.ok(observation.type === 'call');
  return { call: { ...observation.call, later: 'x' }, contents: observation.contents, exchange: null };
});
const FOREIGN = contractOf<ObservationRecord>(foreign, () => ({ price: 1 }));

let call: ObservationRecord;
before(async () => {
  const observations = await observationsOf(generate({ seed: 3, calls: 5 }).pcap);
  call = observations.find((each) => each.type === 'call')!;
});

test('the format is a zero, the big-endian id, and the body; both formats are read', async () => {
  const source: SchemaSource = { schema: async () => JSON.stringify(OBSERVATION_CONTRACT.schema) };
  const codec = confluentCodec(OBSERVATION_CONTRACT, 0x01020304, source);
  const bytes = codec.encode(call);
  assert.equal(bytes.toString('hex', 0, 5), '0001020304');
  const single = singleObjectCodec(OBSERVATION_CONTRACT);
  assert.deepEqual(bytes.subarray(5), single.encode(call).subarray(10));
  await readable(codec, bytes);
  for (const each of [bytes, single.encode(call)]) assert.deepEqual(plain(codec.decode(each)), plain(call));
  const stranger = Buffer.from('{"json":true}');
  assert.throws(() => codec.decode(stranger), { code: 'BIT_OBSERVATION_UNREADABLE' });
  assert.throws(() => single.decode(bytes), { code: 'BIT_OBSERVATION_UNREADABLE', message: /encoding confluent/ });
});

test('a schema is fetched once; ids that records make up cost one question each and bounded memory', async () => {
  const asked: number[] = [];
  const source: SchemaSource = {
    schema: async (id) => {
      asked.push(id);
      return id === 7 ? JSON.stringify(later) : null;
    },
  };
  const codec = readsConfluent(singleObjectCodec(OBSERVATION_CONTRACT), OBSERVATION_CONTRACT, source);
  const good = confluentCodec(LATER, 7, source).encode(call);
  assert.throws(() => codec.decode(good), NotYetReadable);
  assert.throws(() => codec.decode(good), NotYetReadable);
  await readable(codec, good);
  for (let n = 0; n < 5; n++) assert.deepEqual(plain(codec.decode(good)), plain(call));
  assert.deepEqual(asked, [7]);
  const madeUp = Buffer.from(good);
  for (let n = 0; n < WRITER_SCHEMA_DEFAULTS.kept + 10; n++) {
    madeUp.writeInt32BE(1000 + n, 1);
    await readable(codec, madeUp);
    assert.throws(() => codec.decode(madeUp), { code: 'BIT_SCHEMA_UNKNOWN', message: new RegExp(`${1000 + n}`) });
  }
  assert.equal(asked.length, 1 + WRITER_SCHEMA_DEFAULTS.kept + 10);
  // The good one was forgotten among so many, and is asked for again.
  await readable(codec, good);
  assert.deepEqual(plain(codec.decode(good)), plain(call));
  for (const id of [0, -5]) {
    madeUp.writeInt32BE(id, 1);
    await readable(codec, madeUp);
    assert.throws(() => codec.decode(madeUp), { code: 'BIT_SCHEMA_UNKNOWN' });
  }
  assert.ok(!asked.includes(0) && !asked.includes(-5));
});

async function readable(codec: Codec<ObservationRecord>, bytes: Buffer): Promise<void> {
  try {
    codec.decode(bytes);
  } catch (error) {
    if (error instanceof NotYetReadable) await error.ready;
  }
}

const broker = brokerTests();
const real = registryForTests();

function openRegistry(notes: string[] = []): SchemaRegistry {
  const { url, caFile } = real.get();
  const { username, password } = REGISTRY_USER;
  const options = { url, caFile, username, password: { env: 'P' } };
  return new SchemaRegistry(options, { P: password }, (note) => notes.push(note));
}

async function makeObservations(bus: KafkaBus, name: string): Promise<Topic<ObservationRecord>> {
  await bus.topics.create(withDeadLetters({ ...TOPIC_DEFAULTS, name, partitions: 1, replicas: 1 }));
  return { ...OBSERVATIONS, name };
}

async function publish(bus: KafkaBus, topic: Topic<ObservationRecord>, codec: Codec<ObservationRecord>): Promise<void> {
  const producer = bus.producer({ ...topic, codec });
  await producer.publish('k', call, { traceparent: TRACE });
  await producer.flush();
}

async function collect(
  bus: KafkaBus,
  topic: Topic<ObservationRecord>,
  group = 'collect',
): Promise<BusRecord<ObservationRecord>[]> {
  const seen: BusRecord<ObservationRecord>[] = [];
  await bus.consumer(topic, group, {
    batch: async ({ records }) => {
      seen.push(...records);
    },
  });
  return seen;
}

broker.test('an observation of a future schema is a dead letter that says so and keeps its headers', async (kafka) => {
  const bus = await openBus(testOptions(kafka));
  const topic = await makeObservations(bus, 'future');
  await publish(bus, topic, singleObjectCodec(LATER));
  await publish(bus, topic, topic.codec);
  const seen = await collect(bus, topic);
  await until('the readable one has come', () => seen.length === 1);
  assert.deepEqual(plain(seen[0]?.value), plain(call));
  assert.deepEqual(seen[0]?.headers, {
    'content-type': 'avro/binary',
    schema: fingerprintText(OBSERVATION_CONTRACT.fingerprint),
    traceparent: TRACE,
  });
  const [letter] = await bus.deadLetters.list('future');
  assert.equal(letter?.reason, 'BIT_SCHEMA_UNKNOWN');
  const fingerprint = fingerprintText(fingerprintOf(later));
  assert.match(letter?.error ?? '', new RegExp(`schema ${fingerprint} is unknown. Upgrade this stage`));
  assert.deepEqual(letter?.headers.map(([name, value]) => `${name}: ${value}`).sort(), [
    'content-type: avro/binary',
    `schema: ${fingerprint}`,
    `traceparent: ${TRACE}`,
  ]);
  // With a release that knows the schema, the letter is read after all.
  assert.equal(await bus.deadLetters.replay([letter!]), 1);
  const upgraded = new AvroContract<ObservationRecord>({
    name: 'OBSERVATION',
    schemas: [OBSERVATION_CONTRACT.schema, later],
    shape: { toWire: () => ({}), fromWire: (wire) => wire as ObservationRecord, sizeGuess: () => 1 },
    recordBytesMax: 1,
  });
  const all = await collect(bus, { ...topic, codec: singleObjectCodec(upgraded) }, 'upgraded');
  await until('all three are readable for it', () => all.length === 3);
});

if (real.missing.length === 0) {
  broker.test(
    'the encoding is switched while everything runs, sealed or not, and a newer release is read',
    async (kafka) => {
      const bus = await openBus(testOptions(kafka));
      const registry = openRegistry();
      const keyring = new Keyring(new Map([['k1', Buffer.alloc(32, 4)]]), 'k1');
      for (const sealed of [false, true]) {
        const topic = await makeObservations(bus, `switched-${sealed}`);
        const wrap = (codec: Codec<ObservationRecord>) => (sealed ? sealedCodec(codec, keyring) : codec);
        const id = await registry.register(topic.name, OBSERVATION_CONTRACT.schema, PATIENCE_MS);
        const laterId = await registry.register(topic.name, later, PATIENCE_MS);
        await publish(bus, topic, wrap(topic.codec));
        await publish(bus, topic, wrap(confluentCodec(OBSERVATION_CONTRACT, id, registry)));
        await publish(bus, topic, wrap(confluentCodec(LATER, laterId, registry)));
        const codec = wrap(readsConfluent(topic.codec, OBSERVATION_CONTRACT, registry));
        const seen = await collect(bus, { ...topic, codec });
        await until('all three have come', () => seen.length === 3);
        for (const { value } of seen) assert.deepEqual(plain(value), plain(call));
        const headers = seen.map((record) => record.headers);
        const [type, more] = sealed
          ? ['application/vnd.bittern.sealed', { 'bittern.key-id': 'k1' }]
          : ['avro/binary', {}];
        const ours = { ...more, 'content-type': type, traceparent: TRACE };
        const schema = fingerprintText(OBSERVATION_CONTRACT.fingerprint);
        assert.deepEqual(headers[0], { ...ours, schema });
        assert.deepEqual(headers[1], { ...ours, schema, 'schema-id': String(id) });
        assert.deepEqual(headers[2], {
          ...ours,
          schema: fingerprintText(LATER.fingerprint),
          'schema-id': String(laterId),
        });
        assert.equal(bus.deadLettersWritten.size, 0);
      }
    },
  );

  broker.test("an id that the registry doesn't know, and another program's schema, are dead letters", async (kafka) => {
    const bus = await openBus(testOptions(kafka));
    const registry = openRegistry();
    const topic = await makeObservations(bus, 'strangers');
    const id = await registry.register('orders', foreign, PATIENCE_MS);
    await publish(bus, topic, confluentCodec(OBSERVATION_CONTRACT, 2_000_000_000, registry));
    await publish(bus, topic, confluentCodec(FOREIGN, id, registry));
    await publish(bus, topic, topic.codec);
    const codec = readsConfluent(topic.codec, OBSERVATION_CONTRACT, registry);
    const seen = await collect(bus, { ...topic, codec });
    await until('the readable one has come', () => seen.length === 1);
    const letters = await bus.deadLetters.list(topic.name);
    assert.deepEqual(
      letters.map(({ reason }) => reason),
      ['BIT_SCHEMA_UNKNOWN', 'BIT_SCHEMA_INCOMPATIBLE'],
    );
  });

  broker.test(
    'while the registry is down records wait; a consumer that is closed then leaves them to others',
    async (kafka) => {
      const bus = await openBus(testOptions(kafka));
      const notes: string[] = [];
      const topic = await makeObservations(bus, 'waiting');
      const id = await openRegistry().register(topic.name, OBSERVATION_CONTRACT.schema, PATIENCE_MS);
      await publish(bus, topic, confluentCodec(OBSERVATION_CONTRACT, id, openRegistry()));
      real.get().closedWith = 503;
      const reads = (): Topic<ObservationRecord> => ({
        ...topic,
        codec: readsConfluent(topic.codec, OBSERVATION_CONTRACT, openRegistry(notes)),
      });
      const impatient = await openBus(testOptions(kafka, { drainMs: 6_000 }));
      const none = await collect(impatient, reads());
      await until('it waits', () => notes.length > 0);
      const began = performance.now();
      await impatient.close();
      // The running batch ends at once; it isn't the drain deadline that ends it, of which batches have 3.6 s.
      assert.ok(performance.now() - began < 3_000, `closing took ${performance.now() - began} ms`);
      const seen = await collect(bus, reads());
      await sleep(1_500);
      assert.deepEqual([none.length, seen.length], [0, 0]);
      real.get().closedWith = null;
      await until('it has come', () => seen.length === 1, 20_000);
      assert.deepEqual(plain(seen[0]?.value), plain(call));
      assert.equal(bus.deadLettersWritten.size + impatient.deadLettersWritten.size, 0);
    },
  );
}
