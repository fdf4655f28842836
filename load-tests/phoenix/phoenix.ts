/** A real Phoenix (arize-phoenix from PyPI), installed once into `.cache/phoenix`: some 700 MB. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../collector/collector.ts';

export const PHOENIX_VERSION = '20.26.1';
const FOLDER = fileURLToPath(new URL(`../../.cache/phoenix/${PHOENIX_VERSION}`, import.meta.url));
const INSTALL_MS = 1_200_000;
const START_MS = 180_000;
const STOP_MS = 15_000;

function install(): string {
  const program = path.join(FOLDER, 'bin', 'phoenix');
  if (existsSync(program)) return program;
  const commands = [
    ['python3', '-m', 'venv', FOLDER],
    [path.join(FOLDER, 'bin', 'pip'), ...['install', '-q', '--disable-pip-version-check']].concat(
      `arize-phoenix==${PHOENIX_VERSION}`,
    ),
  ];
  for (const [command, ...args] of commands) {
    const { status } = spawnSync(command!, args, { stdio: 'inherit', timeout: INSTALL_MS });
    if (status !== 0) throw new Error(`Phoenix can't be installed: ${command} ended with ${status}.`);
  }
  return program;
}

export class Phoenix {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #dir: string;

  private constructor(url: string, child: ChildProcess, dir: string) {
    this.url = url;
    this.#child = child;
    this.#dir = dir;
  }

  /** Empty, on loopback. */
  static async start(): Promise<Phoenix> {
    const program = install();
    const dir = await mkdtemp(path.join(tmpdir(), 'bittern-phoenix-'));
    await mkdir(path.join(dir, 'data'));
    const port = await freePort();
    const env = {
      ...{ PATH: process.env.PATH, HOME: dir, PHOENIX_WORKING_DIR: path.join(dir, 'data'), PHOENIX_HOST: '127.0.0.1' },
      ...{
        PHOENIX_PORT: String(port),
        PHOENIX_GRPC_PORT: String(await freePort()),
        PHOENIX_TELEMETRY_ENABLED: 'false',
      },
    };
    const child = spawn(program, ['serve'], { env, stdio: 'ignore' });
    const phoenix = new Phoenix(`http://127.0.0.1:${port}`, child, dir);
    const deadline = Date.now() + START_MS;
    while (
      !(await fetch(`${phoenix.url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (child.exitCode !== null || Date.now() > deadline) {
        await phoenix.stop();
        throw new Error('Phoenix did not start.');
      }
      await sleep(500);
    }
    return phoenix;
  }

  async query(query: string): Promise<unknown> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    const { data, errors } = (await response.json()) as { readonly data?: unknown; readonly errors?: unknown };
    if (errors !== undefined) throw new Error(`Phoenix refuses the query: ${JSON.stringify(errors)}`);
    return data;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGTERM');
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(timer);
    }
    await rm(this.#dir, { recursive: true, force: true });
  }
}
