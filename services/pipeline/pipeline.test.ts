import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { GENERATOR_DEFAULTS, generate } from '../../load-tests/generator/generate.ts';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import { FRAMES, OBSERVATIONS } from '../../schemas/topics.ts';
import { MEMORY_BUS_DEFAULTS } from '../bus/memory-bus.ts';
import { toldOf } from '../common/errors.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { TEST_OPTIONS } from '../llm/testing.ts';
import { reassemblerObserved } from '../observe/sources/reassembler.ts';
import { workersObserved } from '../observe/sources/workers.ts';
import { Pipeline, type PipelineSink } from './pipeline.ts';
import { THREAD_DEFAULTS } from './threads/defaults.ts';

const KEY = Buffer.from('a key that only tests know');
const QUEUE_BYTES_MAX = 200_000;
/** Of one message to a worker, and of one from it. */
const MESSAGE_BYTES_MAX = 2_000_000;
const options = {
  bus: { ...MEMORY_BUS_DEFAULTS, queueBytesMax: QUEUE_BYTES_MAX },
  reassembler: { http: HTTP_DEFAULTS, llm: TEST_OPTIONS },
  workers: 2,
};

function framesOf(calls: number, seed: number): Frame[] {
  const frames: Frame[] = [];
  const capture = new Capture({ ...CAPTURE_DEFAULTS, network: `n${seed}` }, (frame) => frames.push(frame));
  capture.nextSource('memory');
  capture.write(generate({ ...GENERATOR_DEFAULTS, seed, calls }).pcap);
  capture.end('eof');
  return frames;
}

/** The same traffic once more, of other connections. */
function again(frames: readonly Frame[], round: number): Frame[] {
  return frames.map((frame) => {
    const connection = (round.toString(16).padStart(4, '0') + frame.connection.slice(4)) as Frame['connection'];
    return { ...frame, connection, payload: Buffer.from(frame.payload) };
  });
}

/** A sink that stores nothing until it is opened. */
class Gate implements PipelineSink {
  readonly seen: Observation[] = [];
  #open: (() => void) | null = null;
  readonly #opened: Promise<void>;

  constructor(shut: boolean) {
    this.#opened = shut ? new Promise((resolve) => (this.#open = resolve)) : Promise.resolve();
  }

  open(): void {
    this.#open?.();
  }

  async add(observations: readonly Observation[]): Promise<void> {
    await this.#opened;
    this.seen.push(...observations);
  }

  async addReport(): Promise<void> {}
  async addLosses(): Promise<void> {}
  async flush(): Promise<void> {}
}

test('a worker that fails fails the pipeline with its error, which holds nothing of the traffic, and the process can end', async () => {
  const pipeline = await Pipeline.start(options, KEY, new Gate(false));
  const [frame] = framesOf(3, 1) as [Frame, ...Frame[]];
  await pipeline.frames.publish(frame.connection, { ...frame, client: null as never });
  await assert.rejects(pipeline.drain(false), (error: Error) => {
    assert.equal(toldOf(error), 'TypeError');
    assert.match(String(error.stack), /^TypeError.*\n +at .*services/);
    return true;
  });
  assert.ok(pipeline.failed.aborted);
  await pipeline.frames.publish(frame.connection, frame);
  await assert.rejects(pipeline.drain(true), { name: 'TypeError' });
});

test('a worker that fails while nothing waits for it is noticed as well', async () => {
  const pipeline = await Pipeline.start(options, KEY, new Gate(false));
  const [frame] = framesOf(3, 1) as [Frame, ...Frame[]];
  await pipeline.frames.publish(frame.connection, { ...frame, client: null as never });
  while (!pipeline.failed.aborted) await sleep(5);
  assert.equal(toldOf(pipeline.failed.reason), 'TypeError');
});

test('a sink that takes nothing holds the workers and the source back, and nothing is lost when it takes again', async () => {
  const sink = new Gate(true);
  const pipeline = await Pipeline.start(options, KEY, sink);
  const frames = framesOf(150, 2);
  const bytes = frames.reduce((sum, frame) => sum + FRAMES.sizeOf(frame), 0);
  let published = 0;
  const publish = async (rounds: number): Promise<void> => {
    for (let n = 0; n < rounds; n++)
      for (const frame of again(frames, n)) {
        published += FRAMES.sizeOf(frame);
        await pipeline.frames.publish(frame.connection, frame);
      }
  };
  const rounds = 10 + Math.ceil((4 * (THREAD_DEFAULTS.flightBytesMax + THREAD_DEFAULTS.unreadBytesMax)) / bytes);
  const publishing = publish(rounds);
  let before = -1;
  while (published !== before) {
    before = published;
    await sleep(700);
  }
  const queued = pipeline.queued;
  assert.ok(published < bytes * rounds * 0.9, 'the source is held back');
  assert.ok(queued.get(FRAMES.name)! <= QUEUE_BYTES_MAX + 2 * (THREAD_DEFAULTS.flightBytesMax + MESSAGE_BYTES_MAX));
  assert.ok(queued.get(OBSERVATIONS.name)! <= QUEUE_BYTES_MAX + MESSAGE_BYTES_MAX);
  sink.open();
  await publishing;
  await pipeline.drain(true);
  await pipeline.close();
  const { calls, exchanges } = pipeline.reassembler.counts;
  assert.equal(sink.seen.length, calls + exchanges);
  assert.ok(calls > 100 * rounds);
  assert.equal(
    new Set(sink.seen.map((each) => (each.type === 'call' ? each.call.callId : each))).size,
    sink.seen.length,
  );
});

test('closing drops what is in hand, and waits for the sink only', async () => {
  const sink = new Gate(true);
  const pipeline = await Pipeline.start(options, KEY, sink);
  const frames = framesOf(100, 3);
  const publishing = (async () => {
    for (let n = 0; n < 12; n++)
      for (const frame of again(frames, n)) await pipeline.frames.publish(frame.connection, frame);
  })();
  while (pipeline.queued.get(FRAMES.name)! < QUEUE_BYTES_MAX || pipeline.queued.get(OBSERVATIONS.name) === 0)
    await sleep(20);
  let closed = false;
  const closing = pipeline.close().then(() => {
    closed = true;
  });
  await sleep(500);
  assert.equal(closed, false);
  sink.open();
  await closing;
  await publishing;
  assert.ok(!pipeline.failed.aborted);
});

test('the figures of the workers are shown as those of one stage', async () => {
  const frames = framesOf(60, 4);
  const shown: string[][] = [];
  for (const workers of [0, 2]) {
    const pipeline = await Pipeline.start({ ...options, workers }, KEY, new Gate(false));
    for (const frame of frames)
      await pipeline.frames.publish(frame.connection, { ...frame, payload: Buffer.from(frame.payload) });
    await pipeline.drain(true);
    const samples = [...reassemblerObserved(pipeline.reassembler).samples()];
    shown.push(
      samples.flatMap(({ name, labels, value }) =>
        'partition' in labels ? [] : [JSON.stringify([name, labels, value])],
      ),
    );
    const partitions = samples.filter(({ name }) => name === 'bittern_reassembler_connections');
    assert.equal(partitions.length, Math.max(1, workers));
    const own = [...workersObserved(pipeline).samples()];
    assert.equal(own.length, workers * 2);
    for (const { value } of own) assert.ok(value > 0);
    await pipeline.close();
  }
  assert.deepEqual(shown[1], shown[0]);
});
