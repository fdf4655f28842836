/**
 * What the Kafka path costs: `sh scripts/node.sh load-tests/kafka/bench.ts [MEGABYTES]` (default 200). CPU seconds of this process
 * for each GB of record values; the broker's own CPU isn't in it. Frames carry LLM-like HTTP: JSON requests made of real
 * prose, and streamed answers in small events.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import kafkajs from 'kafkajs';
import type { Frame } from '../../schemas/frame.ts';
import { FRAMES } from '../../schemas/topics.ts';
import type { Topic } from '../../services/bus/bus.ts';
import type { ConnectionId } from '../../services/common/types.ts';
import {
  KAFKA_DEFAULTS,
  KafkaBus,
  type KafkaCompression,
  Keyring,
  TOPIC_DEFAULTS,
  withDeadLetters,
} from '../../services/kafka/index.ts';
import { Sealer } from '../../services/kafka/sealing.ts';
import { KafkaBroker } from './broker.ts';

const PAYLOAD_BYTES = 16 * 1024;
const BATCH_BYTES = 800 * 1024;
const PARTITIONS = 8;
const GB = 1e9;

/** Prose of the installed packages' documentation: the same for everybody with the same lock file. */
const PACKAGES = new URL('../../node_modules/', import.meta.url);
const PROSE = readdirSync(PACKAGES, { recursive: true, encoding: 'utf8' })
  .filter((name) => /(^|\/)(README|CHANGELOG|ThirdPartyNotice.*)\.(md|txt)$/.test(name))
  .sort()
  .map((name) => readFileSync(new URL(name, PACKAGES), 'utf8'))
  .join('\n');

/** Alternately a request's JSON body and a streamed answer. */
function payload(n: number): Buffer {
  const start = (n * PAYLOAD_BYTES) % (PROSE.length - PAYLOAD_BYTES);
  const text = PROSE.slice(start, start + PAYLOAD_BYTES);
  const id = Math.imul(n + 1, 2654435761).toString(16);
  if (n % 2 === 0)
    return Buffer.from(JSON.stringify({ model: 'm', id, messages: [{ role: 'user', content: text }] })).subarray(
      0,
      PAYLOAD_BYTES,
    );
  const words = text.slice(0, 600).split(' ');
  const events = words.map(
    (word) =>
      `data: {"id":"chatcmpl-${id}","choices":[{"index":0,"delta":{"content":${JSON.stringify(`${word} `)}}}]}\n\n`,
  );
  return Buffer.from(events.join('')).subarray(0, PAYLOAD_BYTES);
}

const frames = Array.from({ length: 512 }, (_, n): Frame => {
  const bytes = payload(n);
  return {
    connection: n.toString(16).padStart(32, '0') as ConnectionId,
    ...{ sequence: 0, network: '', probe: 'bench', process: null, labels: {}, clientOffset: 0, serverOffset: 0 },
    ...{ fromStart: true, close: null, losses: [] },
    rolesSource: 'handshake',
    origin: 'packets',
    client: { address: '10.0.0.1', port: 40_000 },
    server: { address: '10.0.0.2', port: 443 },
    segments: [{ side: 'client', kind: 'data', time: 1_700_000_000_000_000, gap: 0, length: bytes.length }],
    payload: bytes,
  };
});

interface Cost {
  readonly cpuSecondsPerGb: number;
  readonly mbPerSecond: number;
}

async function measure(bytes: () => number, work: () => unknown): Promise<Cost> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const before = bytes();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  const gb = (bytes() - before) / GB;
  return { cpuSecondsPerGb: (user + system) / 1e6 / gb, mbPerSecond: (gb * 1e6) / (performance.now() - began) };
}

const row = (name: string, cost: Cost, more = ''): void =>
  console.log(
    `${name.padEnd(28)} ${cost.cpuSecondsPerGb.toFixed(1).padStart(6)} s/GB ${cost.mbPerSecond.toFixed(0).padStart(6)} MB/s  ${more}`,
  );

/** The compressors alone, on batches as the producer makes them. */
async function compressors(megabytes: number): Promise<void> {
  const load = createRequire(import.meta.resolve('@platformatic/kafka'));
  const wasm = load('@platformatic/wasm-utils') as {
    lz4Compress(b: Buffer): Uint8Array;
    lz4Decompress(b: Uint8Array): Uint8Array;
  };
  const values = frames.map((frame) => FRAMES.codec.encode(frame));
  const batches: Buffer[] = [];
  for (let at = 0; at < values.length; at += 50)
    batches.push(Buffer.concat(values.slice(at, at + 50)).subarray(0, BATCH_BYTES));
  const codecs = {
    lz4: [wasm.lz4Compress, wasm.lz4Decompress],
    zstd: [zstdCompressSync, zstdDecompressSync],
    gzip: [gzipSync, gunzipSync],
  } as const;
  for (const [name, [compress, decompress]] of Object.entries(codecs)) {
    let done = 0;
    let packed: Uint8Array[] = [];
    const rounds = Math.max(1, Math.round((megabytes * 1e6) / batches.reduce((sum, each) => sum + each.length, 0)));
    const each = (work: (batch: Buffer) => void) => () => {
      for (let round = 0; round < rounds; round++) {
        for (const batch of batches) {
          work(batch);
          done += batch.length;
        }
      }
    };
    const compressing = await measure(
      () => done,
      each((batch) => packed.push(compress(batch))),
    );
    packed = packed.slice(0, batches.length);
    const ratio =
      packed.reduce((sum, bytes) => sum + bytes.length, 0) / batches.reduce((sum, bytes) => sum + bytes.length, 0);
    let next = 0;
    const expanding = await measure(
      () => done,
      each(() => decompress(packed[next++ % packed.length] as Buffer)),
    );
    row(`${name} compress`, compressing, `${(ratio * 100).toFixed(1)} % of the bytes`);
    row(`${name} decompress`, expanding);
  }
}

