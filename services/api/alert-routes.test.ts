import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Finding } from '../../schemas/story.ts';
import { put } from '../alerts/testing.ts';
import { ask } from '../clickhouse/queries.ts';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { callRange, SAMPLE_TIME, sampleFinding } from '../clickhouse/testing.ts';
import { type Api, startApi } from './server.ts';

const TOKEN = 'a-token-that-only-this-test-knows';
const folder = mkdtempSync(path.join(tmpdir(), 'bittern-alert-routes-'));
let store: Store;
let api: Api;

before(async () => {
  store = await openStore({ dataDir: folder, retentionDays: 0, memoryBytesMax: 1e9 });
  const sink = new ClickHouseSink(store);
  await sink.add(callRange(0, 14));
  await sink.close();
  const findings = Array.from({ length: 25 }, (_, n) =>
    // Five at one time: an order by time alone would lose some at a page's border.
    sampleFinding(n, { firstSeen: SAMPLE_TIME + Math.max(0, n - 4) * 1e6, level: n % 2 === 0 ? 'alert' : 'critical' }),
  );
  await put(store, ...findings);
  await put(store, { ...findings[3]!, state: 'resolved', resolvedAt: SAMPLE_TIME + 60e6 });
  api = await startApi(store, { host: '127.0.0.1', port: 0, allowRemote: false, token: Buffer.from(TOKEN) });
});
after(async () => {
  await api.close();
  await store.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function request(method: string, target: string, body?: unknown, token = TOKEN): Promise<Answer> {
  const response = await fetch(`${api.url}${target}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}

const codeOf = ({ body }: Answer): unknown => (body.error as { code?: unknown } | undefined)?.code;
const findingsIn = ({ body }: Answer): Finding[] => body.findings as Finding[];

describe('findings', () => {
  test('come in pages that show each once', async () => {
    const seen: string[] = [];
    let cursor = '';
    for (let pages = 0; pages < 20; pages++) {
      const page = await request('GET', `/api/v1/findings?limit=4${cursor}`);
      seen.push(...findingsIn(page).map(({ findingId }) => findingId));
      if (page.body.next === null) break;
      cursor = `&cursor=${String(page.body.next)}`;
    }
    assert.equal(seen.length, 25);
    assert.equal(new Set(seen).size, 25);
    assert.equal(seen[0], sampleFinding(24).findingId);
  });

  test('are chosen by what is asked for', async () => {
    const count = async (query: string): Promise<number> =>
      findingsIn(await request('GET', `/api/v1/findings?${query}`)).length;
    assert.equal(await count('state=open'), 24);
    assert.equal(await count('state=resolved'), 1);
    assert.equal(await count('level=critical&state=open'), 11);
    assert.equal(await count('agentId=agent-1'), 8);
    assert.equal(await count('sessionId=session-7'), 1);
    assert.equal(await count('kind=cycle'), 0);
    assert.equal(await count(`from=${SAMPLE_TIME + 10e6}&to=${SAMPLE_TIME + 12e6}`), 2);
  });

  test('are shown one by one, as they are now', async () => {
    const answer = await request('GET', `/api/v1/findings/${sampleFinding(3).findingId}`);
    const finding = answer.body.finding as Finding;
    assert.deepEqual([finding.state, finding.resolvedAt, finding.callIds.length], ['resolved', SAMPLE_TIME + 60e6, 2]);
    assert.deepEqual(answer.body.deliveries, []);
    assert.equal((await request('GET', `/api/v1/findings/${'f'.repeat(32)}`)).status, 404);
    assert.equal((await request('GET', '/api/v1/findings/ff')).status, 400);
  });
});

describe('silences', () => {
  test('are made, listed and ended', async () => {
    const made = await request('POST', '/api/v1/silences', {
      matchers: ['agent=ops-*'],
      ends: Date.now() + 60_000,
      comment: 'x',
    });
    assert.equal(made.status, 201);
    const { silenceId } = made.body.silence as { silenceId: string };
    const list = async (query = ''): Promise<unknown[]> =>
      (await request('GET', `/api/v1/silences${query}`)).body.silences as unknown[];
    assert.equal((await list()).length, 1);
    assert.equal((await request('DELETE', `/api/v1/silences/${silenceId}`)).status, 200);
    assert.equal((await list()).length, 0);
    assert.equal((await list('?ended=true')).length, 1);
    assert.equal((await request('DELETE', `/api/v1/silences/${'0'.repeat(32)}`)).status, 404);
  });

  test('that make no sense are refused, told apart from bodies of another form', async () => {
    const ends = Date.now() + 60_000;
    for (const body of [
      { matchers: ['level>=much'], ends },
      { matchers: ['calls<=many'], ends },
      { matchers: ['a=b'], ends: 1 },
      { matchers: ['a=b'], ends: ends + 91 * 86_400_000 },
    ]) {
      const answer = await request('POST', '/api/v1/silences', body);
      assert.deepEqual([answer.status, codeOf(answer)], [422, 'unprocessable'], JSON.stringify(body));
    }
    for (const body of [
      {},
      [],
      'null',
      '{"matchers":',
      { matchers: [], ends },
      { matchers: ['nonsense'], ends },
      { matchers: ['x'.repeat(20) + '='.repeat(300)], ends },
      { matchers: ['a=b'], ends: ends * 1000 },
      { matchers: ['a=b'], ends: '1' },
      { matchers: ['a=b'], ends, comment: 'x'.repeat(501) },
      { matchers: Array.from({ length: 21 }, () => 'a=b'), ends },
      { matchers: ['a=b'], ends, more: 1 },
    ]) {
      const answer = await request('POST', '/api/v1/silences', body);
      assert.deepEqual([answer.status, codeOf(answer)], [400, 'bad_request'], JSON.stringify(body));
    }
    const large = await request('POST', '/api/v1/silences', { matchers: ['x'.repeat(20_000)], ends });
    assert.deepEqual([large.status, codeOf(large)], [413, 'body_too_large']);
  });
});

describe('agents', () => {
  const agents = async (): Promise<Record<string, unknown>[]> =>
    (await request('GET', '/api/v1/agents')).body.agents as Record<string, unknown>[];
  const agent = async (id: string): Promise<Record<string, unknown> | undefined> =>
    (await agents()).find(({ agentId }) => agentId === id);

  test('get names that hold in the list and in SQL over calls, and lose them again', async () => {
    assert.equal((await agents()).length, 7);
    assert.equal((await agent('agent-1'))?.registered, false);
    assert.equal((await request('PUT', '/api/v1/agents/agent-1', { name: 'Invoice bot', owner: 'Ann' })).status, 200);
    assert.equal((await request('PUT', '/api/v1/agents/agent-1', { team: 'billing' })).status, 200);
    const named = await agent('agent-1');
    assert.deepEqual(
      [named?.name, named?.owner, named?.team, named?.registered],
      ['Invoice bot', 'Ann', 'billing', true],
    );
    const sql = `SELECT coalesce(nullIf(joinGet('agent_names', 'name', agent_id), ''), agent_id) AS agent_name,
      joinGet('agent_names', 'owner', agent_id) AS owner, count() AS n FROM calls
      WHERE agent_id IN ('agent-1', 'agent-2') GROUP BY ALL ORDER BY agent_name`;
    assert.deepEqual(await ask(store, sql, {}), [
      { agent_name: 'Invoice bot', owner: 'Ann', n: 2 },
      { agent_name: 'agent-2', owner: '', n: 2 },
    ]);
    assert.equal((await request('DELETE', '/api/v1/agents/agent-1')).status, 204);
    assert.equal((await agent('agent-1'))?.name, 'agent-1');
    assert.equal((await ask<{ agent_name: string }>(store, sql, {}))[0]?.agent_name, 'agent-1');
    assert.equal((await request('DELETE', '/api/v1/agents/agent-1')).status, 404);
  });

  test("don't stand in the way of changes to the calls themselves", async () => {
    await store.client.command({ query: "DELETE FROM calls WHERE agent_id = 'nobody'" });
    await store.client.command({
      query: "ALTER TABLE calls UPDATE turn_id = 'x' WHERE agent_id = 'nobody'",
      clickhouse_settings: { mutations_sync: '1' },
    });
  });

  test('that nobody has seen yet can have a name, whatever their id is', async () => {
    const id = "a/b c'; DROP TABLE calls --ü";
    assert.equal((await request('PUT', `/api/v1/agents/${encodeURIComponent(id)}`, { name: 'Odd' })).status, 200);
    assert.deepEqual([(await agent(id))?.name, (await agent(id))?.lastSeen], ['Odd', null]);
    assert.equal((await request('DELETE', `/api/v1/agents/${encodeURIComponent(id)}`)).status, 204);
    assert.equal(await agent(id), undefined);
  });

  test('take no other fields, no long ones and none at all', async () => {
    for (const body of [{}, { name: 1 }, { calls: 7 }, { name: 'x'.repeat(201) }, []])
      assert.equal((await request('PUT', '/api/v1/agents/agent-1', body)).status, 400, JSON.stringify(body));
  });
});

test('nothing of this is told or changed without the token', async () => {
  for (const [method, target, body] of [
    ['GET', '/api/v1/findings'],
    ['GET', `/api/v1/findings/${sampleFinding(3).findingId}`],
    ['GET', '/api/v1/silences'],
    ['POST', '/api/v1/silences', { matchers: ['a=b'], ends: Date.now() + 60_000 }],
    ['DELETE', `/api/v1/silences/${'0'.repeat(32)}`],
    ['GET', '/api/v1/agents'],
    ['PUT', '/api/v1/agents/agent-1', { name: 'x' }],
    ['DELETE', '/api/v1/agents/agent-1'],
  ] as const)
    assert.equal((await request(method, target, body, 'wrong')).status, 401, `${method} ${target}`);
});
