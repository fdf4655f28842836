import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observation } from '../../schemas/call.ts';
import type { CommitResult, Consumer } from '../bus/bus.ts';
import type { Claim } from '../clickhouse/claim.ts';
import { callObservation, sampleCall } from '../clickhouse/testing.ts';
import { BitternError } from '../common/errors.ts';
import { ClickHouseStage } from './clickhouse-stage.ts';

/** A sink that stores when it is told to. */
class HeldSink {
  stats = { added: 0, acknowledged: 0 };
  readonly claims: (Claim | null)[] = [];
  readonly #flushes: (() => void)[] = [];

  async add(observations: readonly Observation[], claim: Claim | null): Promise<void> {
    this.stats = { ...this.stats, added: this.stats.added + observations.length };
    this.claims.push(claim);
  }

  flush(): Promise<void> {
    return new Promise((resolve) => this.#flushes.push(resolve));
  }

  store(): void {
    this.stats = { ...this.stats, acknowledged: this.stats.added };
    for (const resolve of this.#flushes.splice(0)) resolve();
  }
}

/** `refusals`: how many commits fail at first. */
function setUp(ownedEpochs: ReadonlySet<number>, refusals = 0) {
  const notes: string[] = [];
  const commits: { readonly offset: number; readonly epoch: number | undefined }[] = [];
  const consumer: Consumer = {
    commit: async (_partition, offset, _metadata, epoch): Promise<CommitResult> => {
      if (refusals-- > 0) throw new BitternError('BIT_KAFKA_DENIED', 'Nobody may commit.');
      commits.push({ offset, epoch });
      return 'committed';
    },
    deadLetter: async () => {},
    ownedForMs: (_partition, epoch) => (ownedEpochs.has(epoch) ? 1000 : null),
    close: async () => {},
    done: new Promise(() => {}),
  };
  const sink = new HeldSink();
  const stage = new ClickHouseStage(sink, (line) => notes.push(line));
  stage.attach(consumer);
  return { stage, sink, commits, notes };
}

function batch(offset: number) {
  const value = callObservation(sampleCall(offset));
  return { partition: 0, records: [{ key: 'k', offset, value }], nextOffset: offset + 1 };
}

test('an offset is committed when all below it is stored, and not before', async () => {
  const { stage, sink, commits } = setUp(new Set([1]));
  stage.assigned([{ partition: 0, offset: 5, metadata: '', epoch: 1 }]);
  await stage.batch(batch(5));
  await sleep(300);
  assert.deepEqual(commits, []);
  sink.store();
  await sleep(300);
  assert.deepEqual(commits, [{ offset: 6, epoch: 1 }]);
  stage.close();
});

test('letting go that takes too long takes nothing from the ownership that comes after it', async () => {
  const owned = new Set([1]);
  const { stage, sink, commits } = setUp(owned);
  stage.assigned([{ partition: 0, offset: 0, metadata: '', epoch: 1 }]);
  await stage.batch(batch(0));
  const lettingGo = stage.revoked([0]);
  owned.delete(1);
  owned.add(2);
  stage.assigned([{ partition: 0, offset: 0, metadata: '', epoch: 2 }]);
  await stage.batch(batch(0));
  sink.store();
  await lettingGo;
  await stage.batch(batch(1));
  assert.deepEqual(
    sink.claims.map((claim) => claim?.ownedForMs()),
    [null, 1000, 1000],
  );
  sink.store();
  await sleep(300);
  assert.deepEqual(
    commits.filter(({ epoch }) => epoch === 2),
    [
      { offset: 1, epoch: 2 },
      { offset: 2, epoch: 2 },
    ],
  );
  stage.close();
});

test('a commit that is refused is told once and tried again, and nothing ends by it', async () => {
  const { stage, sink, commits, notes } = setUp(new Set([1]), 2);
  stage.assigned([{ partition: 0, offset: 5, metadata: '', epoch: 1 }]);
  await stage.batch(batch(5));
  sink.store();
  await sleep(900);
  assert.deepEqual(commits, [{ offset: 6, epoch: 1 }]);
  assert.deepEqual(notes, ["Progress can't be committed. Nobody may commit."]);
  stage.close();
});
