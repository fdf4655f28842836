import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { CallId } from '../common/types.ts';
import { type Cursor, getCall, listCalls, rebuildRequest, runSql } from './queries.ts';
import { ClickHouseSink } from './sink.ts';
import { openStore, type Store } from './store.ts';
import { summarize } from './summary.ts';
import { callObservation, contentOf, hexId, SAMPLE_TIME, sampleCall, sampleExchange } from './testing.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-queries-'));
let store: Store;

const CALLS = 120;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 30, memoryBytesMax: 1e9 });
  const sink = new ClickHouseSink(store);
  for (let n = 0; n < CALLS; n++) {
    // Three calls share each time, so that an order by time alone would be ambiguous.
    const requestStart = SAMPLE_TIME + Math.floor(n / 3) * 1000;
    const tools = n % 2 === 0 ? ['search', 'write'] : [];
    const outcome = n % 10 === 0 ? ('http_error' as const) : ('ok' as const);
    const change = { requestStart, toolNames: tools, toolCallIds: tools, toolArguments: tools, outcome, costUsd: 0.25 };
    await sink.add([callObservation(sampleCall(n, { ...change, ttftMs: n < 20 ? n : null, inputTokens: 10 }))]);
  }
  await sink.add([{ type: 'exchange', exchange: sampleExchange(1) }]);
  await sink.close();
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});

describe('listCalls', () => {
  it('pages through all calls once, newest first, though many share a time', async () => {
    const seen: string[] = [];
    const times: number[] = [];
    let before: Cursor | null = null;
    do {
      const page: Awaited<ReturnType<typeof listCalls>> = await listCalls(store, { limit: 7, before });
      for (const call of page.calls) {
        seen.push(call.callId);
        times.push(call.time);
      }
      before = page.next;
    } while (before !== null);
    assert.equal(seen.length, CALLS);
    assert.equal(new Set(seen).size, CALLS);
    assert.deepEqual(
      times,
      [...times].sort((a, b) => b - a),
    );
  });

  it('filters by each field, and takes values for nothing but values', async () => {
    const found = async (filter: Parameters<typeof listCalls>[1] & object) =>
      (await listCalls(store, filter)).calls.length;
    assert.equal(await found({ limit: 1000, filter: { agentId: 'agent-3' } }), 17);
    assert.equal(await found({ limit: 1000, filter: { tool: 'write' } }), 60);
    assert.equal(await found({ limit: 1000, filter: { outcome: 'http_error', tool: 'search' } }), 12);
    assert.equal(await found({ limit: 1000, filter: { model: 'gpt-5' } }), CALLS);
    assert.equal(await found({ limit: 1000, filter: { sessionId: 'session-0' } }), 32);
    assert.equal(await found({ limit: 1000, filter: { from: SAMPLE_TIME + 1000, to: SAMPLE_TIME + 3000 } }), 6);
    assert.equal(await found({ filter: { agentId: "\\' OR 1 = 1 --" } }), 0);
    assert.equal(await found({ filter: { agentId: "x' OR '1' = '1" } }), 0);
  });

  it('leaves texts of a call’s details out', async () => {
    const [call] = (await listCalls(store, { limit: 1 })).calls;
    assert.ok(call !== undefined && !('requestSkeleton' in call) && !('toolArguments' in call));
  });
});

