import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { openStore, type Store } from '../../../services/clickhouse/store.ts';
import { privacyFrom } from '../../../services/privacy/settings.ts';
import { emptyStore } from '../track.ts';
import { detectorsPage } from './document.ts';
import { SITUATIONS } from './index.ts';
import { situationDifferences } from './verify.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-situations-'));
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});
beforeEach(() => emptyStore(store));

test('every situation is told as it is labelled: no loop is missed, and nothing else is called one', async () => {
  assert.ok(SITUATIONS.length >= 45);
  assert.equal(new Set(SITUATIONS.map(({ name }) => name)).size, SITUATIONS.length);
  assert.deepEqual(await situationDifferences(store, SITUATIONS, { seed: 1 }), []);
});

test('the same when each connection comes by a consumer of its own, in any order', async () => {
  const once = SITUATIONS.map((situation) => ({ ...situation, clients: situation.clients.slice(0, 1) }));
  assert.deepEqual(await situationDifferences(store, once, { seed: 2, shuffled: true }), []);
});

test('the same when no text is kept: detectors and sessions live by hashes', async () => {
  const privacy = privacyFrom(
    { modes: [], redaction: true, redactionRules: [], headers: 'known', shownHeaders: [] },
    false,
    Buffer.alloc(32, 1),
  );
  const options = { seed: 3, llm: { content: false, privacy } };
  assert.deepEqual(await situationDifferences(store, SITUATIONS, options), []);
});

test('the page lists them as they are', () => {
  const page = readFileSync(new URL('../../../docs/detectors.md', import.meta.url), 'utf8');
  assert.equal(page, detectorsPage());
});
