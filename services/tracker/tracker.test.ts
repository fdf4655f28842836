import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import type { Call } from '../../schemas/call.ts';
import { nextHops } from '../clickhouse/hop-queries.ts';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { callObservation } from '../clickhouse/testing.ts';
import type { StoredFacts } from './facts.ts';
import { digest } from './ids.ts';
import { storedCall, Thread } from './testing.ts';
import { Tracker } from './tracker.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-tracker-'));
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});
beforeEach(empty);

const TABLES = ['call_hops', 'session_rows', 'turn_rows', 'tool_call_rows', 'finding_rows', 'tracker_state', 'calls'];

async function empty(): Promise<void> {
  for (const table of TABLES) await store.client.command({ query: `TRUNCATE TABLE ${table}` });
}

async function put(calls: readonly StoredFacts[], change: Partial<Call> = {}): Promise<void> {
  const sink = new ClickHouseSink(store);
  await sink.add(calls.map((call) => callObservation({ ...storedCall(call), ...change })));
  await sink.close();
}

async function rows(query: string): Promise<unknown[]> {
  return (await store.client.query({ query, format: 'JSONEachRow' })).json();
}

/** All that the tracker makes, and what it says of the calls. Loops are told as open, however old they are. */
async function everything() {
  return {
    sessions: await rows('SELECT * FROM sessions ORDER BY session_id'),
    turns: await rows('SELECT * FROM turns ORDER BY session_id, turn_id'),
    tools: await rows('SELECT * FROM tool_calls ORDER BY session_id, call_id, position'),
    findings: await rows('SELECT * FROM findings ORDER BY session_id, finding_id'),
    calls: await rows('SELECT call_id, session_id, thread_id, turn_id, call_kind FROM calls ORDER BY call_id'),
  };
}

/** Sessions that need all that the tracker can do. */
function stories(): StoredFacts[] {
  const main = new Thread({ session: 's1' })
    .user('Do all')
    .asks([{ name: 'Agent', task: 'part one', result: 'done', agent: 'a1' }])
    .waits(20);
  for (let i = 0; i < 6; i++) main.asks([{ name: 'read', args: '{"p":1}', result: 'same' }]);
  main.answers('Done').user('More').fails().fails().answers('No');
  const agent = new Thread({ session: 's1', thread: 'a1', kind: 'subagent' }, 3)
    .user('part one')
    .asks([{ name: 'bash', args: '{"c":"make"}', result: 'Error', error: true }])
    .answers('one');
  const title = new Thread({ session: 's1', thread: 'title' }, 0.2).side('title', { turnId: '' });
  const child = new Thread({ session: 's2', thread: 'c', kind: 'subagent' }, 50);
  const parent = { parentSessionId: 's1' };
  child
    .user('own')
    .asks([{ name: 'look', result: 'x' }], parent)
    .answers('own done', parent);
  const chain = new Thread({ session: 's3' })
    .user('Hello')
    .answers('Hi', { responseId: 'r1', sessionSource: 'content' });
  const unplaced = { sessionId: '', threadId: '', turnId: '', sessionSource: '' as const };
  const chained = new Thread({ session: 's3b' }, 10)
    .user('Next')
    .asks([{ name: 'tool', result: 'y' }], { ...unplaced, previousResponseId: 'r1', responseId: 'r2' })
    .answers('Done', { ...unplaced, previousResponseId: 'r2', responseId: 'r3', promptHash: '', userMessageCount: 0 });
  const content = { sessionSource: 'content' as const };
  const old = new Thread({ session: 's4' }).user('Old').answers('A', content);
  old.side('compaction', { ...content, answerTextHash: digest('the summary') });
  const summed = new Thread({ session: 's5' }, 10).user('Old');
  summed.answers('B', { ...content, openingHash: digest('the summary') });
  const given = new Thread({ session: 's6' })
    .user('G')
    .asks([{ name: 'task', task: 'look around', result: 'ok' }], content);
  given.waits(9).answers('G done', content);
  const taken = new Thread({ session: 's7' }, 3).user('look around').answers('looked', content);
  const failed = new Thread({ session: 's8' }).user('T').fails({ ...content, stepId: digest('first T') });
  const tried = new Thread({ session: 's9' }, 5)
    .user('T')
    .answers('at last', { ...content, stepId: digest('first T') });
  const threads = [main, agent, title, child, chain, chained, old, summed, given, taken, failed, tried];
  return threads.flatMap(({ calls }) => calls);
}

