import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Claim } from './claim.ts';
import { ask } from './queries.ts';
import { ClickHouseSink } from './sink.ts';
import { openStore, type Store } from './store.ts';
import { callObservation, sampleCall, sampleExchange } from './testing.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-claim-'));
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});
beforeEach(async () => {
  for (const table of ['calls', 'exchanges']) await store.client.command({ query: `TRUNCATE TABLE ${table}` });
});

const observations = Array.from({ length: 50 }, (_, n) => callObservation(sampleCall(n)));

async function counts(): Promise<{ n: number; ids: number }> {
  return (
    await ask<{ n: number; ids: number }>(store, 'SELECT count() AS n, uniqExact(call_id) AS ids FROM calls', {})
  )[0]!;
}

/** The store, whose inserts into calls wait for `held` before they are sent. */
function heldStore(held: () => Promise<void>): Pick<Store, 'client'> {
  const client = new Proxy(store.client, {
    get: (target, name) => {
      if (name !== 'exec') return Reflect.get(target, name, target);
      return async (params: { readonly query: string; readonly values: never }) => {
        if (params.query.startsWith('INSERT INTO calls')) await held();
        return target.exec(params);
      };
    },
  });
  return { client };
}

test('rows with a claim are stored with every column as without one', async () => {
  const claim: Claim = { ownedForMs: () => 5_000 };
  const exchange = { type: 'exchange' as const, exchange: sampleExchange(1) };
  const sink = new ClickHouseSink(store);
  await sink.add([...observations, exchange], claim);
  await sink.flush();
  const query = 'SELECT * EXCEPT (stored) FROM calls ORDER BY call_id';
  const claimed = await ask(store, query, {});
  await store.client.command({ query: 'TRUNCATE TABLE calls' });
  const other = new ClickHouseSink(store);
  await other.add(observations);
  await other.close();
  const plain = await ask(store, query, {});
  assert.equal(claimed.length, 50);
  assert.deepEqual(claimed, plain);
  await sink.close();
});

test('what is not stored when its claim ends is left to the next owner', async () => {
  const sink = new ClickHouseSink(store);
  await sink.add(observations.slice(0, 20), { ownedForMs: () => null });
  await sink.add(observations.slice(20), { ownedForMs: () => 5_000 });
  await sink.close();
  assert.deepEqual(await counts(), { n: 30, ids: 30 });
  assert.deepEqual([sink.stats.disowned, sink.stats.acknowledged], [20, 50]);
});

test('while a claim is uncertain its rows wait', async () => {
  let ownedForMs: number | null = 0;
  const sink = new ClickHouseSink(store, { batchAgeMsMax: 0 });
  await sink.add(observations, { ownedForMs: () => ownedForMs });
  await sleep(300);
  assert.equal((await counts()).n, 0);
  ownedForMs = 5_000;
  await sink.close();
  assert.deepEqual(await counts(), { n: 50, ids: 50 });
});

test('a sink that freezes before its insert is on the way adds nothing to what its successor has stored', async () => {
  const thaw = Promise.withResolvers<void>();
  let frozen = false;
  let ownedForMs: number | null = 900;
  const zombie = new ClickHouseSink(
    heldStore(() => {
      frozen = true;
      return thaw.promise;
    }),
    { batchAgeMsMax: 0 },
  );
  await zombie.add(observations, { ownedForMs: () => ownedForMs });
  while (!frozen) await sleep(5);
  const successor = new ClickHouseSink(store);
  await sleep(900);
  await successor.add(observations, { ownedForMs: () => 5_000 });
  await successor.close();
  ownedForMs = null;
  thaw.resolve();
  await zombie.close();
  assert.deepEqual(await counts(), { n: 50, ids: 50 });
  assert.equal(zombie.stats.disowned, 50);
});
