/** A row that was stored before its call had ended gives way to the whole one: at any point where a process may die, one row a call. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Call, ExchangeRow, Observation } from '../../schemas/call.ts';
import { ClaimOver } from './claim.ts';
import { deleteProvisional } from './existing.ts';
import { Inserter } from './inserter.ts';
import { ask } from './queries.ts';
import { ClickHouseSink, SINK_DEFAULTS } from './sink.ts';
import { openStore, type Store } from './store.ts';
import { CALLS } from './tables.ts';
import { callObservation, contentOf, sampleCall, sampleExchange } from './testing.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-provisional-'));
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 30, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});
beforeEach(async () => {
  for (const table of ['calls', 'exchanges', 'contents'])
    await store.client.command({ query: `TRUNCATE TABLE ${table}` });
});

const whole = (n: number): Call => sampleCall(n);
const partial = (n: number): Call =>
  sampleCall(n, { provisional: true, completeness: 'truncated', outputTokens: null });
const observed = (...calls: readonly Call[]): Observation[] => calls.map((call) => callObservation(call));

/** One process's life, which ends with all that it was given stored. */
async function life(...batches: readonly (readonly Observation[])[]): Promise<ClickHouseSink> {
  const sink = new ClickHouseSink(store);
  for (const batch of batches) {
    await sink.add(batch);
    await sink.flush();
  }
  await sink.close();
  return sink;
}

async function assertCalls(total: number, provisional: number): Promise<void> {
  const query = 'SELECT count() AS n, uniqExact(call_id) AS ids, countIf(provisional) AS partial FROM calls';
  const [row] = await ask<{ n: number; ids: number; partial: number }>(store, query, {});
  assert.deepEqual(row, { n: total, ids: total, partial: provisional });
}

test('the whole call takes the place of the provisional one, with its contents', async () => {
  const answer = contentOf('response', 'the whole answer');
  await life(observed(partial(1), whole(2)));
  await assertCalls(2, 1);
  const sink = await life([
    { type: 'call', call: sampleCall(1, { responseContent: answer.hash }), contents: [answer] },
  ]);
  await assertCalls(2, 0);
  const rows = await ask<{ completeness: string; text: string }>(
    store,
    'SELECT completeness, text FROM calls JOIN contents ON calls.response_content = contents.hash WHERE call_id = {id:String}',
    { id: whole(1).callId },
  );
  assert.deepEqual(rows, [{ completeness: 'full', text: 'the whole answer' }]);
  assert.equal(sink.stats.calls, 0, 'no call is counted twice');
});

test('whatever comes again, and in whatever order and batches, changes nothing', async () => {
  await life(observed(partial(1)), observed(partial(1)), observed(whole(1)), observed(whole(1)), observed(partial(1)));
  await assertCalls(1, 0);
  await life(observed(partial(1), whole(1), partial(1)));
  await assertCalls(1, 0);
  await life(observed(partial(2), whole(2), partial(2)));
  await assertCalls(2, 0);
  await life(observed(whole(3), partial(3)));
  await assertCalls(3, 0);
});

test('who dies after the provisional row is gone leaves the whole one to its successor', async () => {
  await life(observed(partial(1), partial(2), whole(3)));
  await deleteProvisional(store.client, CALLS, [whole(1), whole(3)]);
  await assertCalls(2, 1);
  // It hadn't committed, so all comes again.
  await life(observed(partial(1), whole(1), whole(3)));
  await assertCalls(3, 1);
});

test('who dies between the insert and the commit leaves nothing to do', async () => {
  await life(observed(partial(1)), observed(whole(1)));
  await life(observed(whole(1)));
  await assertCalls(1, 0);
});

test('a delete that comes late, from a process that has lost its partition, takes nothing whole away', async () => {
  await life(observed(partial(1)), observed(whole(1)));
  await deleteProvisional(store.client, CALLS, [whole(1)]);
  await assertCalls(1, 0);
});

test('without a claim nothing is deleted', async () => {
  await life(observed(partial(1)));
  const inserter = new Inserter(store.client, SINK_DEFAULTS, new AbortController().signal);
  const over = async (): Promise<number> => {
    throw new ClaimOver();
  };
  await assert.rejects(inserter.makeWay(CALLS, [whole(1)], over), ClaimOver);
  await assertCalls(1, 1);
});

test('merges in between change nothing', async () => {
  await life(observed(partial(1), partial(2)));
  await store.client.command({ query: 'OPTIMIZE TABLE calls FINAL' });
  await life(observed(whole(1)));
  await store.client.command({ query: 'OPTIMIZE TABLE calls FINAL' });
  await assertCalls(2, 1);
});

test('a provisional row that was corrected meanwhile gives way as well, merged or not', async () => {
  await life(observed(partial(1), partial(2), whole(3)));
  const correct = (...calls: readonly Call[]) =>
    store.client.command({
      query: `UPDATE calls SET session_id = 'corrected' WHERE call_id IN {ids:Array(String)}`,
      query_params: { ids: calls.map(({ callId }) => callId) },
    });
  await correct(whole(1), whole(3));
  await life(observed(whole(1)));
  await correct(whole(2));
  await store.client.command({ query: 'OPTIMIZE TABLE calls FINAL' });
  await life(observed(whole(2)));
  await assertCalls(3, 0);
  const read = () => ask(store, 'SELECT call_id, session_id, completeness FROM calls ORDER BY call_id', {});
  const expected = [1, 2, 3].map((n) => {
    const { callId, sessionId, completeness } = whole(n);
    return { call_id: callId, session_id: n === 3 ? 'corrected' : sessionId, completeness };
  });
  const byId = expected.sort((a, b) => (a.call_id < b.call_id ? -1 : 1));
  assert.deepEqual(await read(), byId);
  await store.client.command({ query: 'OPTIMIZE TABLE calls FINAL' });
  assert.deepEqual(await read(), byId);
});

test('other exchanges are replaced in the same way', async () => {
  const row = (change: Partial<ExchangeRow>): Observation[] => [
    { type: 'exchange', exchange: { ...sampleExchange(1), ...change } },
  ];
  await life(row({ provisional: true, outcome: 'limit' }), row({ outcome: 'complete' }), row({ provisional: true }));
  const rows = await ask<{ outcome: string }>(store, 'SELECT outcome FROM exchanges', {});
  assert.deepEqual(rows, [{ outcome: 'complete' }]);
});