test('sessions, turns, tool calls, findings and corrected calls', async () => {
  await put(stories());
  const tracker = new Tracker(store.client);
  await tracker.catchUp();
  await tracker.close();
  const sessions = await rows(
    'SELECT session_id, parent_session_id, turns, calls, retries, side_calls, subagent_calls FROM sessions ORDER BY session_id',
  );
  assert.deepEqual(
    sessions.map((row) => Object.values(row as object)),
    [
      ['s1', '', 2, 9, 2, 1, 2],
      ['s2', 's1', 0, 0, 0, 0, 2],
      ['s3', '', 2, 3, 0, 0, 0],
      ['s4', '', 1, 2, 0, 1, 0],
      ['s6', '', 1, 2, 0, 0, 1],
      ['s9', '', 1, 1, 1, 0, 0],
    ],
  );
  const loose = await rows(
    'SELECT call_id FROM calls WHERE turn_id NOT IN (SELECT turn_id FROM turns) OR session_id NOT IN (SELECT session_id FROM sessions)',
  );
  assert.deepEqual(loose, [], 'every call names a turn and a session that are there');
  const findings = await rows(
    'SELECT kind, level, occurrences, wasted_calls, length(call_ids) AS evidence FROM findings',
  );
  assert.deepEqual(findings, [{ kind: 'exact_repeat', level: 'alert', occurrences: 6, wasted_calls: 5, evidence: 6 }]);
});

/** Limits of memory: all stories live; each is packed as soon as it is told; each is forgotten. */
const MEMORIES = [1e9, 200_000, 1] as const;

