/** The whole distributed system on this machine, all of it real: a Kafka broker, a ClickHouse behind a gate, stages as processes. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openStore, STORE_DEFAULTS, type Store } from '../../services/clickhouse/store.ts';
import { KafkaBroker } from '../kafka/broker.ts';
import { type Brokers, KafkaCluster } from '../kafka/cluster.ts';
import { Gate } from './gate.ts';
import { runBittern, StageProcess, type StageSettings } from './processes.ts';

const REPLICAS_MAX = 3;

export interface SystemOptions {
  readonly partitions: number;
  /** 1 when left out; of several each topic has as many replicas, up to three. */
  readonly brokers?: number;
  readonly sessionTimeoutMs: number;
  /** Settings of all processes, as environment variables. */
  readonly env?: NodeJS.ProcessEnv;
}

export class System {
  readonly folder: string;
  readonly brokers: Brokers;
  /** The only one, or the first. */
  readonly broker: KafkaBroker;
  /** Not through the gate. */
  readonly store: Store;
  /** What stands before ClickHouse for the stages. */
  readonly gate: Gate;
  readonly settings: StageSettings;
  readonly #stages: StageProcess[] = [];

  private constructor(
    folder: string,
    brokers: KafkaBroker | KafkaCluster,
    store: Store,
    gate: Gate,
    settings: StageSettings,
  ) {
    this.folder = folder;
    this.brokers = brokers;
    this.broker = brokers instanceof KafkaCluster ? brokers.nodes[0]! : brokers;
    this.store = store;
    this.gate = gate;
    this.settings = settings;
  }

  /** Starts the servers and makes the topics; no stage. */
  static async open(options: SystemOptions): Promise<System> {
    const folder = await mkdtemp(path.join(tmpdir(), 'bittern-system-'));
    const { brokers: size = 1 } = options;
    const kafkaDir = path.join(folder, 'kafka');
    const brokers = size === 1 ? await KafkaBroker.open(kafkaDir) : await KafkaCluster.open(kafkaDir, size);
    await brokers.start();
    const dataDir = path.join(folder, 'data');
    const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: STORE_DEFAULTS.memoryBytesMax });
    const url = await clickhouseUrl(dataDir);
    const gate = new Gate({ host: url.hostname, port: Number(url.port) });
    await gate.set('open');
    url.port = String(gate.port);
    const keyFile = path.join(folder, 'fingerprint.key');
    await writeFile(keyFile, 'a key that the reassemblers of a test share\n', { mode: 0o600 });
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      NODE_COMPILE_CACHE: path.join(folder, 'compile-cache'),
      CLICKHOUSE_URL: url.href,
      BITTERN_KAFKA_BROKERS: brokers.plaintext,
      BITTERN_KAFKA_PARTITIONS: String(options.partitions),
      BITTERN_KAFKA_REPLICAS: String(Math.min(size, REPLICAS_MAX)),
      BITTERN_KAFKA_SESSION_TIMEOUT_MS: String(options.sessionTimeoutMs),
      BITTERN_IDENTITY_FINGERPRINT_KEY_FILE: keyFile,
      BITTERN_OBSERVE_LISTEN: '127.0.0.1:0',
      ...options.env,
    };
    const system = new System(folder, brokers, store, gate, { folder, env });
    await system.run(['topics', '--create']);
    return system;
  }

  /** A stage that isn't started yet; ended with the system. */
  stage(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): StageProcess {
    const stage = new StageProcess(name, args, { ...this.settings, env: { ...this.settings.env, ...env } });
    this.#stages.push(stage);
    return stage;
  }

  /** Runs a command to its end; like `runBittern`. */
  run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    return runBittern(args, { ...this.settings, env: { ...this.settings.env, ...env } });
  }

  /** Records that are not committed, of all stages together. */
  async lag(): Promise<number> {
    const lines = (await this.run(['lag', '--json', '--sample', '0'])).trim().split('\n');
    return lines.reduce((sum, line) => sum + (JSON.parse(line) as { lag: number }).lag, 0);
  }

  /** Ends everything; `keep`: its folder with logs and data stays. */
  async close(keep = false): Promise<void> {
    await Promise.all(this.#stages.map((stage) => stage.kill()));
    await this.gate.set('closed');
    await this.store.close();
    if (keep) await this.brokers.stop();
    else await this.brokers.remove();
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }
}

/** How to reach the engine of a data folder as a server. */
async function clickhouseUrl(dataDir: string): Promise<URL> {
  const runtime = JSON.parse(await readFile(path.join(dataDir, 'clickhouse', 'engine.json'), 'utf8')) as Record<
    'url' | 'user' | 'password' | 'database',
    string
  >;
  const url = new URL(runtime.url);
  url.username = runtime.user;
  url.password = runtime.password;
  url.pathname = runtime.database;
  return url;
}
