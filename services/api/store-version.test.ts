import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { callRange } from '../clickhouse/testing.ts';
import { type Known, StoreVersion } from './store-version.ts';
import { openStage, type Stage } from './testing.ts';

let stage: Stage;
before(async () => {
  stage = await openStage();
  await stage.put(callRange(0, 20));
});
after(() => stage.close());

const ALWAYS = { freshMs: 0, staleMs: 0 };

async function known(): Promise<Known> {
  const state = await new StoreVersion(stage.store, ALWAYS).current();
  assert.ok(state !== null);
  return state;
}

const run = (query: string): Promise<unknown> =>
  stage.store.client.command({ query, clickhouse_settings: { mutations_sync: '1' } });

test('an insert changes the store, and no call that was stored before', async () => {
  const before = await known();
  await stage.put(callRange(20, 40));
  const now = await known();
  assert.notEqual(now.version, before.version);
  assert.equal(now.calls, before.calls);
});

for (const change of [
  "UPDATE calls SET turn_id = 'x' WHERE agent_id = 'agent-1'",
  "DELETE FROM calls WHERE agent_id = 'agent-2'",
  "ALTER TABLE calls UPDATE turn_id = 'y' WHERE agent_id = 'agent-3'",
  "ALTER TABLE calls DELETE WHERE agent_id = 'agent-4'",
])
  test(`a call that changes is told: ${change}`, async () => {
    const before = await known();
    await run(change);
    assert.notEqual((await known()).calls, before.calls);
    // And each further time.
    const once = await known();
    await run(change.replace(/agent-\d/, 'agent-5'));
    assert.notEqual((await known()).calls, once.calls);
  });
