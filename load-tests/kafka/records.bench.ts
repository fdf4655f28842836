/**
 * What lies between a probe's frames and a reassembler's, without a broker: `sh scripts/node.sh load-tests/kafka/records.bench.ts`
 *
 * CPU of this process, all threads, for a call of the reference traffic, median of the rounds: credentials hidden, frames coded (by hand,
 * and by avsc for comparison), batches made and compressed by the producer's client, expanded and taken apart by the consumer's, frames
 * read again.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createRecordsBatch, type MessageRecord } from '@platformatic/kafka';
import avsc from 'avsc';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import { loadSchemas } from '../../schemas/avro/contract.ts';
import { frameCodec, SCHEMA_FILES } from '../../schemas/codec.ts';
import type { Frame } from '../../schemas/frame.ts';
import { KAFKA_DEFAULTS } from '../../services/kafka/options.ts';
import { partitionOf } from '../../services/kafka/partition.ts';
import { registerZstd } from '../../services/kafka/zstd.ts';
import { FrameMasker, maskingKey } from '../../services/masking/frame-mask.ts';
import { maskedCodec } from '../../services/masking/masked-codec.ts';
import { median } from '../load/report.ts';
import { referenceFile } from '../load/traffic.ts';

const CALLS = 1000;
const ROUNDS = 15;
/** Of these, until the code is compiled. */
const WARM_ROUNDS = 4;
const PARTITIONS = 6;

interface KafkaMessage {
  readonly value: Buffer;
}
const load = createRequire(import.meta.url);
const Decoder = load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object;
const decodeBatch = load('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<{
  readonly records: readonly KafkaMessage[];
}>;

const key = maskingKey(Buffer.from('of this benchmark alone'));
const codec = maskedCodec(frameCodec, key);
const type = avsc.Type.forSchema(loadSchemas(SCHEMA_FILES.frame)[0]!);
const spent = new Map<string, number[]>();

async function timed<T>(step: string, work: () => T | Promise<T>): Promise<T> {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  const list = spent.get(step) ?? [];
  spent.set(step, [...list, (user + system) / CALLS]);
  return result;
}

function framesOf(capture: Buffer): Frame[] {
  const frames: Frame[] = [];
  const probe = new Capture(CAPTURE_DEFAULTS, (frame) => frames.push(frame));
  probe.nextSource('bench');
  probe.write(capture);
  probe.end('eof');
  return frames;
}

/** As the topic's writer gathers them when there is always more to send. */
function batchesOf(frames: readonly Frame[], values: readonly Buffer[]): Buffer[] {
  const { batchBytesMax } = KAFKA_DEFAULTS.producer;
  const open = Array.from({ length: PARTITIONS }, () => ({ messages: [] as MessageRecord[], bytes: 0 }));
  const batches: Buffer[] = [];
  const close = (n: number): void => {
    const { messages } = open[n]!;
    if (messages.length > 0) batches.push(createRecordsBatch(messages, { compression: 'zstd' }).buffer);
    open[n] = { messages: [], bytes: 0 };
  };
  for (const [n, value] of values.entries()) {
    const connection = Buffer.from(frames[n]!.connection);
    const partition = partitionOf(connection, PARTITIONS);
    if (open[partition]!.bytes + value.length > batchBytesMax) close(partition);
    open[partition]!.messages.push({ key: connection, value, topic: 'bench', partition });
    open[partition]!.bytes += value.length;
  }
  for (let n = 0; n < PARTITIONS; n++) close(n);
  return batches;
}

async function round(capture: Buffer): Promise<void> {
  const frames = await timed('packets to frames', () => framesOf(capture));
  const byAvsc = await timed('frames written by avsc', () =>
    frames.map((frame) => type.toBuffer({ ...frame, connection: Buffer.from(frame.connection, 'hex') })),
  );
  await timed('frames read by avsc', () => byAvsc.map((bytes) => type.fromBuffer(bytes) as Frame));
  const masker = new FrameMasker(key);
  const masked = await timed('credentials hidden', () => frames.map((frame) => masker.mask(frame)));
  const values = await timed('frames written', () => masked.map((frame) => codec.encode(frame)));
  const batches = await timed('batches made and compressed', () => batchesOf(frames, values));
  const records = await timed('batches expanded and taken apart', async () => {
    const all: KafkaMessage[] = [];
    for (const batch of batches) all.push(...(await decodeBatch(new Decoder(batch))).records);
    return all;
  });
  const read = await timed('frames read, credentials back', () => records.map(({ value }) => codec.decode(value)));
  if (read.length !== frames.length) throw new Error(`${frames.length} frames went in, ${read.length} came out`);
}

registerZstd();
const folder = await mkdtemp(path.join(tmpdir(), 'bittern-records-'));
try {
  const { file } = await referenceFile(folder, 'reference', CALLS);
  const capture = await readFile(file);
  for (let n = 0; n < ROUNDS; n++) await round(capture);
  for (const [step, micros] of spent) {
    console.log(`${step.padEnd(36)}${median(micros.slice(WARM_ROUNDS)).toFixed(0).padStart(6)} µs a call`);
  }
} finally {
  await rm(folder, { recursive: true });
}
