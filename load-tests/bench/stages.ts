/** The stages that the benchmark measures, each alone on input made before the clock starts, and the whole. */
import { closeSync, openSync, readSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import type { Observation } from '../../schemas/call.ts';
import { frameCodec } from '../../schemas/codec.ts';
import type { Frame } from '../../schemas/frame.ts';
import { MEMORY_BUS_DEFAULTS } from '../../services/bus/memory-bus.ts';
import { Pump } from '../../services/capture/pump.ts';
import { ClickHouseSink } from '../../services/clickhouse/sink.ts';
import { openStore, STORE_DEFAULTS, type Store } from '../../services/clickhouse/store.ts';
import { HttpAssembler } from '../../services/http/assembler.ts';
import { BodyPieces, takesPieces } from '../../services/http/body-pieces.ts';
import { createCredentialMasker } from '../../services/http/credentials.ts';
import type { BodyConsumer, Exchange, ExchangeHandler } from '../../services/http/exchange.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { IDENTITY_DEFAULTS } from '../../services/identity/mapping.ts';
import { LLM_DEFAULTS } from '../../services/llm/defaults.ts';
import { CallRecognizer, type RecognizerOptions } from '../../services/llm/recognizer.ts';
import { FrameMasker, maskingKey } from '../../services/masking/frame-mask.ts';
import { Pipeline, type PipelineSink } from '../../services/pipeline/pipeline.ts';
import { privacyFrom } from '../../services/privacy/settings.ts';
import { medianRound, peakRssMbOf, type Round, timed, yardstick } from './measure.ts';
import { packetsToCallsByWorkers } from './workers.ts';

export interface StageResult extends Round {
  readonly calls: number;
  readonly bytes: number;
  readonly engineRssMb?: number;
  readonly note?: string;
}

/** Rounds of a stage that is measured warm. */
const ROUNDS = 9;
/** Capture bytes handed on at once, as file reading does. */
const CHUNK_BYTES = 1024 * 1024;
export const KEY = Buffer.from('a key of the benchmark');
const masker = createCredentialMasker(KEY);
export const LLM: RecognizerOptions = {
  identity: IDENTITY_DEFAULTS,
  exchanges: true,
  content: true,
  pricing: true,
  limits: LLM_DEFAULTS,
};

/** Each is valid until the next one is asked for, as those of a file that is replayed. */
export function* chunksOf(file: string): Generator<Buffer> {
  const descriptor = openSync(file, 'r');
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const length = readSync(descriptor, chunk);
      if (length === 0) return;
      yield chunk.subarray(0, length);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Bodies that are parsed for the yardstick. */
export const YARDSTICK_BODIES = 200;

function warm(file: string, step: () => void | Promise<void>): Promise<Round> {
  return medianRound(requestBodies(file, YARDSTICK_BODIES), ROUNDS, step);
}

/** One run in a process that has done nothing yet, as a short `bittern replay` is. */
async function once(file: string, step: () => Promise<void>, enginePid?: number): Promise<Round> {
  const texts = requestBodies(file, YARDSTICK_BODIES);
  const before = yardstick(texts);
  const cost = await timed(step, enginePid);
  return { ...cost, yardstickMbPerSecond: (before + yardstick(texts)) / 2 };
}

function captured(chunks: Iterable<Buffer>, emit: (frame: Frame) => void): void {
  const capture = new Capture(CAPTURE_DEFAULTS, emit);
  capture.nextSource('bench');
  for (const chunk of chunks) capture.write(chunk);
  capture.end('eof');
}

const sizeOf = (chunks: readonly Buffer[]): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0);

/** Takes every body and does nothing with it. */
class NullHandler implements ExchangeHandler, BodyConsumer {
  exchanges = 0;
  bodyBytes = 0;

  onRequest(): BodyConsumer {
    return this;
  }
  onRequestEnd(): void {}
  onResponse(): BodyConsumer {
    return this;
  }
  onEnd(): void {
    this.exchanges++;
  }
  data(bytes: Buffer): void {
    this.bodyBytes += bytes.length;
  }
  pieces({ count, starts, ends }: BodyPieces): void {
    for (let n = 0; n < count; n++) this.bodyBytes += ends[n]! - starts[n]!;
  }
  gap(): void {}
}

/** Keeps what HTTP tells, to tell it again to the stage above without HTTP's cost. */
class RecordingHandler implements ExchangeHandler {
  readonly #pieces = new BodyPieces();
  readonly steps: ((
    handler: ExchangeHandler,
    consumers: Map<Exchange, [BodyConsumer | null, BodyConsumer | null]>,
  ) => void)[] = [];

  onRequest(exchange: Exchange): BodyConsumer {
    this.steps.push((handler, consumers) => consumers.set(exchange, [handler.onRequest(exchange), null]));
    return this.#body(exchange, 0);
  }
  onRequestEnd(exchange: Exchange): void {
    this.steps.push((handler) => handler.onRequestEnd(exchange));
  }
  onResponse(exchange: Exchange): BodyConsumer {
    this.steps.push((handler, consumers) => {
      const pair = consumers.get(exchange);
      if (pair !== undefined) pair[1] = handler.onResponse(exchange);
    });
    return this.#body(exchange, 1);
  }
  onEnd(exchange: Exchange): void {
    this.steps.push((handler, consumers) => {
      handler.onEnd(exchange);
      consumers.delete(exchange);
    });
  }
  #body(exchange: Exchange, side: 0 | 1): BodyConsumer {
    return {
      data: (bytes, time) => {
        const copy = Buffer.from(bytes);
        this.steps.push((_, consumers) => consumers.get(exchange)?.[side]?.data(copy, time));
      },
      pieces: (some) => {
        const from = some.starts[0]!;
        const copy = Buffer.from(some.buffer.subarray(from, some.ends[some.count - 1]));
        const [starts, ends] = [some.starts, some.ends].map((all) => all.slice(0, some.count).map((at) => at - from));
        const times = some.times.slice(0, some.count);
        this.steps.push((_, consumers) => {
          const consumer = consumers.get(exchange)?.[side] ?? null;
          if (!takesPieces(consumer)) return;
          for (let n = 0; n < times.length; n++) this.#pieces.add(consumer, copy, starts![n]!, ends![n]!, times[n]!);
          this.#pieces.flush();
        });
      },
      gap: () => {},
    };
  }
}

