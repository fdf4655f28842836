import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import type { Batch, Consumer, Producer } from '../bus/bus.ts';
import { createCredentialMasker } from '../http/credentials.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { client, framesOf, server } from '../http/testing.ts';
import { IDENTITY_DEFAULTS } from '../identity/mapping.ts';
import { LLM_DEFAULTS } from '../llm/defaults.ts';
import { MERGE_DEFAULTS } from './merge/merger.ts';
import { Reassembler, type ReassemblerOptions } from './reassembler.ts';

const options = {
  http: HTTP_DEFAULTS,
  llm: { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: false, limits: LLM_DEFAULTS },
};
const exchange = [client('GET /a HTTP/1.1\r\nhost: h\r\n\r\n'), server('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')];
const connection = Buffer.from('connection'.padEnd(16)).toString('hex');
const frames = framesOf([...exchange, ...exchange, ...exchange], { connection, stepsPerFrame: 6 });

class Bench {
  readonly published: Observation[] = [];
  readonly commits: { readonly offset: number; readonly epoch: number | undefined }[] = [];
  readonly notes: string[] = [];
  /** Awaited by each publish. */
  room: Promise<void> = Promise.resolve();
  /** Where the partition's records end; null: the bus doesn't tell. */
  endOf: (() => Promise<number>) | null = null;
  readonly stage: Reassembler;
  readonly #consumer: Consumer;

  constructor(change: Partial<ReassemblerOptions> = {}) {
    const producer: Producer<Observation> = {
      publish: (_key, observation) => {
        this.published.push(observation);
        return this.room;
      },
      flush: async () => {},
    };
    const consumer: Consumer = {
      commit: async (_partition, offset, _metadata, epoch) => {
        this.commits.push({ offset, epoch });
        return 'committed';
      },
      deadLetter: async () => {},
      close: async () => {},
      done: new Promise(() => {}),
    };
    const masker = createCredentialMasker(Buffer.from('only for tests'));
    this.stage = new Reassembler({ ...options, ...change }, masker, producer, (line) => this.notes.push(line));
    this.#consumer = consumer;
    this.stage.attach(consumer);
    this.stage.close();
  }

