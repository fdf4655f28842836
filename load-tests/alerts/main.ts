/**
 * How soon an alert comes: from the end of the call that completes a loop to the webhook's request, through a live capture on loopback
 * and all stages. As root:
 *
 *     npm run alerts:latency -- [--loops 100] [--every 200] [--only one-process,kafka]
 *
 * A loop begins every so many milliseconds. Prints p50, p99 and the longest; ends with 1 when one took more than 5 s.
 */
import { parseArgs } from 'node:util';
import { HookServer } from '../../services/alerts/testing.ts';
import { withFolder } from '../testing.ts';
import { type Deployed, oneProcess, overKafka } from './deployments.ts';
import { measure, startModel, warmUp } from './loops.ts';

const BOUND_MS = 5000;

const { values } = parseArgs({
  options: { loops: { type: 'string' }, every: { type: 'string' }, only: { type: 'string' } },
});
const loops = Number(values.loops ?? 100);
const every = Number(values.every ?? 200);

async function run(name: string, deploy: (hooks: HookServer, port: number) => Promise<Deployed>): Promise<void> {
  const [model, hooks] = [await startModel(), await HookServer.open()];
  const deployed = await deploy(hooks, model.port);
  try {
    await warmUp(model, hooks);
    const { p50Ms, p99Ms, maxMs } = await measure(model, hooks, { name: 'loop', loops, everyMs: every });
    console.log(
      `${name.padEnd(12)} ${loops} loops, one every ${every} ms: ${p50Ms} ms p50, ${p99Ms} ms p99, ${maxMs} ms at most`,
    );
    if (maxMs > BOUND_MS) process.exitCode = 1;
  } finally {
    await deployed.close();
    await hooks.close();
    await model.close();
  }
}

const only = (values.only ?? 'one-process,kafka').split(',');
if (only.includes('one-process'))
  await withFolder((folder) => run('one process', (hooks, port) => oneProcess(folder, hooks, port)));
if (only.includes('kafka')) await run('over Kafka', overKafka);
