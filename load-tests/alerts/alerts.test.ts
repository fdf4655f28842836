import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HookServer } from '../../services/alerts/testing.ts';
import { missingTools } from '../kafka/distribution.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { type Deployed, oneProcess, overKafka } from './deployments.ts';
import { measure, startModel, warmUp } from './loops.ts';

/** What is promised, from the end of the call that completes a loop. */
const WITHIN_MS = 5000;

function obstacle(...missing: readonly string[]): string | false {
  if (process.env.CI === 'true') return false;
  if (missing.length > 0) return `NOT TESTED: ${missing.join(', ')} missing`;
  return process.getuid?.() === 0 ? missingPrograms('tcpdump') : 'NOT TESTED: capturing needs root';
}

async function alerted(deploy: (hooks: HookServer, port: number) => Promise<Deployed>): Promise<void> {
  const [model, hooks] = [await startModel(), await HookServer.open()];
  const deployed = await deploy(hooks, model.port);
  try {
    await warmUp(model, hooks);
    const { maxMs } = await measure(model, hooks, 10, 300);
    assert.ok(maxMs <= WITHIN_MS, `one took ${maxMs} ms`);
  } finally {
    await deployed.close();
    await hooks.close();
    await model.close();
  }
}

test('a loop in live traffic is told to a webhook within 5 s: one process', { skip: obstacle() }, () =>
  withFolder((folder) => alerted((hooks, port) => oneProcess(folder, hooks, port))),
);

test('a loop in live traffic is told to a webhook within 5 s: over Kafka', { skip: obstacle(...missingTools()) }, () =>
  alerted(overKafka),
);
