import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { alertsIn, HookServer, put, until } from '../../alerts/testing.ts';
import { openStore } from '../../clickhouse/store.ts';
import { sampleFinding } from '../../clickhouse/testing.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const FINDINGS = 40;

function configFor(folder: string, url: string): string {
  const file = path.join(folder, 'bittern.yaml');
  writeFileSync(
    file,
    `dataDir: ${folder}/data
alerts:
  receivers: [{type: webhook, name: hook, url: '${url}', secretVariable: HOOK_SECRET}]
  leaseMs: 2000
  pollMs: 100
rules:
  sql: [{name: always, sql: "SELECT 'x' AS what", intervalMs: 1000}]
`,
  );
  return file;
}

/** A `bittern alerts`; resolves when it runs. */
async function startStage(t: TestContext, config: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, 'alerts', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, HOOK_SECRET: 'a secret of this test' },
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  await until(
    () => said.includes('Alerts are running'),
    () => said,
  );
  return child;
}

test('of the processes that send alerts any may be killed at any time: every finding is told, and what comes twice has one id', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bittern-alerts-stage-'));
  const store = await openStore({ dataDir: `${folder}/data`, retentionDays: 0, memoryBytesMax: 1e9 });
  const hooks = await HookServer.open();
  t.after(async () => {
    await hooks.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });
  const config = configFor(folder, hooks.url);
  const stages = [await startStage(t, config), await startStage(t, config)];
  const told = (): Map<string, Set<string>> => {
    const ids = new Map<string, Set<string>>();
    for (const { headers, body } of hooks.taken)
      for (const { news, fingerprint, labels } of alertsIn(body))
        if (news === 'fired' && labels.kind !== 'rule')
          ids.set(fingerprint, (ids.get(fingerprint) ?? new Set()).add(String(headers['bittern-alert-id'])));
    return ids;
  };
  for (let n = 0; n < FINDINGS; n++) {
    await put(store, sampleFinding(n));
    await sleep(100);
    // One after the other: the first that is killed is the one at work, or the other one's turn comes next.
    if (n === 12 || n === 26) {
      stages.shift()!.kill('SIGKILL');
      stages.push(await startStage(t, config));
    }
  }
  await until(
    () => told().size === FINDINGS,
    () => told().size,
  );
  await sleep(1_000);
  for (const [finding, ids] of told()) assert.equal(ids.size, 1, finding);
  t.diagnostic(`${hooks.taken.length} messages for ${FINDINGS} findings and a rule, 2 processes killed`);
  for (const { headers } of hooks.taken) assert.match(String(headers['bittern-signature']), /^sha256=[0-9a-f]{64}$/);
  const rule = hooks.taken.flatMap(({ body }) => alertsIn(body)).filter(({ labels }) => labels.kind === 'rule');
  assert.ok(rule.length >= 1);
  for (const stage of stages) {
    stage.kill('SIGTERM');
    assert.deepEqual(await once(stage, 'exit'), [0, null]);
  }
});
