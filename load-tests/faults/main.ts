/**
 * The fault suite: `npm run faults -- --seed S --kills K --calls N`
 *
 * Generated traffic goes over a real Kafka broker through three reassemblers and two sinks into a real ClickHouse, while
 * processes are killed with SIGKILL, the broker and ClickHouse too, consumers come and go, and captures are published
 * twice. At the end the stored calls must equal the manifests exactly. Prints the counts last; exits with 1 on any difference.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openStore, STORE_DEFAULTS, type Store } from '../../services/clickhouse/store.ts';
import { compare, type Row } from '../compare.ts';
import { GENERATOR_DEFAULTS, generate } from '../generator/generate.ts';
import { Random } from '../generator/random.ts';
import { KafkaBroker } from '../kafka/broker.ts';
import type { Manifest } from '../manifest.ts';
import { runBittern, StageProcess, type StageSettings } from './processes.ts';

const CALLS_A_ROUND = 200;
const PARTITIONS = 6;
const SESSION_TIMEOUT_MS = 6000;
const DRAIN_TIMEOUT_MS = 180_000;
const DIFFERENCES_SHOWN = 20;

interface Options {
  readonly seed: number;
  readonly kills: number;
  readonly calls: number;
}

interface Round {
  readonly network: string;
  readonly file: string;
  readonly manifest: Manifest;
}

const counts = { reassembler: 0, sink: 0, probe: 0, broker: 0, clickhouse: 0, stopped: 0, published: 0 };

function readOptions(): Options {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, kills: { type: 'string' }, calls: { type: 'string' } } });
  return { seed: Number(values.seed ?? 1), kills: Number(values.kills ?? 10), calls: Number(values.calls ?? 1000) };
}

class Drill {
  readonly #options: Options;
  readonly #random: Random;
  readonly #folder: string;
  readonly #broker: KafkaBroker;
  readonly #store: Store;
  readonly #settings: StageSettings;
  readonly #stages: StageProcess[];
  #publishing = true;

  constructor(options: Options, folder: string, broker: KafkaBroker, store: Store, settings: StageSettings) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#folder = folder;
    this.#broker = broker;
    this.#store = store;
    this.#settings = settings;
    this.#stages = [
      ...[1, 2, 3].map((n) => new StageProcess(`reassembler-${n}`, ['reassembler'], settings)),
      ...[1, 2].map((n) => new StageProcess(`sink-${n}`, ['sink', 'clickhouse'], settings)),
    ];
  }

  async run(): Promise<string[]> {
    for (const stage of this.#stages) stage.start();
    const faults = this.#injectFaults();
    const rounds = await this.#publishAll();
    this.#publishing = false;
    await faults;
    for (const stage of this.#stages) stage.start();
    await this.#drained();
    const differences: string[] = [];
    for (const round of rounds) differences.push(...(await this.#compare(round)));
    return differences;
  }

  /** Ends what this drill has started. */
  async end(): Promise<void> {
    await Promise.all(this.#stages.map((stage) => stage.kill()));
  }

  async #publishAll(): Promise<Round[]> {
    const rounds: Round[] = [];
    for (let n = 0; n * CALLS_A_ROUND < this.#options.calls; n++) {
      const seed = this.#options.seed * 10_000 + n;
      const { pcap, manifest } = generate({ ...GENERATOR_DEFAULTS, seed, calls: CALLS_A_ROUND });
      const round = { network: `r${seed}`, file: path.join(this.#folder, `${seed}.pcap`), manifest };
      await writeFile(round.file, pcap);
      await this.#publish(round);
      // An operator who isn't sure publishes again: nothing may be counted twice.
      if (this.#random.chance(0.2)) await this.#publish(round);
      await rm(round.file);
      rounds.push(round);
    }
    return rounds;
  }

  /** The probe is killed now and then as well; its file is published again from the start. */
  async #publish(round: Round): Promise<void> {
    const env = { ...this.#settings.env, BITTERN_CAPTURE_NETWORK: round.network };
    for (;;) {
      counts.published++;
      try {
        await runBittern(['replay', round.file, '--kafka'], { ...this.#settings, env });
        return;
      } catch (error) {
        process.stderr.write(`publishing again: ${(error as Error).message.split('\n')[0]}\n`);
        await sleep(1000);
      }
    }
  }

  async #injectFaults(): Promise<void> {
    for (let kill = 0; kill < this.#options.kills; kill++) {
      await sleep(this.#random.int(200, 2500));
      await this.#injectFault();
    }
    if (this.#publishing) await sleep(1000);
  }

  async #injectFault(): Promise<void> {
    const dice = this.#random.int(0, 99);
    if (dice < 4) {
      counts.broker++;
      await this.#broker.kill();
      await sleep(this.#random.int(0, 3000));
      await this.#broker.start();
    } else if (dice < 12) {
      const pid = this.#store.enginePid();
      if (pid === undefined) return;
      counts.clickhouse++;
      process.kill(pid, 'SIGKILL');
    } else {
      const stage = this.#stages[this.#random.int(0, this.#stages.length - 1)]!;
      if (dice < 25) {
        counts.stopped++;
        await stage.stop();
      } else {
        if (stage.name.startsWith('sink')) counts.sink++;
        else counts.reassembler++;
        await stage.kill();
      }
      if (this.#random.chance(0.5)) await sleep(this.#random.int(0, 4000));
      stage.start();
    }
  }

  /** Waits until every stage has committed everything. */
  async #drained(): Promise<void> {
    const deadline = performance.now() + DRAIN_TIMEOUT_MS;
    for (;;) {
      const lines = (await runBittern(['lag', '--json'], this.#settings)).trim().split('\n');
      const lag = lines.reduce((sum, line) => sum + (JSON.parse(line) as { lag: number }).lag, 0);
      if (lag === 0) return;
      if (performance.now() > deadline) throw new Error(`the stages did not drain within ${DRAIN_TIMEOUT_MS / 1000} s: ${lag} records of lag`);
      await sleep(1000);
    }
  }

  async #compare(round: Round): Promise<string[]> {
    const result = await this.#store.client.query({
      query: 'SELECT * FROM calls WHERE network = {network:String}',
      query_params: { network: round.network },
      format: 'JSONEachRow',
    });
    const { differences } = compare(round.manifest, await result.json<Row>());
    return differences.map((difference) => `${round.network}: ${difference}`);
  }
}

async function clickhouseUrl(dataDir: string): Promise<string> {
  const runtime = JSON.parse(await readFile(path.join(dataDir, 'clickhouse', 'engine.json'), 'utf8')) as Record<'url' | 'user' | 'password' | 'database', string>;
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
const drill = new Drill(options, folder, broker, store, settings);
let failed = true;
try {
  const differences = await drill.run();
  for (const difference of differences.slice(0, DIFFERENCES_SHOWN)) console.log(difference);
  const answer = await store.client.query({ query: 'SELECT count() AS calls, uniqExact(call_id) AS ids FROM calls', format: 'JSONEachRow' });
  const [stored] = await answer.json<{ calls: number; ids: number }>();
  const twice = (stored?.calls ?? 0) - (stored?.ids ?? 0);
  failed = differences.length > 0 || twice !== 0;
  const { reassembler, sink, broker: brokers, clickhouse, stopped, published } = counts;
  console.log(`kills: ${reassembler} reassembler, ${sink} sink, ${brokers} broker, ${clickhouse} ClickHouse; ${stopped} orderly stops; ${published} captures published`);
  console.log(`stored ${stored?.calls} calls, ${twice} of them twice; ${differences.length} differences; ${((performance.now() - started) / 1000).toFixed(0)} s (seed ${options.seed})`);
} finally {
  await drill.end();
  await store.close();
  await broker.remove();
  if (!failed) await rm(folder, { recursive: true });
  else console.log(`Logs and data are in ${folder}`);
}
process.exitCode = failed ? 1 : 0;