/** Texts of some requests, for the yardstick. */
export function requestBodies(file: string, most: number): string[] {
  const texts: string[] = [];
  const handler: ExchangeHandler = {
    onRequest: () => {
      if (texts.length >= most) return null;
      const parts: Buffer[] = [];
      texts.push('');
      const at = texts.length - 1;
      return {
        data: (bytes) => {
          parts.push(Buffer.from(bytes));
          texts[at] = Buffer.concat(parts).toString();
        },
        gap: () => {},
      };
    },
    onRequestEnd: () => {},
    onResponse: () => null,
    onEnd: () => {},
  };
  const assembler = new HttpAssembler(HTTP_DEFAULTS, handler, masker);
  for (const chunk of chunksOf(file)) {
    // Enough for the yardstick lies at the beginning; bodies that are still open are left out below.
    captured([chunk], (frame) => assembler.feed(frame));
    if (texts.length >= most) break;
  }
  return texts.filter((text) => text.endsWith('}'));
}

export async function mirrorAlone(file: string): Promise<StageResult> {
  const chunks = Array.from(chunksOf(file), (chunk) => Buffer.from(chunk));
  let frames = 0;
  const cost = await warm(file, () => {
    frames = 0;
    captured(chunks, () => frames++);
  });
  return { ...cost, calls: 0, bytes: sizeOf(chunks), note: `${frames} frames` };
}

/** What hiding credentials costs a probe that publishes to Kafka. Hiding what is hidden brings it back, so each round has the same to do. */
export async function maskingAlone(file: string): Promise<StageResult> {
  const frames: Frame[] = [];
  captured(chunksOf(file), (frame) => frames.push(frame));
  const key = maskingKey(Buffer.from('a key of the benchmark'));
  let ranges = 0;
  const cost = await warm(file, () => {
    ranges = 0;
    const frameMasker = new FrameMasker(key);
    for (const frame of frames) ranges += frameMasker.mask(frame).masked.length;
  });
  const bytes = frames.reduce((sum, frame) => sum + frame.payload.length, 0);
  return { ...cost, calls: 0, bytes, note: `${ranges} stretches` };
}

