/**
 * The fault suite: `npm run faults -- --seed S --kills K --calls N`
 *
 * Generated traffic goes over a real Kafka broker through three reassemblers and two sinks into a real ClickHouse, while
 * processes are killed with SIGKILL or frozen for a while, the broker and ClickHouse killed too, consumers come and go, and
 * captures are published twice. At the end the stored calls must equal the manifests exactly. Prints the counts last; exits with 1 on any difference.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openStore, STORE_DEFAULTS } from '../../services/clickhouse/store.ts';
import { KafkaBroker } from '../kafka/broker.ts';
import { Drill, type DrillOptions } from './drill.ts';
import { runBittern, type StageSettings } from './processes.ts';

const PARTITIONS = 6;
const SESSION_TIMEOUT_MS = 6000;
const DIFFERENCES_SHOWN = 20;

function readOptions(): DrillOptions {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, kills: { type: 'string' }, calls: { type: 'string' } },
  });
  return { seed: Number(values.seed ?? 1), kills: Number(values.kills ?? 6), calls: Number(values.calls ?? 600) };
}

async function clickhouseUrl(dataDir: string): Promise<string> {
  const runtime = JSON.parse(await readFile(path.join(dataDir, 'clickhouse', 'engine.json'), 'utf8')) as Record<
    'url' | 'user' | 'password' | 'database',
    string
  >;
  const url = new URL(runtime.url);
  url.username = runtime.user;
  url.password = runtime.password;
  url.pathname = runtime.database;
  return url.href;
}

const options = readOptions();
const started = performance.now();
const folder = await mkdtemp(path.join(tmpdir(), 'bittern-faults-'));
const broker = await KafkaBroker.open(path.join(folder, 'kafka'));
await broker.start();
const dataDir = path.join(folder, 'data');
const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: STORE_DEFAULTS.memoryBytesMax });
const keyFile = path.join(folder, 'fingerprint.key');
await writeFile(keyFile, 'a key that the reassemblers of this drill share\n', { mode: 0o600 });
const settings: StageSettings = {
  folder,
  env: {
    PATH: process.env.PATH,
    HOME: folder,
    NODE_COMPILE_CACHE: path.join(folder, 'compile-cache'),
    CLICKHOUSE_URL: await clickhouseUrl(dataDir),
    BITTERN_KAFKA_BROKERS: broker.plaintext,
    BITTERN_KAFKA_PARTITIONS: String(PARTITIONS),
    BITTERN_KAFKA_REPLICAS: '1',
    BITTERN_KAFKA_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
    BITTERN_IDENTITY_FINGERPRINT_KEY_FILE: keyFile,
  },
};
await runBittern(['topics', '--create'], settings);
const drill = new Drill(options, store, settings, broker);
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
  const {
    reassembler,
    sink,
    broker: brokers,
    clickhouse,
    frozen,
    stopped,
    scaled,
    outages,
    late,
  } = drill.faults.counts;
  const { published, drainMs } = drill.counts;
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(0)} s`;
  console.log(
    `kills: ${drill.faults.kills} (${reassembler} reassembler, ${sink} sink, ${brokers} broker, ${clickhouse} ClickHouse); ${frozen} freezes, ${stopped} orderly stops (${late} overdue), ${scaled} consumers more or less, ${outages} ClickHouse outages; ${published} captures published; drained in ${seconds(drainMs)}`,
  );
  console.log(
    `stored ${stored?.calls} calls, ${twice} of them twice; ${differences.length} differences; ${seconds(performance.now() - started)} (seed ${options.seed})`,
  );
} finally {
  await drill.end();
  await store.close();
  await broker.remove();
  if (!failed) await rm(folder, { recursive: true });
  else console.log(`Logs and data are in ${folder}`);
}
process.exitCode = failed ? 1 : 0;
