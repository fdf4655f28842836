/**
 * Measures every query of docs/cookbook.md, and those of the dashboards' panels over seven days: npm run cookbook -- [calls, default 1,000,000] [--data DIR, kept and used again]
 *
 * Fills an embedded engine and prints what that took, the disk, and a table of the queries.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ask } from '../../services/clickhouse/queries.ts';
import { openStore, STORE_DEFAULTS } from '../../services/clickhouse/store.ts';
import { fill } from './fill.ts';
import { measure, panels, table } from './measure.ts';

const { values, positionals } = parseArgs({ options: { data: { type: 'string' } }, allowPositionals: true });
const calls = Number(positionals[0] ?? 1_000_000);
const dataDir = values.data ?? mkdtempSync(path.join(tmpdir(), 'bittern-cookbook-'));
const made = existsSync(path.join(dataDir, 'clickhouse'));
if (!made) {
  const roomy = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 4e9 });
  console.log('seconds to fill:', await fill(roomy, calls).finally(() => roomy.close()));
}
// As `bittern up` has it.
const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: STORE_DEFAULTS.memoryBytesMax });
try {
  const disk = `SELECT table, sum(rows) AS rows, round(sum(bytes_on_disk) / 1e6) AS megabytes FROM system.parts
    WHERE active AND database = currentDatabase() GROUP BY table HAVING rows > 1000 ORDER BY megabytes DESC`;
  console.log(await ask(store, disk, {}));
  console.log(table(await measure(store)));
  console.log(`\n${table(await measure(store, undefined, panels()))}`);
} finally {
  await store.close();
  if (values.data === undefined) rmSync(dataDir, { recursive: true });
}