async function sealing(megabytes: number): Promise<void> {
  const sealer = new Sealer(new Keyring(new Map([['k', Buffer.alloc(32, 1)]]), 'k'));
  const values = frames.map((frame) => FRAMES.codec.encode(frame));
  const sealed = values.map((value) => sealer.seal(value, FRAMES.name, 'key'));
  let done = 0;
  const all = (work: (n: number) => void) => () => {
    for (let n = 0; done < megabytes * 1e6; n++) {
      work(n % values.length);
      done += values[n % values.length]!.length;
    }
  };
  row(
    'seal',
    await measure(
      () => done,
      all((n) => sealer.seal(values[n]!, FRAMES.name, 'key')),
    ),
  );
  done = 0;
  row(
    'open',
    await measure(
      () => done,
      all((n) => sealer.open(sealed[n]!, FRAMES.name, 'key')),
    ),
  );
}

/** Frames through a broker and back, by the whole path: codec, headers, batches, wire, decoding. */
async function roundTrip(kafka: KafkaBroker, compression: KafkaCompression, megabytes: number): Promise<void> {
  const bus = await KafkaBus.open({
    ...KAFKA_DEFAULTS,
    brokers: [kafka.plaintext],
    producer: { ...KAFKA_DEFAULTS.producer, compression },
  });
  const topic = { ...FRAMES, name: `bench-${compression}` } satisfies Topic<unknown>;
  await bus.topics.create(
    withDeadLetters({ ...TOPIC_DEFAULTS, name: topic.name, partitions: PARTITIONS, replicas: 1 }),
  );
  const producer = bus.producer(topic);
  let published = 0;
  const produced = await measure(
    () => published,
    async () => {
      for (let n = 0; published < megabytes * 1e6; n++) {
        const frame = frames[n % frames.length]!;
        await producer.publish(frame.connection, frame);
        published += frame.payload.length;
      }
      await producer.flush();
    },
  );
  row(`produce ${compression}`, produced);
  let consumed = 0;
  const consuming = await measure(
    () => consumed,
    async () => {
      const consumer = await bus.consumer(topic, 'bench', {
        batch: async ({ partition, records, nextOffset }) => {
          for (const { value } of records) consumed += value.payload.length;
          consumer.commit(partition, nextOffset).catch(() => {});
        },
      });
      while (consumed < published) await sleep(5);
    },
  );
  row(`consume ${compression}`, consuming, `rss ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
  const idle = process.cpuUsage();
  await sleep(3_000);
  const { user, system } = process.cpuUsage(idle);
  console.log(`idle consumer and producer: ${(((user + system) / 3e6) * 100).toFixed(1)} % of a core`);
  await bus.close();
}

/** The plain `send` of kafkajs with the same records, as the yardstick for the choice of the producing client. */
async function kafkajsProduces(kafka: KafkaBroker, megabytes: number): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: [kafka.plaintext], logLevel: kafkajs.logLevel.NOTHING });
  const producer = client.producer({ idempotent: true, createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  let published = 0;
  const cost = await measure(
    () => published,
    async () => {
      for (let n = 0; published < megabytes * 1e6; n += 50) {
        const messages = Array.from({ length: 50 }, (_, at) => frames[(n + at) % frames.length]!).map((frame) => {
          published += frame.payload.length;
          return { key: frame.connection, value: FRAMES.codec.encode(frame) };
        });
        await producer.send({ topic: 'bench-none', acks: -1, messages });
      }
    },
  );
  row('produce none, kafkajs', cost);
  await producer.disconnect();
}

const megabytes = Number(process.argv[2] ?? 200);
await compressors(megabytes / 2);
await sealing(megabytes);
const kafka = await KafkaBroker.open(await mkdtemp(path.join(tmpdir(), 'bittern-kafka-bench-')));
await kafka.start();
try {
  for (const compression of ['none', 'zstd', 'gzip'] as const) await roundTrip(kafka, compression, megabytes);
  await kafkajsProduces(kafka, megabytes);
} finally {
  await kafka.remove();
}
