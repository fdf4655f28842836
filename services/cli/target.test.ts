import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Frame } from '../../schemas/frame.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { storeTarget } from './target.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'bittern-target-'));
let config: Config;
let store: Store;

before(async () => {
  ({ config } = await loadConfig({ overrides: { dataDir: folder } }));
  store = await openStore({ dataDir: folder, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

test('a stage that fails is told at the next look, and closing ends what it leaves', async () => {
  const target = await storeTarget(config, store);
  target.check();
  // No frame: a fault of the program's, which no traffic can cause.
  await target.frames.publish('x', { connection: 'x', payload: Buffer.alloc(0), segments: [null] } as unknown as Frame);
  await sleep(50);
  assert.throws(() => target.check(), TypeError);
  await assert.rejects(target.finish(null), TypeError);
  await assert.rejects(target.close(), TypeError);
});
