import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Call } from '../../schemas/call.ts';
import { loadMigrations, statements } from './migrations.ts';
import { ask, rebuildRequest } from './queries.ts';
import { ClickHouseSink } from './sink.ts';
import { openStore, type Store } from './store.ts';
import { callObservation, contentOf, sampleCall } from './testing.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-search-'));
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});

async function put(n: number, asked: string, answered: string, change: Partial<Call> = {}): Promise<Call> {
  const parts = [contentOf('system', '{"text":"Be kind."}'), contentOf('message', JSON.stringify({ content: asked }))];
  const response = contentOf('response', JSON.stringify({ content: answered }));
  const requestParts = parts.map(({ hash }) => hash);
  const call = sampleCall(n, { requestSkeleton: '[\0,\0]', requestParts, responseContent: response.hash, ...change });
  const sink = new ClickHouseSink(store);
  await sink.add([callObservation(call, [...parts, response])]);
  await sink.close();
  return call;
}

async function found(view: 'answers_with' | 'requests_with', words: string): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    store,
    `SELECT call_id AS id FROM ${view}(words = '${words}') ORDER BY request_start`,
    {},
  );
  return rows.map(({ id }) => id);
}

test('answers and requests are found by whole words, in any order, across line breaks, also those stored before the index', async () => {
  await store.client.command({ query: 'ALTER TABLE contents DROP INDEX text_words' });
  await store.client.command({ query: 'SYSTEM STOP MERGES contents' }).catch(() => {});
  const early = await put(1, 'Where do bitterns live?', 'In reeds.\nNear water.');
  const index = loadMigrations()
    .flatMap(({ sql }) => statements(sql))
    .find((statement) => statement.includes('ADD INDEX IF NOT EXISTS text_words'))!;
  await store.client.command({ query: index });
  const late = await put(2, 'Und Gänse?', 'Reeds, too:\nNear "water"');
  assert.deepEqual(await found('answers_with', 'near REEDS'), [early.callId, late.callId]);
  assert.deepEqual(await found('answers_with', 'too water'), [late.callId]);
  assert.deepEqual(await found('answers_with', 'reed'), []);
  assert.deepEqual(await found('requests_with', 'bitterns live'), [early.callId]);
  assert.deepEqual(await found('requests_with', 'Gänse'), [late.callId]);
  assert.deepEqual(await found('requests_with', 'kind'), [early.callId, late.callId]);
  assert.deepEqual(await found('requests_with', 'reeds'), []);
});

test('request_of and response_of give what was sent and what came back', async () => {
  const call = await put(3, 'A\\"b\\\\n', 'c');
  const query = `SELECT request, response FROM request_of(call_id = '${call.callId}'), response_of(call_id = '${call.callId}')`;
  const [row] = await ask<{ request: string; response: string }>(store, query, {});
  assert.equal(row?.request, await rebuildRequest(store, call.callId));
  assert.equal(row?.request, `[{"text":"Be kind."},${JSON.stringify({ content: 'A\\"b\\\\n' })}]`);
  assert.equal(row?.response, '{"content":"c"}');
  const bare = sampleCall(4, { requestSkeleton: '{"input":"x"}', requestParts: [], responseContent: '' });
  const sink = new ClickHouseSink(store);
  await sink.add([callObservation(bare)]);
  await sink.close();
  const [plain] = await ask<{ request: string }>(
    store,
    `SELECT request FROM request_of(call_id = '${bare.callId}')`,
    {},
  );
  assert.equal(plain?.request, '{"input":"x"}');
});

test('texts_of gives both in one look, also of a call with no parts; none of a call that is not there', async () => {
  const call = await put(5, 'D', 'e');
  const textsOf = (id: string): Promise<{ request: string; response: string }[]> =>
    ask(store, `SELECT request, response FROM texts_of(call_id = '${id}')`, {});
  const request = await rebuildRequest(store, call.callId);
  assert.deepEqual(await textsOf(call.callId), [{ request, response: '{"content":"e"}' }]);
  const bare = sampleCall(6, { requestSkeleton: '{"input":"x"}', requestParts: [], responseContent: '' });
  const sink = new ClickHouseSink(store);
  await sink.add([callObservation(bare)]);
  await sink.close();
  assert.deepEqual(await textsOf(bare.callId), [{ request: '{"input":"x"}', response: '' }]);
  assert.deepEqual(await textsOf('0'.repeat(32)), []);
});