export async function codecAlone(file: string): Promise<StageResult> {
  const frames: Frame[] = [];
  captured(chunksOf(file), (frame) => frames.push(frame));
  let bytes = 0;
  const cost = await warm(file, () => {
    bytes = 0;
    for (const frame of frames) {
      const encoded = frameCodec.encode(frame);
      bytes += encoded.length;
      frameCodec.decode(encoded);
    }
  });
  return { ...cost, calls: 0, bytes, note: `${frames.length} frames` };
}

export async function httpAlone(file: string): Promise<StageResult> {
  const frames: Frame[] = [];
  captured(chunksOf(file), (frame) => frames.push(frame));
  const run = (some: readonly Frame[]): NullHandler => {
    const handler = new NullHandler();
    const assembler = new HttpAssembler(HTTP_DEFAULTS, handler, masker);
    for (const frame of some) assembler.feed(frame);
    assembler.end();
    return handler;
  };
  let exchanges = 0;
  const cost = await warm(file, () => {
    exchanges = run(frames).exchanges;
  });
  return { ...cost, calls: exchanges, bytes: frames.reduce((sum, frame) => sum + frame.payload.length, 0) };
}

export async function packetsToHttp(file: string): Promise<StageResult> {
  const chunks = Array.from(chunksOf(file), (chunk) => Buffer.from(chunk));
  const run = (some: readonly Buffer[]): number => {
    const handler = new NullHandler();
    const assembler = new HttpAssembler(HTTP_DEFAULTS, handler, masker);
    captured(some, (frame) => assembler.feed(frame));
    assembler.end();
    return handler.exchanges;
  };
  let exchanges = 0;
  const cost = await warm(file, () => {
    exchanges = run(chunks);
  });
  return { ...cost, calls: exchanges, bytes: sizeOf(chunks) };
}

export function llmAlone(file: string): Promise<StageResult> {
  return recognising(file, LLM);
}

/** As in production: with redaction, and hashes under a key. */
export function llmPrivate(file: string): Promise<StageResult> {
  const settings = { modes: [], redaction: true, redactionRules: [], headers: 'known', shownHeaders: [] } as const;
  return recognising(file, { ...LLM, privacy: privacyFrom(settings, true, Buffer.alloc(32, 1)) });
}

async function recognising(file: string, options: RecognizerOptions): Promise<StageResult> {
  const recorder = new RecordingHandler();
  const assembler = new HttpAssembler(HTTP_DEFAULTS, recorder, masker);
  let bytes = 0;
  captured(chunksOf(file), (frame) => {
    bytes += frame.payload.length;
    assembler.feed(frame);
  });
  assembler.end();
  const run = (): number => {
    let calls = 0;
    const recognizer = new CallRecognizer(options, (observation) => {
      if (observation.type === 'call') calls++;
    });
    const consumers = new Map<Exchange, [BodyConsumer | null, BodyConsumer | null]>();
    for (const step of recorder.steps) step(recognizer, consumers);
    return calls;
  };
  let calls = 0;
  const cost = await warm(file, () => {
    calls = run();
  });
  return { ...cost, calls, bytes };
}

/** The whole way of `bittern replay`, ending in `sink`. */
async function replayInto(file: string, sink: PipelineSink): Promise<number> {
  const pipeline = await Pipeline.start(
    { bus: MEMORY_BUS_DEFAULTS, reassembler: { http: HTTP_DEFAULTS, llm: LLM } },
    KEY,
    sink,
  );
  const pump = new Pump(CAPTURE_DEFAULTS, pipeline);
  pump.nextSource('bench');
  for (const chunk of chunksOf(file)) await pump.write(chunk);
  await pump.end('eof');
  await pump.report();
  await pipeline.drain(true);
  await pipeline.close();
  return pipeline.reassembler.counts.calls;
}

export class NullSink implements PipelineSink {
  async add(): Promise<void> {}
  async addReport(): Promise<void> {}
  async addLosses(): Promise<void> {}

  async flush(): Promise<void> {}
}

