/** One run of the engine's child process: spawn, wait until the right engine answers, stop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { LAUNCHER_EXIT } from './exit-codes.ts';
import type { BoundedLog } from './log.ts';
import { displayNameAt } from './runtime-file.ts';

export interface EngineProcessOptions {
  readonly library: string;
  readonly lockFile: string;
  readonly configFile: string;
  /** Folder of ClickHouse's data. */
  readonly storeDir: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly displayName: string;
  readonly readyTimeoutMs: number;
  readonly log: BoundedLog;
}

export type StartResult =
  | { readonly kind: 'ready'; readonly process: EngineProcess }
  /** Another engine has the folder. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'failed'; readonly reason: string };

const POLL_MS = 10;
const LAUNCHER = fileURLToPath(new URL('./launcher.ts', import.meta.url));

export class EngineProcess {
  readonly pid: number;
  /** Resolves with a sentence when the process is gone. */
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  #exitCode: number | null | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? -1;
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#exitCode = null;
        resolve(`could not be started: ${error.message}`);
      });
      child.once('exit', (code, signal) => {
        this.#exitCode = code;
        resolve(signal === null ? `ended with code ${code}` : `was killed by ${signal}`);
      });
    });
  }

  /** undefined while it runs. */
  get exitCode(): number | null | undefined {
    return this.#exitCode;
  }

  /** Asks it to stop; kills it when it doesn't within `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#exitCode !== undefined) return;
    this.#child.ref();
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), timeoutMs);
    await this.exited;
    clearTimeout(timer);
  }
}

/** Starts the engine and waits until it answers under its own name, at most `readyTimeoutMs`. */
export async function startEngineProcess(options: EngineProcessOptions): Promise<StartResult> {
  const engine = new EngineProcess(spawnLauncher(options));
  const deadline = performance.now() + options.readyTimeoutMs;
  const address = { url: `http://127.0.0.1:${options.port}`, user: options.user, password: options.password };
  while (performance.now() < deadline) {
    if (engine.exitCode !== undefined) {
      if (engine.exitCode === LAUNCHER_EXIT.locked) return { kind: 'locked' };
      return { kind: 'failed', reason: await engine.exited };
    }
    // A port that somebody else took answers with another name or not at all: the engine itself would stay silent.
    const name = await displayNameAt(address, 1000);
    if (name === options.displayName) return { kind: 'ready', process: engine };
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await engine.stop(0);
  return { kind: 'failed', reason: `did not answer on port ${options.port} within ${options.readyTimeoutMs} ms` };
}

function spawnLauncher(options: EngineProcessOptions): ChildProcess {
  const engineArguments = [
    `--path=${options.storeDir}`,
    `--config-file=${options.configFile}`,
    `--http_port=${options.port}`,
    '--listen_host=127.0.0.1',
  ];
  const child = spawn(process.execPath, [LAUNCHER, options.library, options.lockFile, ...engineArguments], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    cwd: options.storeDir,
    // Nothing of our environment (keys, tokens) is passed on.
    env: { PATH: process.env.PATH ?? '', TZ: 'UTC', LANG: 'C.UTF-8', HOME: options.storeDir },
  });
  child.stdout?.on('data', (bytes: Buffer) => options.log.write(bytes));
  child.stderr?.on('data', (bytes: Buffer) => options.log.write(bytes));
  // Neither the child nor its pipes keep the parent's event loop alive; its owner closes it.
  child.unref();
  child.channel?.unref();
  for (const pipe of [child.stdout, child.stderr]) (pipe as unknown as { unref?(): void } | null)?.unref?.();
  return child;
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
