/**
 * One of the two checkouts that pair.ts compares: `pair-child.ts ROOT FILE`. Loads the checkout's own code, and runs a round of
 * packets → calls for each message that it is sent.
 */
import path from 'node:path';
import { timed, yardstick } from './measure.ts';
import type * as Stages from './stages.ts';

/** What a round cost: CPU of all threads, and the yardstick after it. */
export interface PairRound {
  readonly calls: number;
  readonly cpuSeconds: number;
  /** Of these, the main thread's: the rest is collection and compilation beside it. */
  readonly mainSeconds: number;
  readonly yardstickMbPerSecond: number;
}

const [root = '', file = ''] = process.argv.slice(2);
const load = (name: string) => import(path.resolve(root, name));
const stages = (await load('load-tests/bench/stages.ts')) as typeof Stages;
const { Pipeline } = (await load(
  'services/pipeline/pipeline.ts',
)) as typeof import('../../services/pipeline/pipeline.ts');
const { Pump } = (await load('services/capture/pump.ts')) as typeof import('../../services/capture/pump.ts');
const { CAPTURE_DEFAULTS } = (await load('mirror/index.ts')) as typeof import('../../mirror/index.ts');
const { HTTP_DEFAULTS } = (await load('services/http/options.ts')) as typeof import('../../services/http/options.ts');
const { MEMORY_BUS_DEFAULTS } = (await load(
  'services/bus/memory-bus.ts',
)) as typeof import('../../services/bus/memory-bus.ts');

async function replay(): Promise<number> {
  const options = { bus: MEMORY_BUS_DEFAULTS, reassembler: { http: HTTP_DEFAULTS, llm: stages.LLM } };
  const pipeline = await Pipeline.start(options, stages.KEY, new stages.NullSink());
  const pump = new Pump(CAPTURE_DEFAULTS, pipeline);
  pump.nextSource('bench');
  for (const chunk of stages.chunksOf(file)) await pump.write(chunk);
  await pump.end('eof');
  await pipeline.drain(true);
  await pipeline.close();
  return pipeline.reassembler.counts.calls;
}

const texts = stages.requestBodies(file, stages.YARDSTICK_BODIES);
process.on('message', async () => {
  let calls = 0;
  const before = process.threadCpuUsage();
  const { cpuSeconds } = await timed(async () => {
    calls = await replay();
  });
  const main = process.threadCpuUsage(before);
  const mainSeconds = (main.user + main.system) / 1e6;
  const round: PairRound = { calls, cpuSeconds, mainSeconds, yardstickMbPerSecond: yardstick(texts) };
  process.send?.(round);
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
