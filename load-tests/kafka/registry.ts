/**
 * A real schema registry for tests: Apicurio Registry with its in-memory store, fetched once from Maven Central into
 * `.cache/kafka`. It speaks Confluent's REST API below `/apis/ccompat/v7`.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { BitternError } from '../../services/common/errors.ts';
import { freePorts } from './broker.ts';
import { buildOnce, isOnPath, KAFKA_DISTRIBUTION } from './distribution.ts';

const run = promisify(execFile);

export const REGISTRY_DISTRIBUTION = {
  /** Later ones need more than Java 17. */
  version: '3.0.9',
  heapMegabytes: 320,
  startTimeoutMs: 90_000,
} as const;

export class RegistryServer {
  readonly #child: ChildProcess;
  readonly #dir: string;
  readonly #port: number;

  private constructor(child: ChildProcess, dir: string, port: number) {
    this.#child = child;
    this.#dir = dir;
    this.#port = port;
  }

  /** @param port where it listens; without it a free one. @throws BitternError when it can't be fetched or isn't ready in time. */
  static async start(port?: number): Promise<RegistryServer> {
    const home = await fetchRegistry();
    const dir = await mkdtemp(path.join(tmpdir(), 'bittern-registry-'));
    const at = port ?? (await freePorts(1))[0]!;
    const java = [
      ...[`-Xmx${REGISTRY_DISTRIBUTION.heapMegabytes}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
      ...['-Dquarkus.http.host=127.0.0.1', `-Dquarkus.http.port=${at}`],
      ...['-Dapicurio.storage.kind=sql', '-Dapicurio.storage.sql.kind=h2'],
    ];
    const jar = path.join(home, `apicurio-registry-app-${REGISTRY_DISTRIBUTION.version}-runner.jar`);
    const child = spawn('java', [...java, '-jar', jar], { stdio: 'ignore', cwd: dir });
    const server = new RegistryServer(child, dir, at);
    await server.#untilReady();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** Base of its Confluent API. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/apis/ccompat/v7`;
  }

  /** Ends it (-9) and everything that it knew. */
  async remove(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await ended;
    }
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #untilReady(): Promise<void> {
    const deadline = Date.now() + REGISTRY_DISTRIBUTION.startTimeoutMs;
    for (;;) {
      const ready = await fetch(`${this.url}/subjects`).then(
        (answer) => answer.ok,
        () => false,
      );
      if (ready) return;
      if (Date.now() > deadline || this.#child.exitCode !== null) {
        await this.remove();
        throw new BitternError('BIT_TEST_REGISTRY_START', 'The test registry did not start: does it have Java 17?');
      }
      await sleep(100);
    }
  }
}

/** What is needed on the machine and isn't there. Maven is needed only for the first fetch. */
export function missingForRegistry(): readonly string[] {
  const wanted = existsSync(homeDir()) ? ['java'] : ['java', 'mvn'];
  return wanted.filter((tool) => !isOnPath(tool));
}

function homeDir(): string {
  return path.join(KAFKA_DISTRIBUTION.cacheDir, `registry-${REGISTRY_DISTRIBUTION.version}`);
}

async function fetchRegistry(): Promise<string> {
  const home = homeDir();
  if (existsSync(home)) return home;
  await buildOnce(home, async (dir) => {
    const artifact = `io.apicurio:apicurio-registry-app:${REGISTRY_DISTRIBUTION.version}:tar.gz:all`;
    const options = ['-q', '-B', 'dependency:unpack', `-Dartifact=${artifact}`, `-DoutputDirectory=${dir}`];
    // Not in a Maven project, and in a new folder: Maven remembers below it what it has unpacked.
    await run('mvn', options, {
      cwd: dir,
      timeout: KAFKA_DISTRIBUTION.fetchTimeoutMs,
    }).catch((cause: unknown) => {
      throw new BitternError(
        'BIT_TEST_REGISTRY_FETCH',
        'Maven could not fetch Apicurio Registry: is Maven Central reachable from here?',
        { cause },
      );
    });
  });
  return home;
}
