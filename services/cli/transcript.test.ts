import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore } from '../clickhouse/store.ts';
import { getSession, listSessions, sessionsLike } from '../clickhouse/story-queries.ts';
import { callObservation } from '../clickhouse/testing.ts';
import { storedCall, Thread } from '../tracker/testing.ts';
import { Tracker } from '../tracker/tracker.ts';
import { transcript } from './transcript.ts';

test('a stored session is told turn by turn, with tools, subagents and findings; sessions come in pages', async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-transcript-'));
  const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
  try {
    const main = new Thread({ session: 's-1', agentId: 'fixer' }).user('Fix \u001b[31mit');
    main.asks([{ name: 'Agent', task: 'look', result: 'found', agent: 'a1' }]).waits(9);
    for (let i = 0; i < 5; i++) main.asks([{ name: 'read', args: '{"p":1}', result: 'same' }]);
    main
      .asks([{ name: 'write', args: '{}', result: 'denied', error: true }])
      .answers('Fixed.')
      .user('More')
      .fails();
    const child = new Thread({ session: 's-1', thread: 'a1', kind: 'subagent', agentId: 'fixer' }, 2)
      .user('look')
      .answers('found');
    const others = [2, 3, 4].map((n) => new Thread({ session: `s-${n}` }, n).user('Hi').answers('Hello'));
    const sink = new ClickHouseSink(store);
    const calls = [main, child, ...others].flatMap((thread) => thread.calls);
    await sink.add(calls.map((call) => callObservation(storedCall(call))));
    await sink.close();
    const tracker = new Tracker(store.client);
    await tracker.catchUp();
    await tracker.close();

    const text = transcript((await getSession(store, 's-1'))!);
    const expected = [
      'session   s-1 (from header)',
      'calls     9 in 2 turns, 1 subagents (1 calls)',
      'tools     7 calls, 1 errors',
      'ALERT exact_repeat (resolved): read was called 5 times with the same arguments and the same result',
      'Turn 1: answered',
      '→ Agent {} [subagent ',
      'ok after 9.5 s: found',
      '→ write {}',
      'ERROR after 500 ms: denied',
      'Turn 2: error',
    ];
    for (const line of expected) assert.ok(text.includes(line), `${line}\nis missing in\n${text}`);
    assert.ok(!text.includes('\u001b'), 'nothing that steers a terminal');
    assert.equal(text.split('subagent ').length - 1, 2, 'the subagent stands in its turn');

    const first = await listSessions(store, { limit: 2 });
    assert.deepEqual(
      first.sessions.map(({ sessionId }) => sessionId),
      ['s-1', 's-4'],
    );
    const second = await listSessions(store, { limit: 2, before: first.next });
    assert.deepEqual(
      second.sessions.map(({ sessionId }) => sessionId),
      ['s-3', 's-2'],
    );
    const fixer = await listSessions(store, { filter: { agentId: 'fixer', outcome: 'error' } });
    assert.equal(fixer.sessions.length, 1);
    assert.deepEqual((await sessionsLike(store, 's-')).length, 2);
    assert.equal(await getSession(store, "'; DROP TABLE calls; --"), null);
  } finally {
    await store.close();
    rmSync(dataDir, { recursive: true });
  }
});
