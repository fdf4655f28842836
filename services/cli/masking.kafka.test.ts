/** What a real topic holds of the credentials of generated traffic: nothing; and who reads it has them all. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GENERATOR_DEFAULTS, generate } from '../../load-tests/generator/generate.ts';
import { brokerTests } from '../../load-tests/kafka/for-tests.ts';
import { withFolder } from '../../load-tests/testing.ts';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import type { Topic } from '../bus/bus.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { createCredentialMasker } from '../http/credentials.ts';
import { openBus } from '../kafka/test-bus.ts';
import { testOptions, until } from '../kafka/test-support.ts';
import { maskingKey } from '../masking/frame-mask.ts';
import { PartitionReassembler } from '../reassembler/partition.ts';
import { kafkaTopics, topicPlans } from './kafka.ts';
import { replayFiles } from './replay.ts';
import { fingerprintKey, reassemblerOptions } from './runtime.ts';
import { kafkaTarget } from './target.ts';

const broker = brokerTests();
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
  const partition = new PartitionReassembler(reassemblerOptions(config), createCredentialMasker(fingerprint), null);
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

broker.test(
  'no record of a frame on a broker holds a credential, and calls have the same fingerprints',
  async (kafka) => {
    await withFolder(async (folder) => {
      const { pcap } = generate({ ...GENERATOR_DEFAULTS, seed: 77, calls: 60, segmentation: 'mixed' });
      const file = join(folder, 'traffic.pcap');
      writeFileSync(file, pcap);
      const loaded = await loadConfig({
        env: {
          BITTERN_KAFKA_BROKERS: kafka.plaintext,
          BITTERN_DATA_DIR: folder,
          BITTERN_KAFKA_REPLICAS: '1',
          BITTERN_KAFKA_PARTITIONS: '1',
        },
      });
      const { config } = loaded;
      const bus = await openBus(testOptions(kafka));
      await bus.topics.create(topicPlans(config));
      const notes: string[] = [];
      const openTarget = () => kafkaTarget(config, (line) => notes.push(line));
      const signal = new AbortController().signal;
      const { reports } = await replayFiles({ config, files: [file], signal, openTarget });
      assert.match(notes.join(), /fingerprint\.key.*Copy it/);

      const fingerprint = await fingerprintKey(config);
      const { frames: topic } = kafkaTopics(config, maskingKey(fingerprint));
      const raw: Topic<Buffer> = {
        ...topic,
        codec: { encode: (b) => b, decode: (b) => Buffer.from(b) },
        sizeOf: (b) => b.length,
      };
      const records: Buffer[] = [];
      await bus.consumer(raw, 'grep', {
        batch: async (batch) => void records.push(...batch.records.map(({ value }) => value)),
      });
      const published = reports.reduce((sum, report) => sum + report.frames, 0);
      await until('all records are read', () => records.length >= published);

      const captured = framesOf(pcap);
      const text = captured.map(({ payload }) => payload.toString('latin1')).join('\n');
      const credentials = new Set([...text.matchAll(FIELD)].map((match) => match[1]!));
      assert.ok(credentials.size > 2, `${credentials.size} credentials in the traffic`);
      const topicText = records.map((record) => record.toString('latin1')).join('\n');
      for (const credential of credentials) {
        // Not the credential itself in the failure's message. The middle of it is the name of an API, which stands in paths as well.
        const parts = [credential, credential.slice(0, WINDOW), credential.slice(-WINDOW)];
        for (const part of parts) assert.ok(!topicText.includes(part), `${part.length} bytes of a credential`);
      }
      const read = records.map((record) => topic.codec.decode(record));
      assert.deepEqual(fingerprintsOf(config, fingerprint, read), fingerprintsOf(config, fingerprint, captured));
    });
  },
);
