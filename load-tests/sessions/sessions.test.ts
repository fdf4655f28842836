import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { openStore, type Store } from '../../services/clickhouse/store.ts';
import { privacyFrom } from '../../services/privacy/settings.ts';
import { playSessions } from './generate.ts';
import { emptyStore } from './track.ts';
import { sessionDifferences } from './verify.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-sessions-'));
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});
beforeEach(() => emptyStore(store));

/** What a failure prints of many differences. */
const SHOWN = 12;

for (const seed of [1, 2, 3]) {
  test(`sessions of all clients, told field by field as they were played (seed ${seed})`, async () => {
    const differences = await sessionDifferences(store, playSessions(seed), { seed });
    assert.deepEqual(differences.slice(0, SHOWN), []);
  });
}

test('sessions, turns and tool calls are the same when no text is kept, and have none', async () => {
  const privacy = privacyFrom(
    { modes: [], redaction: true, redactionRules: [], headers: 'known', shownHeaders: [] },
    false,
    Buffer.alloc(32, 1),
  );
  const options = { seed: 5, llm: { content: false, privacy } };
  const differences = await sessionDifferences(store, playSessions(5), options);
  const text = /(?:prompt_preview|answer_preview|result_preview|first_prompt|last_answer|arguments) is ""/;
  const others = differences.filter((each) => !text.test(each));
  assert.deepEqual(others.slice(0, SHOWN), []);
});

test('connections that are stored one after another, in any order, give the same', async () => {
  const differences = await sessionDifferences(store, playSessions(4), { seed: 4, shuffled: true });
  assert.deepEqual(differences.slice(0, SHOWN), []);
});
