/**
 * The same process with and without workers: two pipelines side by side are given the same traffic in turn, so that what else
 * the machine does is done to both. The first round of each warms it up; a round's connections are others than those before.
 */
import { availableParallelism } from 'node:os';
import { CAPTURE_DEFAULTS } from '../../mirror/index.ts';
import { MEMORY_BUS_DEFAULTS } from '../../services/bus/memory-bus.ts';
import { Pump } from '../../services/capture/pump.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { Pipeline } from '../../services/pipeline/pipeline.ts';
import { type Timed, timed, yardstick } from './measure.ts';
import { chunksOf, KEY, LLM, NullSink, requestBodies, type StageResult, YARDSTICK_BODIES } from './stages.ts';

/** After the first. */
const ROUNDS = 5;

const start = (workers: number): Promise<Pipeline> =>
  Pipeline.start(
    { bus: MEMORY_BUS_DEFAULTS, reassembler: { http: HTTP_DEFAULTS, llm: LLM }, workers },
    KEY,
    new NullSink(),
  );

async function feed(pipeline: Pipeline, file: string, round: number): Promise<void> {
  const pump = new Pump({ ...CAPTURE_DEFAULTS, network: `round ${round}` }, pipeline);
  pump.nextSource('bench');
  for (const chunk of chunksOf(file)) await pump.write(chunk);
  await pump.end('eof');
  await pipeline.drain(false);
}

export async function packetsToCallsByWorkers(file: string): Promise<StageResult> {
  const workers = Number(process.env.BENCH_WORKERS ?? Math.max(2, Math.min(availableParallelism(), 4)));
  const [one, several] = [await start(0), await start(workers)];
  const rounds: (readonly [Timed, Timed])[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const alone = await timed(() => feed(one, file, round));
    const together = await timed(() => feed(several, file, round));
    if (round > 0) rounds.push([alone, together]);
  }
  const calls = several.reassembler.counts.calls / (ROUNDS + 1);
  for (const pipeline of [one, several]) {
    await pipeline.drain(true);
    await pipeline.close();
  }
  let bytes = 0;
  for (const chunk of chunksOf(file)) bytes += chunk.length;
  const ratios = rounds.map(([alone, together]) => alone.seconds / together.seconds).toSorted((a, b) => a - b);
  const cpu = rounds.map(([alone, together]) => together.cpuSeconds / alone.cpuSeconds).toSorted((a, b) => a - b);
  const [, fastest] = rounds.toSorted(([, a], [, b]) => a.seconds - b.seconds)[0]!;
  const told = (values: readonly number[]): string =>
    `${values[values.length >> 1]!.toFixed(2)} (${values[0]!.toFixed(2)} … ${values.at(-1)!.toFixed(2)})`;
  return {
    ...fastest,
    yardstickMbPerSecond: yardstick(requestBodies(file, YARDSTICK_BODIES)),
    calls,
    bytes,
    note: `${workers} workers: speed of one thread × ${told(ratios)}, its CPU × ${told(cpu)}`,
  };
}
