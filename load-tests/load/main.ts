/**
 * What the distributed form costs: `npm run load`
 *
 * Starts a real Kafka broker and a real ClickHouse, runs probes, reassemblers and sinks as processes on the reference traffic, and
 * measures CPU in every process, rates, latency, bytes on Kafka, and the same traffic through one process for comparison. Prints a table
 * and, last, one line of JSON.
 *
 *     npm run load -- --smoke                                   everything, too short to be quoted
 *     npm run load -- --calls 2000 --repeat 3                   costs, consumers, compression, skew, latency
 *     npm run load -- --soak 600 --rate 20                      memory over time
 *     npm run load -- --soak 680 --rate 20 --outage 600         ClickHouse away for ten minutes
 *
 * `--set NAME=VALUE` gives all processes a setting: `--set BITTERN_CLICKHOUSE_QUEUE_BYTES_MAX=4000000`. `--only` picks parts:
 * cost, consumers, compression, skew, latency.
 */
import { parseArgs } from 'node:util';
import { System } from '../faults/system.ts';
import type { Shape } from './deployment.ts';
import { HEADER, line, median, ownPerThousand, perThousand } from './report.ts';
import { distributed, latency, nextNetwork, oneProcess, type Run, steady, type Traffics } from './runs.ts';
import { referenceFile, skewedFile, type Traffic } from './traffic.ts';

const PARTITIONS = 6;
const SHAPE: Shape = { reassemblers: 1, sinks: 1, compression: 'zstd' };
const SESSION_TIMEOUT_MS = 10_000;
/** A soak's traffic: short, so that it ends in time. */
const SOAK_FILE_SECONDS = 10;
const SAMPLES = 60;

const { values } = parseArgs({
  options: {
    smoke: { type: 'boolean' },
    calls: { type: 'string' },
    repeat: { type: 'string' },
    rate: { type: 'string' },
    soak: { type: 'string' },
    outage: { type: 'string' },
    set: { type: 'string', multiple: true },
    only: { type: 'string', multiple: true },
  },
});
const calls = Number(values.calls ?? (values.smoke ? 128 : 2000));
const repeat = Number(values.repeat ?? (values.smoke ? 1 : 3));
const parts = new Set(
  values.only ?? (values.smoke ? ['cost', 'latency'] : ['cost', 'consumers', 'compression', 'skew', 'latency']),
);

function print(run: Run): Run {
  console.log(line(run));
  return run;
}

async function costs(system: System, traffics: Traffics): Promise<Record<string, unknown>> {
  const pairs: { readonly one: Run; readonly many: Run }[] = [];
  for (let n = 0; n < repeat; n++) {
    const one = print(await oneProcess(system, traffics));
    const many = print(
      await distributed(system, traffics, { name: '1 reassembler, 1 sink', partitions: PARTITIONS, shape: SHAPE }),
    );
    pairs.push({ one, many });
  }
  const ratios = pairs.map(({ one, many }) => perThousand(many) / perThousand(one));
  const ownRatios = pairs.map(({ one, many }) => ownPerThousand(many) / ownPerThousand(one));
  const perSecond = median(pairs.map(({ many }) => many.calls / many.seconds));
  const told = (list: readonly number[]): string =>
    `${median(list).toFixed(2)} (${Math.min(...list).toFixed(2)} to ${Math.max(...list).toFixed(2)})`;
  console.log(
    `\ndistributed against one process, CPU a call: ${told(ratios)}; without broker and ClickHouse: ${told(ownRatios)}\n`,
  );
  return { ratio: median(ratios), ratios, ownRatio: median(ownRatios), perSecond, rssMb: pairs.at(-1)?.many.rssMb };
}

