import assert from 'node:assert/strict';
import { availableParallelism, loadavg } from 'node:os';
import { test } from 'node:test';
import { HookServer } from '../../services/alerts/testing.ts';
import { missingTools } from '../kafka/distribution.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { type Deployed, oneProcess, overKafka } from './deployments.ts';
import { measure, startModel, warmUp } from './loops.ts';

/** What is promised, from the end of the call that completes a loop. */
const WITHIN_MS = 5000;
/** Other tests may keep the machine busy: one round of loops must be in time as a whole. */
const ROUNDS = 3;
/** Load for each core above which times tell of the machine alone. */
const BUSY = 3;

function obstacle(...missing: readonly string[]): string | false {
  if (process.env.CI === 'true') return false;
  const [load = 0] = loadavg();
  const cores = availableParallelism();
  if (load > BUSY * cores) return `NOT TESTED: the machine is too busy to tell (load ${load} on ${cores} cores)`;
  if (missing.length > 0) return `NOT TESTED: ${missing.join(', ')} missing`;
  return process.getuid?.() === 0 ? missingPrograms('tcpdump') : 'NOT TESTED: capturing needs root';
}

async function alerted(deploy: (hooks: HookServer, port: number) => Promise<Deployed>): Promise<void> {
  const [model, hooks] = [await startModel(), await HookServer.open()];
  const deployed = await deploy(hooks, model.port);
  try {
    await warmUp(model, hooks);
    const longest: number[] = [];
    while (longest.length < ROUNDS && Math.min(...longest) > WITHIN_MS) {
      const { maxMs } = await measure(model, hooks, { name: `round-${longest.length}`, loops: 10, everyMs: 500 });
      longest.push(maxMs);
    }
    assert.ok(Math.min(...longest) <= WITHIN_MS, `the longest of each round took ${longest.join(', ')} ms`);
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
