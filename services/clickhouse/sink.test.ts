import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Call, Observation } from '../../schemas/call.ts';
import type { ProbeReport } from '../../schemas/frame.ts';
import { BitternError } from '../common/errors.ts';
import { canonicalHashOf } from '../llm/json/canonical.ts';
import { CallRecognizer } from '../llm/recognizer.ts';
import { run, START, TEST_OPTIONS } from '../llm/testing.ts';
import { ask, getCall, listCalls } from './queries.ts';
import { ClickHouseSink } from './sink.ts';
import { openStore, type Store } from './store.ts';
import { captureHealth } from './summary.ts';
import { callObservation, callRange, contentOf, hexId, SAMPLE_TIME, sampleCall, sampleExchange } from './testing.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-sink-'));
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 30, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});
beforeEach(async () => {
  for (const table of [
    'calls',
    'exchanges',
    'tool_executions',
    'contents',
    'probe_reports',
    'capture_health',
    'dead_letters',
  ]) {
    await store.client.command({ query: `TRUNCATE TABLE ${table}` });
  }
});

async function count(table: string, where = '1'): Promise<number> {
  const rows = await ask<{ n: number }>(store, `SELECT count() AS n FROM ${table} WHERE ${where}`, {});
  return rows[0]!.n;
}

/** Calls must be there once each: number, distinct ids and sum of a field. */
async function assertCallsExactly(total: number): Promise<void> {
  const query = 'SELECT count() AS n, uniqExact(call_id) AS ids, sum(input_tokens) AS tokens FROM calls';
  const rows = await ask<{ n: number; ids: number; tokens: number }>(store, query, {});
  assert.deepEqual(rows[0], { n: total, ids: total, tokens: 1200 * total + (total * (total - 1)) / 2 });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe('a stored call', () => {
  const nasty = '🦆 "quoted" \\back\\slash\\ \n\t\r \u0001 ünï\u2028 \'; DROP TABLE calls; -- {id:String} %41';
  const extremes: Call = sampleCall(1, {
    sessionId: nasty,
    agentId: nasty,
    errorMessage: nasty.repeat(2000),
    model: '',
    status: 65_535,
    missingBytes: Number.MAX_SAFE_INTEGER,
    requestStart: 0,
    requestEnd: 1,
    firstByte: 4_102_444_800_000_001,
    firstToken: null,
    responseEnd: null,
    ttftMs: null,
    ttfbMs: 1e300,
    durationMs: 5e-324,
    tokenGapP50Ms: -0.001,
    inputTokens: Number.MAX_SAFE_INTEGER,
    cacheReadTokens: null,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 7,
    costUsd: 0.1 + 0.2,
    toolNames: ['a', nasty, ''],
    toolCallIds: ['', nasty, 'c'],
    toolArguments: [`{"x":"${nasty}"}`, '', '[]'],
    offeredTools: [],
    temperature: null,
    clientIp: 'fe80::1',
    processId: 4_294_967_295,
    labels: { [nasty]: nasty, '': '', env: 'prod' },
    requestSkeleton: '{"a":[\0,\0],"é":1}',
    requestParts: [contentOf('message', 'x').hash, contentOf('message', 'y').hash],
    streaming: false,
  });

  it('comes back field by field, with extreme values', async () => {
    const sink = new ClickHouseSink(store);
    await sink.add([callObservation(extremes), callObservation(sampleCall(2))]);
    await sink.close();
    assert.deepEqual((await getCall(store, extremes.callId))?.call, extremes);
    assert.deepEqual((await getCall(store, sampleCall(2).callId))?.call, sampleCall(2));
  });

  it('has its earliest known time as request_start when its first byte was not seen', async () => {
    const sink = new ClickHouseSink(store);
    const call = sampleCall(1, { requestStart: null, requestEnd: null, completeness: 'head_missing' });
    await sink.add([callObservation(call), callObservation(call)]);
    await sink.close();
    const stored = await getCall(store, call.callId);
    assert.deepEqual(stored?.call, call);
    assert.equal(stored?.time, call.firstByte);
    assert.equal(await count('calls', 'NOT request_start_known AND request_start = first_byte'), 1);
  });

  it('keeps absurd numbers of the traffic within their column instead of failing', async () => {
    const absurd = { status: 1e9, inputTokens: -5, outputTokens: 1e300, clientPort: Number.NaN, costUsd: Number.NaN };
    for (let round = 0; round < 2; round++) {
      const sink = new ClickHouseSink(store);
      await sink.add([callObservation(sampleCall(1, { ...absurd, requestStart: 1e17 + 0.5, reasoningTokens: 2.9 }))]);
      await sink.add([
        callObservation(sampleCall(2, { requestStart: Number.NaN })),
        callObservation(sampleCall(3, { requestStart: 5.5 })),
      ]);
      await sink.close();
    }
    assert.equal(await count('calls'), 3);
    const stored = (await getCall(store, sampleCall(1).callId))!.call;
    assert.deepEqual([stored.status, stored.inputTokens, stored.outputTokens], [65_535, 0, Number.MAX_SAFE_INTEGER]);
    assert.deepEqual([stored.clientPort, stored.costUsd, stored.reasoningTokens], [0, null, 2]);
  });

  it('is not deleted by retention because the capture is old', async () => {
    const sink = new ClickHouseSink(store);
    await sink.add([callObservation(sampleCall(1, { requestStart: 1_000_000_000_000_000 }))]);
    await sink.close();
    await store.client.command({ query: 'OPTIMIZE TABLE calls FINAL' });
    assert.equal(await count('calls', "request_start < '2002-01-01'"), 1);
  });
});

describe('replaying the same capture', () => {
  const observations = [
    ...callRange(0, 2500),
    ...Array.from({ length: 300 }, (_, n) => ({ type: 'exchange', exchange: sampleExchange(n) }) as const),
  ];

  it('counts nothing twice', async () => {
    for (let round = 0; round < 3; round++) {
      const sink = new ClickHouseSink(store);
      await sink.add(observations);
      await sink.close();
      assert.equal(sink.stats.alreadyStored, round === 0 ? 0 : 2800);
      assert.equal(sink.stats.acknowledged, 2800);
    }
    await assertCallsExactly(2500);
    assert.equal(await count('exchanges'), 300);
  });

  it('counts nothing twice within one batch or when a file holds a capture twice', async () => {
    const sink = new ClickHouseSink(store);
    await sink.add([...callRange(0, 10), ...callRange(0, 10), ...callRange(5, 20)]);
    await sink.flush();
    await sink.add(callRange(0, 20));
    await sink.close();
    await assertCallsExactly(20);
  });

  it('adds what is new when captures overlap', async () => {
    const first = new ClickHouseSink(store);
    await first.add(callRange(0, 1500));
    await first.close();
    const second = new ClickHouseSink(store);
    await second.add(callRange(1000, 3000));
    await second.close();
    assert.equal(second.stats.alreadyStored, 500);
    await assertCallsExactly(3000);
  });

  it('stores a probe report and its losses once', async () => {
    const report: ProbeReport = {
      probe: 'p1',
      source: 'a.pcap',
      from: SAMPLE_TIME,
      to: SAMPLE_TIME + 5,
      packets: 100,
      bytes: 48_000,
      connections: 4,
      frames: 9,
      payloadBytes: 40_000,
      retransmittedBytes: 17,
      losses: [
        { reason: 'gap', packets: 2, bytes: 2900 },
        { reason: 'malformed', packets: 1, bytes: 60 },
      ],
      notes: ['The file ends in the middle of a packet.'],
    };
    for (let round = 0; round < 2; round++) {
      const sink = new ClickHouseSink(store);
      await sink.addReport(report);
      await sink.addLosses({ stage: 'http', ...report, losses: [{ reason: 'limit', packets: 1, bytes: 5 }] });
      await sink.close();
    }
    const health = await captureHealth(store);
    assert.equal(health.packets, 100);
    assert.deepEqual(
      health.losses.map(({ stage, reason, packets, bytes }) => [stage, reason, packets, bytes]),
      [
        ['http', 'limit', 1, 5],
        ['probe', 'gap', 2, 2900],
        ['probe', 'malformed', 1, 60],
      ],
    );
    assert.deepEqual(health.notes, [{ probe: 'p1', source: 'a.pcap', note: report.notes[0] }]);
  });
});

describe('contents', () => {
  it('are stored once each, however many calls bring them', async () => {
    const history = Array.from({ length: 40 }, (_, i) => contentOf('message', `message ${i} ${'word '.repeat(200)}`));
    const calls = history.map((_, n) => callObservation(sampleCall(n), history.slice(0, n + 1)));
    const sink = new ClickHouseSink(store, { batchRowsMax: 7 });
    for (const call of calls) await sink.add([call]);
    await sink.close();
    const again = new ClickHouseSink(store);
    await again.add(calls);
    await again.close();
    assert.equal(sink.stats.contents, 40);
    assert.equal(again.stats.contents, 0);
    assert.equal(await count('contents'), 40);
  });
});

describe('contents that come before their call', () => {
  it('are stored at once, and the call finds them', async () => {
    const [first, second] = [contentOf('message', 'the first half'), contentOf('response', 'the second half')];
    const call = sampleCall(0, { requestParts: [first.hash], responseContent: second.hash });
    const sink = new ClickHouseSink(store);
    await sink.add([{ type: 'contents', contents: [first] }]);
    await sink.flush();
    assert.equal(await count('contents'), 1);
    await sink.add([callObservation(call, [second])]);
    await sink.close();
    assert.equal(await count('contents'), 2);
    assert.deepEqual([sink.stats.added, sink.stats.acknowledged, sink.stats.calls], [2, 2, 1]);
  });
});

describe('a sink', () => {
  it('acknowledges in the order of add, and only what is stored', async () => {
    const sink = new ClickHouseSink(store, { batchRowsMax: 10, batchAgeMsMax: 60_000 });
    await sink.add(callRange(0, 25));
    while (sink.stats.acknowledged < 20) await sleep(5);
    assert.equal(await count('calls'), 20);
    assert.equal(sink.stats.acknowledged, 20);
    await sink.flush();
    assert.equal(sink.stats.acknowledged, 25);
    await assertCallsExactly(25);
    await sink.close();
  });

  it('stores a batch that is not full after its time', async () => {
    const sink = new ClickHouseSink(store, { batchAgeMsMax: 50 });
    await sink.add(callRange(0, 3));
    while (sink.stats.acknowledged < 3) await sleep(5);
    await assertCallsExactly(3);
    await sink.close();
  });

  it('keeps what comes after a quiet time a quarter of the time only, and what comes soon after a batch until that is due', async () => {
    let stored = 0;
    const sink = new ClickHouseSink(store, { batchAgeMsMax: 6000 }, () => stored++);
    const began = performance.now();
    await sink.add(callRange(0, 3));
    while (stored < 1) await sleep(5);
    assert.ok(performance.now() - began < 6000);
    await sink.add(callRange(3, 6));
    await sleep(2500);
    assert.equal(sink.stats.acknowledged, 3);
    await sink.flush();
    assert.equal(stored, 2);
    await assertCallsExactly(6);
    await sink.close();
  });

  it('takes nothing after close', async () => {
    const sink = new ClickHouseSink(store);
    await sink.close();
    await assert.rejects(sink.add(callRange(0, 1)), { code: 'BIT_SINK_CLOSED' });
  });

  it('puts rows that the server refuses aside with the reason, and stores the others', async () => {
    await store.client.command({ query: 'ALTER TABLE calls ADD CONSTRAINT no_599 CHECK status != 599' });
    try {
      const bad = new Set([0, 17, 18, 49]);
      const calls = Array.from({ length: 50 }, (_, n) =>
        callObservation(sampleCall(n, bad.has(n) ? { status: 599 } : {})),
      );
      const sink = new ClickHouseSink(store, { retryDelayMs: 1 });
      await sink.add(calls);
      await sink.close();
      assert.equal(sink.stats.deadLetters, 4);
      assert.equal(sink.stats.acknowledged, 50);
      assert.equal(await count('calls'), 46);
      const letters = await ask<{ row_id: string; reason: string; row: string }>(
        store,
        'SELECT row_id, reason, row FROM dead_letters',
        {},
      );
      assert.deepEqual(letters.map((letter) => letter.row_id).sort(), [...bad].map((n) => hexId('call', n)).sort());
      for (const letter of letters) {
        assert.match(letter.reason, /no_599/);
        assert.equal((JSON.parse(letter.row) as Call).status, 599);
      }
    } finally {
      await store.client.command({ query: 'ALTER TABLE calls DROP CONSTRAINT no_599' });
    }
  });

  it('waits for a table that is missing and holds its source back meanwhile', async () => {
    await store.client.command({ query: 'RENAME TABLE calls TO calls_away' });
    const sink = new ClickHouseSink(store, { retryDelayMs: 5, retryDelayMsMax: 20, queueBytesMax: 100_000 });
    let held = 0;
    const source = (async () => {
      for (let n = 0; n < 200; n++) {
        await sink.add(callRange(n, n + 1));
        held = n + 1;
      }
    })();
    while (sink.stats.problem === '') await sleep(5);
    await sleep(200);
    assert.ok(held < 60, `the source went on to ${held}`);
    assert.ok(sink.stats.queuedBytes < 110_000);
    assert.match(sink.stats.problem, /calls/);
    await store.client.command({ query: 'RENAME TABLE calls_away TO calls' });
    await source;
    await sink.close();
    assert.equal(sink.stats.problem, '');
    await assertCallsExactly(200);
  });

  it('tells how much is not stored when close may not wait for ever', async () => {
    await store.client.command({ query: 'RENAME TABLE calls TO calls_away' });
    try {
      const sink = new ClickHouseSink(store, { retryDelayMs: 5 });
      await sink.add(callRange(0, 3));
      await assert.rejects(sink.close({ timeoutMs: 100 }), (error) => {
        return (
          error instanceof BitternError && error.code === 'BIT_STORE_DOWN' && /^3 observations/.test(error.message)
        );
      });
    } finally {
      await store.client.command({ query: 'RENAME TABLE calls_away TO calls' });
    }
  });
});

describe('kill -9 of the engine', () => {
  it('loses nothing and stores nothing twice, and the sink goes on by itself', async () => {
    const total = 20_000;
    const sink = new ClickHouseSink(store, { batchRowsMax: 500, queueBytesMax: 5_000_000, retryDelayMs: 10 });
    let most = 0;
    let killed = 0;
    let nextKill = 2000;
    for (let n = 0; n < total; n += 100) {
      await sink.add(callRange(n, n + 100));
      most = Math.max(most, sink.stats.queuedBytes);
      if (sink.stats.acknowledged < nextKill) continue;
      nextKill += 3500;
      // At varied moments of a batch's life.
      await sleep(killed * 3);
      process.kill(store.enginePid()!, 'SIGKILL');
      killed++;
    }
    await sink.close();
    assert.ok(killed >= 4, `only ${killed} kills`);
    assert.ok(most < 5_500_000, `${most} bytes waited`);
    await assertCallsExactly(total);
    assert.equal((await listCalls(store, { limit: 5 })).calls.length, 5);
  });
});

describe('tool executions', () => {
  const request = {
    jsonrpc: '2.0',
    id: 7,
    method: 'tools/call',
    params: { name: 'read', arguments: { b: 1, a: 'é' } },
  };
  const result = { content: [{ type: 'text', text: 'done' }] };

  function observed(): Observation[] {
    const seen: Observation[] = [];
    const recognizer = new CallRecognizer(TEST_OPTIONS, (observation) => seen.push(observation));
    run(recognizer, { path: '/mcp', request, response: [[9000, JSON.stringify({ jsonrpc: '2.0', id: 7, result })]] });
    return seen;
  }

  it('are stored once each, with contents that can be joined to a model’s tool call by their hash', async () => {
    const sink = new ClickHouseSink(store);
    const [observation] = observed();
    assert.equal(observation!.type, 'tool_execution');
    await sink.add([observation!, observation!]);
    await sink.flush();
    await sink.add([observation!]);
    await sink.close();
    assert.deepEqual([sink.stats.toolExecutions, sink.stats.alreadyStored, sink.stats.contents], [1, 2, 2]);
    const rows = await ask<Record<string, unknown>>(
      store,
      `SELECT tool_name, outcome, is_error, rpc_id, arguments_hash, duration_ms, (SELECT any(text) FROM contents WHERE hash = arguments_content) AS arguments,
         (SELECT any(kind) FROM contents WHERE hash = result_content) AS kind, toUnixTimestamp64Micro(started) AS started
       FROM tool_executions`,
      {},
    );
    assert.equal(rows.length, 1);
    assert.deepEqual(rows[0], {
      tool_name: 'read',
      outcome: 'ok',
      is_error: false,
      rpc_id: '7',
      arguments_hash: canonicalHashOf('{ "a":"é", "b":1 }'),
      duration_ms: 9,
      arguments: '{"b":1,"a":"é"}',
      kind: 'result',
      started: START,
    });
  });
});

describe('a full batch', () => {
  it('has more ids than one parameter of the server takes, and is stored all the same', async () => {
    const sink = new ClickHouseSink(store);
    await sink.add(callRange(0, 5000));
    await sink.close();
    await assertCallsExactly(5000);
  });
});