async function variants(system: System, traffics: Traffics): Promise<Run[]> {
  const runs: Run[] = [];
  const run = async (name: string, shape: Partial<Shape>, other?: { traffics: Traffics; network: string }) =>
    runs.push(
      print(
        await distributed(system, other?.traffics ?? traffics, {
          name,
          partitions: PARTITIONS,
          shape: { ...SHAPE, ...shape },
          ...(other === undefined ? {} : { network: other.network }),
        }),
      ),
    );
  if (parts.has('consumers')) for (const n of [1, 2, 3]) await run(`${n} of each`, { reassemblers: n, sinks: n });
  if (parts.has('compression')) {
    for (const compression of ['none', 'gzip', 'zstd'] as const)
      await run(`compression ${compression}`, { compression });
  }
  if (parts.has('skew')) {
    const network = nextNetwork();
    const skewed: Traffic = await skewedFile(traffics.measured, network, PARTITIONS);
    const name = `3 of each, ${Math.round(skewed.fullestShare * 100)} % in one partition`;
    await run(name, { reassemblers: 3, sinks: 3 }, { traffics: { ...traffics, measured: skewed }, network });
  }
  return runs;
}

async function soak(system: System, traffics: Traffics, seconds: number): Promise<Record<string, unknown>> {
  const outageSeconds = Number(values.outage ?? 0);
  const callsPerSecond = Number(values.rate ?? 10);
  const sampleMs = Math.max(2000, (seconds * 1000) / SAMPLES);
  const options = {
    name: 'soak',
    partitions: PARTITIONS,
    shape: SHAPE,
    callsPerSecond,
    seconds,
    outageSeconds,
    sampleMs,
  };
  const told = await steady(system, traffics, options);
  const { rssMb, lag } = told;
  console.log(
    `${told.calls} calls at ${callsPerSecond}/s in ${told.seconds.toFixed(0)} s, ClickHouse away for ${outageSeconds} s of them`,
  );
  console.log(`stored ${told.stored}; the rest drained in ${told.drainSeconds.toFixed(1)} s`);
  console.log(`lag, records: ${lag.join(' ')}`);
  for (const [kind, list] of Object.entries(rssMb)) console.log(`${kind} RSS, MB: ${list.join(' ')}`);
  if (told.stored !== told.calls) process.exitCode = 1;
  return { ...told, outageSeconds };
}

async function all(system: System): Promise<Record<string, unknown>> {
  const warm = await referenceFile(system.folder, 'warm', Math.min(400, calls), 2);
  if (values.soak !== undefined) {
    const file = await referenceFile(system.folder, 'soak', Number(values.rate ?? 10) * SOAK_FILE_SECONDS);
    return soak(system, { warm, measured: file }, Number(values.soak));
  }
  const traffics = { warm, measured: await referenceFile(system.folder, 'measured', calls) };
  console.log(
    'CPU seconds for 1,000 calls in each process; bytes on Kafka as shares of the bytes of the connections watched\n',
  );
  console.log(HEADER);
  const cost = parts.has('cost') ? await costs(system, traffics) : {};
  const runs = await variants(system, traffics);
  const perSecond = Number(values.rate ?? Math.max(1, Number(cost.perSecond ?? 20) / 2));
  const seen = parts.has('latency')
    ? await latency(system, traffics, perSecond, { name: 'latency', partitions: PARTITIONS, shape: SHAPE })
    : null;
  if (seen !== null) {
    console.log(
      `\nat ${seen.callsPerSecond.toFixed(1)} calls/s: from the last byte until it can be queried ${seen.p50Ms} ms p50, ${seen.p99Ms} ms p99 (${seen.calls} calls)`,
    );
  }
  return { calls, cost, runs, latency: seen };
}

/** The value may hold `=` itself: `NODE_OPTIONS=--cpu-prof --cpu-prof-dir=profiles`. */
const env = Object.fromEntries(
  (values.set ?? []).map((pair): [string, string] => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), pair.slice(at + 1)];
  }),
);
const system = await System.open({ partitions: PARTITIONS, sessionTimeoutMs: SESSION_TIMEOUT_MS, env });
try {
  const result = await all(system);
  console.log(`\n${JSON.stringify(result)}`);
} finally {
  await system.close();
}
