/**
 * A real Kafka broker in a folder of its own, alone or as a node of a cluster (cluster.ts): `start`, `stop`, `kill` (-9) and `start` again on the same data and ports.
 * Everything that another process needs to find it stands in `broker.json`.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BitternError } from '../../services/common/errors.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import { buildOnce, fetchDistribution, KAFKA_DISTRIBUTION } from './distribution.ts';
import { type BrokerPorts, type ClusterPlace, serverProperties, TEST_USER } from './settings.ts';

const run = promisify(execFile);
const LOG_SETTINGS = fileURLToPath(new URL('./log4j2.properties', import.meta.url));
const STARTED = 'Kafka Server started';

export const KAFKA_BROKER_DEFAULTS = {
  heapMegabytes: 320,
  startTimeoutMs: 90_000,
  stopTimeoutMs: 20_000,
} as const;

interface BrokerState {
  readonly ports: BrokerPorts;
  readonly certificates: Certificates;
  readonly pid: number | null;
}

export class KafkaBroker {
  readonly dir: string;
  readonly certificates: Certificates;
  readonly #ports: BrokerPorts;
  #pid: number | null;
  #child: ChildProcess | null = null;

  private constructor(dir: string, state: BrokerState) {
    this.dir = dir;
    this.certificates = state.certificates;
    this.#ports = state.ports;
    this.#pid = state.pid;
  }

  /** Makes a broker in `dir`, or opens the one that is there. Doesn't start it. `place`: left out for one that is alone. */
  static async open(dir: string, place?: ClusterPlace): Promise<KafkaBroker> {
    const file = path.join(dir, 'broker.json');
    if (existsSync(file)) return new KafkaBroker(dir, JSON.parse(await readFile(file, 'utf8')) as BrokerState);
    await mkdir(dir, { recursive: true });
    const [plaintext, saslSsl, mtls, controller] = await freePorts(4);
    const own = place?.controllerPorts[place.node - 1];
    const ports = { plaintext: plaintext!, saslSsl: saslSsl!, mtls: mtls!, controller: own ?? controller! };
    const certificates = await makeCertificates(dir);
    const dataDir = path.join(dir, 'data');
    const settingsFile = path.join(dir, 'server.properties');
    await writeFile(settingsFile, serverProperties(ports, dataDir, certificates, place));
    await formatStorage(dir, dataDir, ports, certificates, place);
    const broker = new KafkaBroker(dir, { ports, certificates, pid: null });
    await broker.#save();
    return broker;
  }

  /** `host:port` of each listener. */
  get plaintext(): string {
    return `127.0.0.1:${this.#ports.plaintext}`;
  }
  get saslSsl(): string {
    return `127.0.0.1:${this.#ports.saslSsl}`;
  }
  get mtls(): string {
    return `127.0.0.1:${this.#ports.mtls}`;
  }

  get pid(): number | null {
    return this.#pid;
  }

  get running(): boolean {
    return this.#pid !== null && isAlive(this.#pid);
  }

  /** @param detached the broker outlives this process. @throws BitternError when it isn't ready in time. */
  async start(detached = false): Promise<void> {
    if (this.running) return;
    const library = await fetchDistribution();
    const logFile = path.join(this.dir, 'kafka.log');
    const before = existsSync(logFile) ? readFileSync(logFile).length : 0;
    const log = openSync(logFile, 'a');
    const heap = `-Xmx${KAFKA_BROKER_DEFAULTS.heapMegabytes}m`;
    // One compiler tier and the serial collector: a test broker should start soon and stay small.
    const java = [
      heap,
      '-Xms128m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j2.configurationFile=${LOG_SETTINGS}`,
    ];
    const child = spawn(
      'java',
      [...java, '-cp', `${library}/*`, 'kafka.Kafka', path.join(this.dir, 'server.properties')],
      {
        stdio: ['ignore', log, log],
        detached,
      },
    );
    this.#child = child;
    this.#pid = child.pid ?? null;
    await this.#save();
    if (detached) child.unref();
    else endWithProcess(child);
    await this.#untilStarted(logFile, before);
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM', KAFKA_BROKER_DEFAULTS.stopTimeoutMs);
  }

  /** As a power cut for the process: nothing is flushed, no client is told. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL', KAFKA_BROKER_DEFAULTS.stopTimeoutMs);
  }

  /** Stops the process in its tracks (SIGSTOP) or lets it go on (SIGCONT): connections stay open and nobody answers. */
  freeze(frozen: boolean): void {
    if (this.#pid !== null) process.kill(this.#pid, frozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Ends the broker and removes its folder. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals, timeoutMs: number): Promise<void> {
    const pid = this.#pid;
    if (pid === null || !isAlive(pid)) return;
    process.kill(pid, signal);
    const deadline = Date.now() + timeoutMs;
    while (isAlive(pid)) {
      if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
      await sleep(20);
    }
    this.#pid = null;
    this.#child = null;
    await this.#save();
  }

  async #untilStarted(logFile: string, from: number): Promise<void> {
    const deadline = Date.now() + KAFKA_BROKER_DEFAULTS.startTimeoutMs;
    while (!readFileSync(logFile).subarray(from).includes(STARTED)) {
      if (Date.now() > deadline || this.#child?.exitCode != null) {
        const tail = readFileSync(logFile, 'utf8').slice(-1500);
        throw new BitternError('BIT_TEST_BROKER_START', `The test broker did not start; its log ends with:\n${tail}`);
      }
      await sleep(50);
    }
  }

  async #save(): Promise<void> {
    const state: BrokerState = { ports: this.#ports, certificates: this.certificates, pid: this.#pid };
    await writeFile(path.join(this.dir, 'broker.json'), `${JSON.stringify(state, null, 2)}\n`);
  }
}

/** Formatting takes a JVM of its own (seconds), and its result holds no port and no path: made once, then copied. */
async function formatStorage(
  dir: string,
  dataDir: string,
  ports: BrokerPorts,
  certificates: Certificates,
  place: ClusterPlace | undefined,
): Promise<void> {
  const library = await fetchDistribution();
  const node = place === undefined ? '' : `-${place.node}-of-${place.controllerPorts.length}`;
  const template = path.join(KAFKA_DISTRIBUTION.cacheDir, `formatted-${KAFKA_DISTRIBUTION.version}${node}`);
  if (!existsSync(template)) {
    await buildOnce(template, async (target) => {
      const settingsFile = path.join(dir, 'format.properties');
      await writeFile(settingsFile, serverProperties(ports, target, certificates, place));
      const user = `[name=${TEST_USER.username},password=${TEST_USER.password}]`;
      const scram = ['--add-scram', `SCRAM-SHA-256=${user}`, '--add-scram', `SCRAM-SHA-512=${user}`];
      const clusterId = Buffer.from('bittern-test-kft').toString('base64url');
      const tool = ['-cp', `${library}/*`, `-Dlog4j2.configurationFile=${LOG_SETTINGS}`, 'kafka.tools.StorageTool'];
      await run('java', [...tool, 'format', '-t', clusterId, '-c', settingsFile, ...scram]);
    });
  }
  await cp(template, dataDir, { recursive: true });
}

/** Ports of 127.0.0.1 that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** For as long as it runs: a broker may be started again and again. */
function endWithProcess(child: ChildProcess): void {
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A killed child that isn't reaped yet still takes signals.
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/\) [ZX] /.test(readFileSync(stat, 'latin1'));
}
