import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Frame } from '../../schemas/frame.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { storeTarget, withTarget } from './target.ts';

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

test('a stage that fails ends work that waits for ever, with its error, and leaves nothing running', async () => {
  const work = withTarget(await storeTarget(config, store), async ({ frames }) => {
    // No frame: a fault of the program's, which no traffic can cause.
    void frames.publish('x', { connection: 'x', body: Buffer.alloc(0), segments: null } as unknown as Frame);
    return new Promise<never>(() => {});
  });
  await assert.rejects(work, TypeError);
});

test('work that ends in an error gives the target back', async () => {
  const target = await storeTarget(config, store);
  await assert.rejects(
    withTarget(target, async () => {
      throw new RangeError('so it is');
    }),
    RangeError,
  );
  assert.equal(target.failed.aborted, false);
});
