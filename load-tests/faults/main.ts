/**
 * The fault suite: `npm run faults -- --seed S --kills K --calls N [--round 200] [--brokers 3] [--encoding confluent]`
 *
 * Generated traffic (of each three captures one with HTTP/2, and one as two probes saw it that each missed something) goes over a real Kafka broker through three reassemblers and two sinks into a real ClickHouse beside a tracker, while
 * processes are killed with SIGKILL or frozen for a while, the broker (or of several one at a time) and ClickHouse killed too, consumers come and go, and
 * captures are published twice. With `--encoding confluent` the records are in Confluent's wire format, by a real schema registry.
 * At the end the stored calls must equal the manifests exactly, and what the tracker made of them what one makes that meets them all at once. Prints the counts last; exits with 1 on any difference.
 */
import { parseArgs } from 'node:util';
import { RegistryServer } from '../kafka/registry.ts';
import { Drill, type DrillOptions } from './drill.ts';
import { System } from './system.ts';

const PARTITIONS = 6;
const SESSION_TIMEOUT_MS = 6000;
const DIFFERENCES_SHOWN = 20;

function readOptions(): DrillOptions & { readonly encoding: string } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { seed: text, kills: text, calls: text, encoding: text, round: text, brokers: text },
  });
  return {
    seed: Number(values.seed ?? 1),
    kills: Number(values.kills ?? 6),
    calls: Number(values.calls ?? 600),
    round: Number(values.round ?? 200),
    encoding: values.encoding ?? 'single_object',
    brokers: Number(values.brokers ?? 1),
  };
}

const options = readOptions();
const started = performance.now();
const registry = options.encoding === 'confluent' ? await RegistryServer.start() : null;
const env = {
  BITTERN_REASSEMBLER_PROBES_OVERLAP: 'true',
  BITTERN_KAFKA_ENCODING: options.encoding,
  BITTERN_KAFKA_SCHEMA_REGISTRY_URL: registry?.url ?? '',
};
const { brokers } = options;
const system = await System.open({ partitions: PARTITIONS, sessionTimeoutMs: SESSION_TIMEOUT_MS, brokers, env });
const { store } = system;
const drill = new Drill(options, store, system.settings, system.brokers);
let failed = true;
try {
  const differences = await drill.run();
  for (const difference of differences.slice(0, DIFFERENCES_SHOWN)) console.log(difference);
  const answer = await store.client.query({
    query: 'SELECT count() AS calls, uniqExact(call_id) AS ids FROM calls',
    format: 'JSONEachRow',
  });
  const [stored] = await answer.json<{ calls: number; ids: number }>();
  const twice = (stored?.calls ?? 0) - (stored?.ids ?? 0);
  failed = differences.length > 0 || twice !== 0 || drill.faults.counts.late > 0;
  const { reassembler, sink, tracker, broker, clickhouse, frozen, stopped, scaled, outages, late } =
    drill.faults.counts;
  const { published, drainMs } = drill.counts;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;
  console.log(
    `kills: ${drill.faults.kills} (${reassembler} reassembler, ${sink} sink, ${tracker} tracker, ${broker} broker, ${clickhouse} ClickHouse); ${frozen} freezes, ${stopped} orderly stops (${late} overdue), ${scaled} consumers more or less, ${outages} ClickHouse outages; ${published} captures published; drained in ${seconds(drainMs)}`,
  );
  console.log(
    `stored ${stored?.calls} calls, ${twice} of them twice; ${differences.length} differences; ${seconds(performance.now() - started)} (seed ${options.seed}, ${options.encoding}, ${brokers === 1 ? 'one broker' : `${brokers} brokers`})`,
  );
} finally {
  await drill.end();
  await system.close(failed);
  await registry?.remove();
  if (failed) console.log(`Logs and data are in ${system.folder}`);
}
process.exitCode = failed ? 1 : 0;
