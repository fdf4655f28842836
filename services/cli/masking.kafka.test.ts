/** What a real topic holds of the credentials of generated traffic: nothing; and who reads it has them all. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENERATOR_DEFAULTS, generate } from '../../load-tests/generator/generate.ts';
import type { KafkaBroker } from '../../load-tests/kafka/broker.ts';
import { brokerTests } from '../../load-tests/kafka/for-tests.ts';
import { registryForTests } from '../../load-tests/kafka/registry-for-tests.ts';
import { withFolder } from '../../load-tests/testing.ts';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import { NotYetReadable, type Topic } from '../bus/bus.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { createCredentialMasker } from '../http/credentials.ts';
import type { KafkaBus } from '../kafka/index.ts';
import { openBus } from '../kafka/test-bus.ts';
import { testOptions, until } from '../kafka/test-support.ts';
import { maskingKey } from '../masking/frame-mask.ts';
import { PartitionReassembler } from '../reassembler/partition.ts';
import { kafkaTopics, topicPlans } from './kafka.ts';
import { replayFiles } from './replay.ts';
import { fingerprintKey, reassemblerOptions } from './runtime.ts';
import { kafkaTarget } from './target.ts';

const broker = brokerTests();
const registry = registryForTests();
/** So many bytes of a credential in a row must not be found. */
const WINDOW = 8;
/** A field whose value is a credential, up to the line's end. */
const FIELD = /^(?:authorization: Bearer|x-api-key:|x-goog-api-key:) *(\S+)\r$/gim;

function framesOf(pcap: Buffer): Frame[] {
  const frames: Frame[] = [];
  const capture = new Capture(CAPTURE_DEFAULTS, (frame) => frames.push(frame));
  capture.nextSource('test');
  capture.write(pcap);
  capture.end('eof');
  return frames;
}

function fingerprintsOf(config: Config, fingerprint: Buffer, frames: readonly Frame[]): Map<string, string> {
  const partition = new PartitionReassembler(
    reassemblerOptions(config, fingerprint),
    createCredentialMasker(fingerprint),
    null,
  );
  const found = new Map<string, string>();
  frames.forEach((frame, offset) => {
    partition.feed(frame, offset);
  });
  partition.end();
  for (const each of partition.takeReady() as Observation[]) {
    if (each.type === 'call') found.set(each.call.callId, each.call.credential);
  }
  return found;
}

/** Of one partition, from its first record on. */
async function valuesOf<T>(bus: KafkaBus, topic: Topic<T>, group: string, count: number): Promise<T[]> {
  const values: T[] = [];
  const consumer = await bus.consumer(topic, group, {
    batch: async (batch) => void values.push(...batch.records.map(({ value }) => value)),
  });
  await until('all records are read', () => values.length >= count);
  await consumer.close();
  return values;
}

/** Not the credentials themselves in the failure's message. The middle of one is the name of an API, which stands in paths as well. */
function assertNoneIn(records: readonly Buffer[], credentials: ReadonlySet<string>): void {
  const text = records.map((record) => record.toString('latin1')).join('\n');
  for (const credential of credentials) {
    for (const part of [credential, credential.slice(0, WINDOW), credential.slice(-WINDOW)])
      assert.ok(!text.includes(part), `${part.length} bytes of a credential`);
  }
}

const RAW = {
  codec: { encode: (b: Buffer) => b, decode: (b: Buffer) => Buffer.from(b) },
  sizeOf: (b: Buffer) => b.length,
};
/** Records that earlier tests have left in the topic. */
let before = 0;

async function assertHidden(kafka: KafkaBroker, folder: string, seed: number, env: NodeJS.ProcessEnv): Promise<void> {
  const { pcap } = generate({ ...GENERATOR_DEFAULTS, seed, calls: 60, segmentation: 'mixed', sockets: 0.3 });
  const file = join(folder, 'traffic.pcap');
  writeFileSync(file, pcap);
  const given = { BITTERN_KAFKA_BROKERS: kafka.plaintext, BITTERN_DATA_DIR: folder };
  const small = { BITTERN_KAFKA_REPLICAS: '1', BITTERN_KAFKA_PARTITIONS: '1' };
  const { config } = await loadConfig({ env: { ...given, ...small, ...env } });
  const bus = await openBus(testOptions(kafka));
  await bus.topics.create(topicPlans(config));
  const notes: string[] = [];
  const openTarget = () => kafkaTarget(config, (line) => notes.push(line));
  const signal = new AbortController().signal;
  const { reports } = await replayFiles({ config, files: [file], signal, openTarget });
  assert.match(notes.join(), /fingerprint\.key.*Copy it/);

  const fingerprint = await fingerprintKey(config);
  const options = { writes: [], maskingKey: maskingKey(fingerprint), note: () => {} };
  const { frames: topic } = await kafkaTopics(config, options);
  const published = reports.reduce((sum, report) => sum + report.frames, 0);
  const all = await valuesOf(bus, { ...topic, ...RAW }, `grep-${seed}`, before + published);
  const records = all.slice(before);
  before += published;

  const captured = framesOf(pcap);
  const text = captured.map(({ payload }) => payload.toString('latin1')).join('\n');
  const credentials = new Set([...text.matchAll(FIELD)].map((match) => match[1]!));
  assert.ok(credentials.size > 2, `${credentials.size} credentials in the traffic`);
  assertNoneIn(records, credentials);
  const read = await Promise.all(records.map((record) => decoded(topic, record)));
  assert.deepEqual(fingerprintsOf(config, fingerprint, read), fingerprintsOf(config, fingerprint, captured));
}

async function decoded<T>(topic: Topic<T>, record: Buffer): Promise<T> {
  try {
    return topic.codec.decode(record);
  } catch (error) {
    if (!(error instanceof NotYetReadable)) throw error;
    await error.ready;
    return topic.codec.decode(record);
  }
}

broker.test(
  'no record of a frame on a broker holds a credential, and calls have the same fingerprints',
  async (kafka) => {
    await withFolder((folder) => assertHidden(kafka, folder, 77, {}));
  },
);

broker.test("nor does one in the registry's encoding", async (kafka) => {
  const url = registry.get().direct;
  const env = { BITTERN_KAFKA_SCHEMA_REGISTRY_URL: url, BITTERN_KAFKA_ENCODING: 'confluent' };
  await withFolder((folder) => assertHidden(kafka, folder, 78, env));
});
