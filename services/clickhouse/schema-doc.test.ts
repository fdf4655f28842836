import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ask, rebuildRequest } from './queries.ts';
import { renderSchemaDoc } from './schema-doc.ts';
import { ClickHouseSink } from './sink.ts';
import { openStore, type Store } from './store.ts';
import { CALLS, CAPTURE_HEALTH, CONTENTS, DEAD_LETTERS, EXCHANGES, PROBE_REPORTS } from './tables.ts';
import { callObservation, contentOf, sampleCall, sampleExchange } from './testing.ts';

const DOC = new URL('../../docs/schema.md', import.meta.url);
const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-doc-'));
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 30, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});

describe('the schema', () => {
  it('is documented as the migrations make it', async () => {
    assert.equal(readFileSync(DOC, 'utf8'), await renderSchemaDoc(store));
  });

  it('has a comment on every table and column', async () => {
    const query = "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND comment = ''";
    assert.deepEqual(await ask(store, query, {}), []);
    const tables = "SELECT name FROM system.tables WHERE database = currentDatabase() AND comment = ''";
    assert.deepEqual(await ask(store, tables, {}), []);
  });

  it('has exactly the columns that the sink fills, and `stored`', async () => {
    const query =
      "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND default_kind != 'ALIAS'";
    const rows = await ask<{ table: string; name: string }>(store, query, {});
    for (const table of [CALLS, CAPTURE_HEALTH, CONTENTS, DEAD_LETTERS, EXCHANGES, PROBE_REPORTS]) {
      const names = rows.filter((row) => row.table === table.name).map((row) => row.name);
      assert.deepEqual(
        names.sort(),
        [...table.columns.map((column) => column.name as string), 'stored'].sort(),
        table.name,
      );
    }
  });

  it('takes every field of a call and of an exchange', () => {
    assert.deepEqual(CALLS.columns.flatMap(({ key }) => key ?? []).sort(), Object.keys(sampleCall(0)).sort());
    assert.deepEqual(EXCHANGES.columns.flatMap(({ key }) => key ?? []).sort(), Object.keys(sampleExchange(0)).sort());
  });

  it('lets SQL ask for one header by its name', async () => {
    const requestHeaders = 'host: a.test\nx-note: one: two\n[more]: 7\n';
    const sink = new ClickHouseSink(store);
    await sink.add([callObservation(sampleCall(2, { requestHeaders }))]);
    await sink.close();
    const sql = `SELECT request_header AS asked, request_header['x-note'] AS note, response_header AS answered
      FROM calls WHERE call_id = {id:String}`;
    assert.deepEqual(await ask(store, sql, { id: sampleCall(2).callId }), [
      { asked: { host: 'a.test', 'x-note': 'one: two', '[more]': '7' }, note: 'one: two', answered: {} },
    ]);
  });

  it('lets SQL put a request together as the page says', async () => {
    const parts = [contentOf('message', '{"a":"ü"}'), contentOf('message', '{"b":2}')];
    const requestParts = [parts[0]!.hash, parts[1]!.hash, parts[0]!.hash];
    const call = sampleCall(1, { requestSkeleton: '{"m":[\0, \0,\0]}', requestParts });
    const sink = new ClickHouseSink(store);
    await sink.add([callObservation(call, parts)]);
    await sink.close();
    const sql = /```sql\n([^`]*)```/.exec(readFileSync(DOC, 'utf8'))![1]!.replaceAll('…', call.callId);
    const rows = await ask<{ request: string }>(store, sql, {});
    assert.equal(rows[0]?.request, '{"m":[{"a":"ü"}, {"b":2},{"a":"ü"}]}');
    assert.equal(await rebuildRequest(store, call.callId), rows[0]?.request);
  });
});