for (const storyBytesMax of MEMORIES) {
  const memory = `with ${storyBytesMax} bytes for stories`;
  test(`any order of arrival, in any batches, with trackers that come and go, gives the same: ${memory}`, async () => {
    const all = stories();
    await put(all);
    const first = new Tracker(store.client);
    await first.catchUp();
    await first.close();
    const expected = await everything();
    const orders = fc.record({
      order: fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
      cuts: fc.array(fc.nat(all.length), { maxLength: 6 }),
      restarts: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(orders, async ({ order, cuts, restarts }) => {
        await empty();
        let tracker = new Tracker(store.client, { storyBytesMax });
        const borders = [0, ...cuts.sort((a, b) => a - b), order.length];
        for (const [i, from] of borders.slice(0, -1).entries()) {
          await put(order.slice(from, borders[i + 1]));
          await tracker.catchUp();
          const { stories: held, packed } = tracker.stats;
          assert.equal(packed, storyBytesMax === 200_000 ? held : 0);
          if (storyBytesMax === 1) assert.equal(held, 0);
          if (!restarts[i]) continue;
          await tracker.close();
          tracker = new Tracker(store.client, { storyBytesMax });
        }
        await tracker.catchUp();
        await tracker.close();
        assert.deepEqual(await everything(), expected);
      }),
      { numRuns: 10 },
    );
  });
}

test('a tool call whose session was packed keeps its long arguments when its result comes', async () => {
  const args = JSON.stringify({ text: 'x'.repeat(3000) });
  const thread = new Thread()
    .user('Write it')
    .asks([
      { name: 'write', args, result: 'written' },
      { name: 'write', args: '{"short":1}', result: 'written, too' },
    ])
    .answers('Done');
  const tracker = new Tracker(store.client, { storyBytesMax: 200_000 });
  for (const call of thread.calls) {
    await put([call]);
    await tracker.catchUp();
    assert.equal(tracker.stats.packed, 1);
  }
  await tracker.close();
  const told = await rows('SELECT arguments, result_preview FROM tool_calls ORDER BY position');
  assert.deepEqual(told, [
    { arguments: args, result_preview: 'written' },
    { arguments: '{"short":1}', result_preview: 'written, too' },
  ]);
});

test('a call that was mirrored before and behind a gateway is one call, whichever hop is stored first, also after a replay', async () => {
  const gateway = { serverIp: '10.0.0.9', serverPort: 8080, host: 'gateway' };
  const provider = { clientIp: '10.0.0.9', serverIp: '192.0.2.1', serverPort: 443 };
  const front = new Thread({ session: 'front' })
    .user('Hi')
    .asks([{ name: 'look', result: 'x' }])
    .answers('Hello');
  const back = new Thread({ session: 'back', agentId: 'gateway' }, 0.1)
    .user('Hi')
    .asks([{ name: 'look', result: 'x' }])
    .answers('Hello');
  const shorter = back.calls.map((call) => ({ ...call, end: call.end - 200_000 }));
  const fronts = front.calls.map((call, i) => storedCall({ ...call, responseId: `front-${i}` }));
  const backs = shorter.map((call, i) => storedCall({ ...call, responseId: `back-${i}` }));
  const hops = [
    { ...fronts[0]!, ...gateway, requestId: 'f0', upstreamRequestId: 'up-0' },
    { ...backs[0]!, ...provider, requestId: 'up-0', upstreamRequestId: '' },
    { ...fronts[1]!, ...gateway, requestId: 'f1', stepId: 'step' },
    { ...backs[1]!, ...provider, requestId: 'b1', stepId: 'step' },
  ];
  for (const order of [hops, hops.toReversed(), hops]) {
    const tracker = new Tracker(store.client);
    for (const call of order) {
      const sink = new ClickHouseSink(store);
      await sink.add([callObservation(call)]);
      await sink.close();
      await tracker.catchUp();
    }
    await tracker.close();
    assert.deepEqual(await rows('SELECT session_id, count() AS n FROM calls GROUP BY session_id'), [
      { session_id: 'front', n: 2 },
    ]);
    assert.deepEqual(await rows('SELECT hop_of, evidence FROM call_hops FINAL ORDER BY request_start'), [
      { hop_of: fronts[0]!.callId, evidence: 'request_id' },
      { hop_of: fronts[1]!.callId, evidence: 'content' },
    ]);
    const told = await rows('SELECT session_id, calls, tool_calls FROM sessions');
    assert.deepEqual(told, [{ session_id: 'front', calls: 2, tool_calls: 1 }]);
    const [hop] = await nextHops(store, fronts[0]!.callId);
    assert.deepEqual([hop?.callId, hop?.server], [backs[0]!.callId, '192.0.2.1:443']);
    assert.deepEqual(hop?.facts.map(({ name }) => name).sort(), [
      'agent_id',
      'host',
      'request_id',
      'response_id',
      'session_id',
    ]);
    if (order !== hops) await empty();
  }
});

test('a provisional call counts when the whole one takes its place, whatever was looked at before', async () => {
  const calls = stories();
  await put(calls);
  const whole = new Tracker(store.client);
  await whole.catchUp();
  await whole.close();
  const expected = await everything();
  await empty();

  const lasting = calls.filter((_, n) => n % 3 === 0);
  const tracker = new Tracker(store.client);
  await put(lasting, { provisional: true, outputTokens: null, answerPreview: '', finishReason: '', toolNames: [] });
  await tracker.catchUp();
  assert.deepEqual(await rows('SELECT session_id FROM sessions'), []);
  await put(calls.filter((call) => !lasting.includes(call)));
  await tracker.catchUp();
  await put(lasting);
  await tracker.catchUp();
  await tracker.close();
  assert.deepEqual(await everything(), expected);
});

test('two hops through a gateway that is quicker than clocks differ are one call all the same', async () => {
  const front = new Thread({ session: 'front' }).user('Hi').answers('Hello', { responseId: 'r1' }).calls[0]!;
  for (const [shift, length] of [
    [1000, -2000],
    [-40_000, 0],
    [40_000, 0],
  ] as const) {
    const back = { ...front, callId: 'f'.repeat(32) as StoredFacts['callId'], start: front.start + shift };
    const stored = storedCall({ ...back, end: front.end + shift + length });
    const hop = { ...stored, clientIp: '10.0.0.2', serverIp: '192.0.2.1' };
    const sink = new ClickHouseSink(store);
    await sink.add([callObservation(storedCall(front)), callObservation(hop)]);
    await sink.close();
    const tracker = new Tracker(store.client);
    await tracker.catchUp();
    await tracker.close();
    assert.deepEqual(await rows('SELECT call_id, hop_of FROM call_hops'), [
      { call_id: hop.callId, hop_of: front.callId },
    ]);
    assert.deepEqual(await rows('SELECT call_id FROM calls'), [{ call_id: front.callId }]);
    await empty();
  }
});

test('a tracker that is nudged looks at once', async () => {
  const told = Promise.withResolvers<void>();
  const tracker = new Tracker(store.client, { pollMs: 60_000 }, async () => told.resolve());
  tracker.start();
  await put(stories());
  tracker.nudge();
  await told.promise;
  assert.notDeepEqual(await rows('SELECT session_id FROM sessions'), []);
  await tracker.close();
});

test('what a failed write left undone is done at the next look', async () => {
  await put(stories());
  const tracker = new Tracker(store.client);
  await store.client.command({ query: 'RENAME TABLE turn_rows TO turn_rows_away' });
  const failing = tracker.catchUp().catch((error: unknown) => error);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await store.client.command({ query: 'RENAME TABLE turn_rows_away TO turn_rows' });
  await failing;
  await tracker.catchUp();
  await tracker.close();
  assert.deepEqual(await rows('SELECT count() AS n FROM turns'), [{ n: 8 }]);
});

test('thousands of calls and sessions at once, with long names, are no more than the server takes', async () => {
  const calls = Array.from({ length: 3000 }, (_, n) => {
    const [call] = new Thread({ session: `${n}-${'s'.repeat(200)}` }, n % 50)
      .user('Hi')
      .answers('Hello', { turnId: '' }).calls;
    return call!;
  });
  await put(calls);
  const tracker = new Tracker(store.client);
  await tracker.catchUp();
  await tracker.close();
  assert.deepEqual(await rows('SELECT count() AS n FROM sessions'), [{ n: 3000 }]);
  assert.deepEqual(await rows("SELECT count() AS n FROM calls WHERE turn_id = ''"), [{ n: 0 }]);
});