export async function packetsToCalls(file: string): Promise<StageResult> {
  let bytes = 0;
  for (const chunk of chunksOf(file)) bytes += chunk.length;
  let calls = 0;
  const cost = await once(file, async () => {
    calls = await replayInto(file, new NullSink());
  });
  return { ...cost, calls, bytes };
}

/** The same in a process that goes on: what a long replay and a live capture cost. */
export async function packetsToCallsWarm(file: string): Promise<StageResult> {
  let bytes = 0;
  for (const chunk of chunksOf(file)) bytes += chunk.length;
  let calls = 0;
  const cost = await warm(file, async () => {
    calls = await replayInto(file, new NullSink());
  });
  return { ...cost, calls, bytes };
}

async function withStore<T>(work: (store: Store) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'bittern-bench-'));
  const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: STORE_DEFAULTS.memoryBytesMax });
  try {
    return await work(store);
  } finally {
    await store.close();
    await rm(dataDir, { recursive: true });
  }
}

async function diskBytes(store: Store): Promise<number> {
  const result = await store.client.query({
    query: 'SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database = currentDatabase()',
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ bytes: number }>();
  return Number(row?.bytes ?? 0);
}

export async function sinkAlone(file: string): Promise<StageResult> {
  const observations: Observation[] = [];
  const keep: PipelineSink = {
    add: async (some) => {
      observations.push(...some);
    },
    addReport: async () => {},
    addLosses: async () => {},
    flush: async () => {},
  };
  const calls = await replayInto(file, keep);
  return withStore(async (store) => {
    const sink = new ClickHouseSink(store);
    const work = async (): Promise<void> => {
      for (let at = 0; at < observations.length; at += 64) await sink.add(observations.slice(at, at + 64));
      await sink.flush();
    };
    const cost = await once(file, work, store.enginePid());
    await sink.close();
    let bytes = 0;
    for (const observation of observations) {
      if (observation.type === 'call') for (const content of observation.contents) bytes += content.text.length;
    }
    return { ...cost, calls, bytes, engineRssMb: peakRssMbOf(store.enginePid() ?? 0), note: 'client and server' };
  });
}

export async function packetsToClickHouse(file: string): Promise<StageResult> {
  return withStore(async (store) => {
    let bytes = 0;
    for (const chunk of chunksOf(file)) bytes += chunk.length;
    let calls = 0;
    const sink = new ClickHouseSink(store);
    const work = async (): Promise<void> => {
      calls = await replayInto(file, sink);
    };
    const cost = await once(file, work, store.enginePid());
    await sink.close();
    const perCall = (await diskBytes(store)) / Math.max(1, calls);
    return {
      ...cost,
      calls,
      bytes,
      engineRssMb: peakRssMbOf(store.enginePid() ?? 0),
      note: `${(perCall / 1000).toFixed(1)} KB of disk a call`,
    };
  });
}

export interface Stage {
  readonly title: string;
  /** Runs on the same calls over HTTP/2. */
  readonly http2?: boolean;
  run(file: string): Promise<StageResult>;
}

export const STAGES: Readonly<Record<string, Stage>> = {
  mirror: { title: 'packets → frames', run: mirrorAlone },
  masking: { title: 'frames, credentials hidden', run: maskingAlone },
  codec: { title: 'frame Avro encode + decode', run: codecAlone },
  http: { title: 'frames → HTTP', run: httpAlone },
  http2: { title: 'frames → HTTP/2', http2: true, run: httpAlone },
  packetsToHttp: { title: 'packets → HTTP', run: packetsToHttp },
  llm: { title: 'HTTP → calls', run: llmAlone },
  privacy: { title: 'HTTP → calls, redacted', run: llmPrivate },
  packetsToCalls: { title: 'packets → calls, null sink', run: packetsToCalls },
  packetsToCallsWarm: { title: 'packets → calls, warm', run: packetsToCallsWarm },
  workers: { title: 'packets → calls, by workers', run: packetsToCallsByWorkers },
  packetsToCallsHttp2: { title: 'packets → calls over HTTP/2', http2: true, run: packetsToCalls },
  sink: { title: 'calls → ClickHouse', run: sinkAlone },
  whole: { title: 'packets → ClickHouse, all in', run: packetsToClickHouse },
};