  /** The regular commits. */
  start(): void {
    const { endOf } = this;
    this.stage.attach(endOf === null ? this.#consumer : { ...this.#consumer, endOf });
  }

  assign(epoch: number, offset = 0): void {
    this.stage.assigned([{ partition: 0, offset, metadata: '', epoch }]);
  }

  batch(firstOffset = 0): Promise<void> {
    const records = frames.map((value, n) => ({ key: connection, offset: firstOffset + n, value }));
    return this.stage.batch({ partition: 0, firstOffset, records, nextOffset: firstOffset + records.length });
  }
}

test('letting go commits what is done with', async () => {
  const bench = new Bench();
  bench.assign(1);
  await bench.batch();
  await bench.stage.revoked([0]);
  assert.equal(bench.published.length, 3);
  assert.deepEqual(bench.commits, [{ offset: 1, epoch: 1 }]);
});

test('a batch that outlasts its ownership publishes and commits nothing more, and the next ownership is left alone', async () => {
  const bench = new Bench();
  const room = Promise.withResolvers<void>();
  bench.room = room.promise;
  bench.assign(1);
  const late = bench.batch();
  await bench.stage.revoked([0]);
  bench.assign(2);
  bench.room = Promise.resolve();
  room.resolve();
  await late;
  assert.equal(bench.published.length, 1, 'only what was on its way already');
  assert.deepEqual(bench.commits, []);
  await bench.batch();
  await bench.stage.revoked([0]);
  assert.equal(bench.published.length, 4);
  assert.deepEqual(bench.commits, [{ offset: 1, epoch: 2 }]);
});

test('frames that were deleted before they were read are counted and told', async () => {
  const bench = new Bench();
  bench.assign(1, 10);
  await bench.batch(17);
  assert.deepEqual(bench.stage.losses, { overtaken: 1, checkpointsMissing: 0 });
  assert.match(bench.notes.join(), /Partition 0: 7 frames were deleted/);
});

test('a checkpoint that is missing is counted and told', () => {
  const bench = new Bench();
  const metadataMissing = { code: 'BIT_CHECKPOINT_MISSING', message: 'It is gone.' };
  bench.stage.assigned([{ partition: 3, offset: 5, metadata: '', metadataMissing, epoch: 1 }]);
  assert.deepEqual(bench.stage.losses, { overtaken: 0, checkpointsMissing: 1 });
  assert.deepEqual(bench.notes, ['Partition 3: It is gone.']);
});

/** What one probe saw of an exchange, of whose ten bytes two are missing. */
function gapped(): Batch<Frame> {
  const steps = [
    client('GET /a HTTP/1.1\r\nhost: h\r\n\r\n'),
    server('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1234'),
    server('7890', 2),
  ];
  const values = framesOf(steps, { connection, stepsPerFrame: 1, close: 'fin' });
  const records = values.map((value, offset) => ({ key: connection, offset, value }));
  return { partition: 0, firstOffset: 0, records, nextOffset: records.length };
}

const SOON = { merge: { ...MERGE_DEFAULTS, several: true, waitMs: 100 }, quietMs: 200 };

test('a partition that has become quiet commits what waited for another probe', { timeout: 20_000 }, async () => {
  const bench = new Bench(SOON);
  const batch = gapped();
  bench.start();
  bench.assign(1);
  await bench.stage.batch(batch);
  assert.equal(bench.published.length, 0);
  while (bench.commits.at(-1)?.offset !== batch.nextOffset) await sleep(50);
  bench.stage.close();
  const [told] = bench.published;
  assert.ok(told?.type === 'exchange' && told.exchange.completeness === 'gap');
});

test('a partition whose broker is away, or that has records to come, is not quiet', { timeout: 20_000 }, async () => {
  const bench = new Bench(SOON);
  const batch = gapped();
  let looks = 0;
  bench.endOf = async () => {
    looks++;
    if (looks === 2) throw new Error('no broker');
    return looks === 4 ? batch.nextOffset + 1 : batch.nextOffset;
  };
  bench.start();
  bench.assign(1);
  await bench.stage.batch(batch);
  while (looks < 6) {
    assert.equal(bench.published.length, 0, `after ${looks} looks`);
    await sleep(20);
  }
  while (bench.commits.at(-1)?.offset !== batch.nextOffset) await sleep(50);
  bench.stage.close();
  assert.equal(looks, 6, 'what nothing waits in is not asked for');
});

/** A stage in which what came of waiting is being published: the publisher waits for `room`. */
async function publishing(batch: Batch<Frame>, room: Promise<void>): Promise<Bench> {
  const bench = new Bench(SOON);
  bench.room = room;
  bench.start();
  bench.assign(1);
  await bench.stage.batch(batch);
  while (bench.published.length === 0) await sleep(20);
  return bench;
}

test('what came of waiting is published before its offsets are committed', { timeout: 20_000 }, async () => {
  const batch = gapped();
  const room = Promise.withResolvers<void>();
  const bench = await publishing(batch, room.promise);
  const committed = (): boolean => bench.commits.some(({ offset }) => offset === batch.nextOffset);
  await sleep(1500);
  assert.equal(committed(), false, 'by the next regular commit');
  await bench.stage.revoked([0]);
  assert.equal(committed(), false, 'when the partition is taken');
  bench.stage.close();
  room.resolve();
});

test('what came of waiting is committed when it is published', { timeout: 20_000 }, async () => {
  const batch = gapped();
  const room = Promise.withResolvers<void>();
  const bench = await publishing(batch, room.promise);
  room.resolve();
  while (bench.commits.at(-1)?.offset !== batch.nextOffset) await sleep(50);
  bench.stage.close();
});