describe('rebuildRequest', () => {
  it('gives back the text of any request, byte for byte', async () => {
    // A part may hold anything, a NUL too; the text between parts anything but NUL.
    const text = fc.string({ unit: 'grapheme', maxLength: 200 });
    const between = text.map((value) => value.replaceAll('\0', ''));
    const requests = fc.array(fc.tuple(between, fc.array(fc.tuple(text, between), { maxLength: 12 })), {
      minLength: 1,
      maxLength: 20,
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(requests, async (values) => {
        const sink = new ClickHouseSink(store);
        const expected = new Map<CallId, string>();
        round++;
        for (const [i, [head, rest]] of values.entries()) {
          const parts = rest.map(([part]) => contentOf('message', part));
          const call = sampleCall(i, {
            callId: hexId('rebuild', round, i) as CallId,
            requestStart: SAMPLE_TIME - 86_400_000_000,
            requestSkeleton: head + rest.map(([, after]) => `\0${after}`).join(''),
            requestParts: parts.map((part) => part.hash),
          });
          expected.set(call.callId, head + rest.map(([part, after]) => part + after).join(''));
          await sink.add([callObservation(call, parts)]);
        }
        await sink.close();
        for (const [callId, request] of expected) assert.equal(await rebuildRequest(store, callId), request);
      }),
      { numRuns: 10 },
    );
    await store.client.command({ query: `ALTER TABLE calls DELETE WHERE request_start < '2026-01-02'` });
  });

  it('tells which part is missing', async () => {
    const sink = new ClickHouseSink(store);
    const part = contentOf('message', 'never stored');
    const callId = hexId('missing') as CallId;
    const change = { callId, requestStart: 5_000_000, requestSkeleton: '[\0]', requestParts: [part.hash] };
    await sink.add([callObservation(sampleCall(0, change))]);
    await sink.close();
    await assert.rejects(rebuildRequest(store, callId), { code: 'BIT_CONTENT_MISSING' });
    await assert.rejects(rebuildRequest(store, 'nothing'), { code: 'BIT_CALL_UNKNOWN' });
    await store.client.command({ query: `DELETE FROM calls WHERE call_id = '${callId}'` });
  });
});

describe('getCall', () => {
  it('brings the contents of request and response in order', async () => {
    const parts = [contentOf('system', 'be brief'), contentOf('message', 'hi'), contentOf('message', 'hi again')];
    const response = contentOf('response', '{"answer":"ho"}');
    const callId = hexId('with contents') as CallId;
    const requestParts = [parts[0]!, parts[1]!, parts[2]!, parts[1]!].map((part) => part.hash);
    const change = { callId, requestStart: 6_000_000, requestParts, responseContent: response.hash };
    const sink = new ClickHouseSink(store);
    await sink.add([callObservation(sampleCall(0, change), [...parts, response])]);
    await sink.close();
    const stored = await getCall(store, callId);
    assert.deepEqual(
      stored?.parts.map((part) => part.text),
      ['be brief', 'hi', 'hi again', 'hi'],
    );
    assert.deepEqual(stored?.response, response);
    assert.equal(await getCall(store, 'no such id'), null);
    await store.client.command({ query: `DELETE FROM calls WHERE call_id = '${callId}'` });
  });
});

describe('summarize', () => {
  it('counts calls, groups, tools, tokens and cost exactly', async () => {
    const summary = await summarize(store, { from: SAMPLE_TIME });
    assert.equal(summary.totals.calls, CALLS);
    assert.equal(summary.totals.inputTokens, CALLS * 10);
    assert.equal(summary.totals.costUsd, CALLS * 0.25);
    assert.equal(summary.totals.notOk, 12);
    assert.equal(summary.totals.from, SAMPLE_TIME);
    assert.ok(Math.abs(summary.totals.ttftP50Ms! - 9.5) <= 1);
    assert.deepEqual(
      summary.byOutcome.map(({ name, calls }) => [name, calls]),
      [
        ['ok', 108],
        ['http_error', 12],
      ],
    );
    assert.equal(summary.byAgent.length, 7);
    assert.deepEqual(summary.tools, [
      { name: 'search', toolCalls: 60, calls: 60 },
      { name: 'write', toolCalls: 60, calls: 60 },
    ]);
    assert.equal(summary.exchanges, 1);
  });

  it('says null, not zero, where nothing is known', async () => {
    const { totals } = await summarize(store, { agentId: 'nobody' });
    const { calls, from, ttftP50Ms, inputTokens, costUsd } = totals;
    assert.deepEqual([calls, from, ttftP50Ms, inputTokens, costUsd], [0, null, null, null, null]);
  });
});

describe('runSql', () => {
  async function text(sql: string, format: string): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of await runSql(store, sql, format)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  it('streams any format of ClickHouse’s; a FORMAT clause wins', async () => {
    assert.equal(await text("SELECT 1 AS a, 'x' AS b; ", 'JSONEachRow'), '{"a":1,"b":"x"}\n');
    assert.equal(await text('SELECT 1 AS a, 2 AS b', 'TSVWithNames'), 'a\tb\n1\t2\n');
    assert.equal(await text('SELECT 1 AS a FORMAT CSV', 'JSON'), '1\n');
    assert.equal(await text("SELECT count() FROM calls WHERE request_start >= '2026-01-01'", 'TSV'), `${CALLS}\n`);
  });

  it('passes the server’s error on', async () => {
    await assert.rejects(text('SELECT nonsense FROM calls', 'TSV'), /nonsense/);
  });

  it('reads no files of the machine', async () => {
    await assert.rejects(text("SELECT * FROM file('/etc/passwd', 'LineAsString')", 'TSV'), /ACCESS_DENIED|privileges/);
  });

  it('ends a query that takes too long', async () => {
    const sql =
      'SELECT sum(sleepEachRow(0.1)) FROM numbers(600) SETTINGS function_sleep_max_microseconds_per_block = 60000000';
    const run = async () => {
      for await (const _ of await runSql(store, sql, 'TSV', 1));
    };
    await assert.rejects(run(), /TIMEOUT_EXCEEDED|Timeout exceeded/i);
  });
});
