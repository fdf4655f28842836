import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { listAgents, setAgent } from '../clickhouse/agents.ts';
import { callObservation, SAMPLE_TIME, sampleCall } from '../clickhouse/testing.ts';
import { AgentDays } from './agent-days.ts';
import { StoreVersion } from './store-version.ts';
import { openStage, type Stage } from './testing.ts';

let stage: Stage;
before(async () => {
  stage = await openStage();
});
after(() => stage.close());

const DAY = 86_400e6;
const put = (n: number, agentId: string, day: number): Promise<void> =>
  stage.put([
    callObservation(sampleCall(n, { agentId, requestStart: SAMPLE_TIME + day * DAY + n, teamId: `team-${n}` })),
  ]);

/** Queries of calls that the list asked for, by the days that these were about. */
function opened(rowsMax = 1000) {
  const asked: string[][] = [];
  const client = Object.create(stage.store.client, {
    query: {
      value: (params: { query: string; query_params: { days?: string[] } }) => {
        if (params.query.includes('FROM calls')) asked.push(params.query_params.days ?? ['all']);
        return stage.store.client.query(params as Parameters<typeof stage.store.client.query>[0]);
      },
    },
  }) as typeof stage.store.client;
  const store = { ...stage.store, client };
  const version = new StoreVersion(stage.store, { freshMs: 0, staleMs: 0 });
  return { days: new AgentDays(store, () => version.changes('calls'), rowsMax), asked };
}

test('the list is that of all calls, and only days that have changed are read again', async () => {
  const { days, asked } = opened();
  assert.deepEqual(await days.list(), []);
  await put(1, 'a', 0);
  await put(2, 'a', 1);
  await put(3, 'b', 1);
  await put(4, '', 1);
  assert.deepEqual(await days.list(), await listAgents(stage.store));
  await days.list();
  assert.deepEqual(
    asked.map(({ length }) => length),
    [2],
  );
  await put(5, 'c', 1);
  await put(6, 'a', 1);
  assert.deepEqual(await days.list(), await listAgents(stage.store));
  assert.deepEqual(
    asked.map(({ length }) => length),
    [2, 1],
  );
  await put(7, 'a', 2);
  assert.equal((await days.list()).find(({ agentId }) => agentId === 'a')?.calls, 4);
});

test('what people say of an agent holds at once, also of one that was not seen', async () => {
  const { days } = opened();
  await days.list();
  await setAgent(stage.store, 'a', { name: 'Invoice bot', team: 'billing' });
  await setAgent(stage.store, 'later', { owner: 'Ann' });
  const list = await days.list();
  assert.deepEqual(list, await listAgents(stage.store));
  assert.deepEqual(list.at(-1), {
    ...{ agentId: 'later', name: 'later', owner: 'Ann', team: '', environment: '', clientName: '', identitySource: '' },
    ...{ firstSeen: null, lastSeen: null, calls: 0, registered: true },
  });
});

test('a call that is deleted or changed is counted no more', async () => {
  const { days } = opened();
  await days.list();
  await stage.store.client.command({ query: "DELETE FROM calls WHERE agent_id = 'b'" });
  assert.deepEqual(await days.list(), await listAgents(stage.store));
  await stage.store.client.command({ query: "UPDATE calls SET team_id = 'other' WHERE agent_id = 'c'" });
  assert.deepEqual(await days.list(), await listAgents(stage.store));
  await stage.store.client.command({
    query: 'ALTER TABLE calls DROP PARTITION ID {id:String}',
    query_params: { id: firstDay() },
  });
  assert.deepEqual(await days.list(), await listAgents(stage.store));
});

/** The first day's partition. */
const firstDay = (): string => new Date(SAMPLE_TIME / 1000).toISOString().slice(0, 10).replaceAll('-', '');

test('more agents than may be kept are read each time', async () => {
  const { days, asked } = opened(1);
  assert.deepEqual(await days.list(), await listAgents(stage.store));
  assert.deepEqual(await days.list(), await listAgents(stage.store));
  assert.equal(asked.length, 2);
});
