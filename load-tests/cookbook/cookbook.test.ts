import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openStore, type Store } from '../../services/clickhouse/store.ts';
import { ANSWERS } from './answers.ts';
import { fill } from './fill.ts';
import { CALLS, NOW, storeKnown, VALUES } from './known.ts';
import { measure } from './measure.ts';
import { filled, LIMITS_MS, type Recipe, recipes } from './recipes.ts';

const NAMES = new Map([...CALLS].map(([name, call]) => [call.callId as string, name]));
/** Limits are for a million: of so few, half of the time for what reads many, and all of it for a look-up, which is mostly overhead. */
const FILLED_CALLS = 20_000;
const SHARE = { dashboard: 0.5, search: 0.5, lookup: 1 } as const;
/** Outside of CI: a machine that works on other things too. */
const SLACK = process.env.CI === 'true' ? 1 : 5;

function opened(): { readonly dataDir: string; open(): Promise<Store> } {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-cookbook-'));
  return { dataDir, open: () => openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 }) };
}

describe('the cookbook', () => {
  const { dataDir, open } = opened();
  let store: Store;

  before(async () => {
    store = await open();
    await storeKnown(store);
  });
  after(async () => {
    await store.close();
    rmSync(dataDir, { recursive: true });
  });

  async function answer({ sql, question }: Recipe): Promise<unknown[][]> {
    const session = question.includes('subagents did') ? 's-par' : VALUES.SESSION;
    const values = { ...VALUES, SESSION: session, CALL: CALLS.get('lone')!.callId };
    const query = filled(sql, values).replaceAll('now()', `toDateTime('${NOW}', 'UTC')`);
    const result = await store.client.query({ query, format: 'JSONCompactEachRow' });
    const rows = (await result.json()) as unknown[][];
    return rows.map((row) => row.map((value) => (typeof value === 'string' ? (NAMES.get(value) ?? value) : value)));
  }

  it('has an answer for each question, and at least 34', () => {
    assert.deepEqual(
      recipes().map(({ question }) => question),
      Object.keys(ANSWERS),
    );
    assert.ok(recipes().length >= 34);
    for (const [question, rows] of Object.entries(ANSWERS)) assert.ok(rows.length > 0, question);
  });

  for (const recipe of recipes()) {
    it(recipe.question, async () => {
      assert.deepEqual(await answer(recipe), ANSWERS[recipe.question]);
    });
  }
});

describe(`the cookbook over ${FILLED_CALLS} calls`, () => {
  const { dataDir, open } = opened();
  let store: Store;

  before(async () => {
    store = await open();
    await fill(store, FILLED_CALLS);
  });
  after(async () => {
    await store.close();
    rmSync(dataDir, { recursive: true });
  });

  it('answers in the time that each kind of query has, with rows where there are some', async () => {
    const slow = [];
    for (const { recipe, bestMs, rows } of await measure(store, 3)) {
      if (bestMs > LIMITS_MS[recipe.kind] * SHARE[recipe.kind] * SLACK) slow.push([recipe.question, bestMs]);
      if (recipe.kind === 'lookup' && !/subagents/.test(recipe.question)) assert.ok(rows > 0, recipe.question);
    }
    assert.deepEqual(slow, []);
  });
});
