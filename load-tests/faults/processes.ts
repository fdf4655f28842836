/** The stages as processes that can be killed: started from the repository's own `bittern`, ended by pid only. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '../node-flags.ts';

const MAIN = fileURLToPath(new URL('../../services/cli/main.ts', import.meta.url));

/** Supervisors commonly kill what has not ended by then. */
export const STOP_TIMEOUT_MS = 10_000;

const HEALTH = /Health and metrics on (http:[\w.:/]+)/;

export interface StageSettings {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

export type StageKind = 'reassembler' | 'sink' | 'tracker';

export class StageProcess {
  readonly kind: StageKind;
  readonly name: string;
  readonly #args: readonly string[];
  readonly #settings: StageSettings;
  #child: ChildProcess | null = null;
  #frozen = false;
  #health = Promise.withResolvers<string>();

  /** `name`: its kind, and a number. */
  constructor(name: string, args: readonly string[], settings: StageSettings) {
    this.kind = name.slice(0, name.lastIndexOf('-')) as StageKind;
    this.name = name;
    this.#args = args;
    this.#settings = settings;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.running ? this.#child?.pid : undefined;
  }

  /** What it said on standard error, through all restarts. */
  get logFile(): string {
    return path.join(this.#settings.folder, `${this.name}.log`);
  }

  /** Where it tells its health, once it listens. */
  get health(): Promise<string> {
    return this.#health.promise;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  start(): void {
    if (this.running) return;
    const { folder, env } = this.#settings;
    const log = createWriteStream(this.logFile, { flags: 'a' });
    const health = Promise.withResolvers<string>();
    this.#health = health;
    const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, ...this.#args], {
      cwd: folder,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.pipe(log);
    child.stderr.on('data', (chunk: Buffer) => {
      const found = HEALTH.exec(chunk.toString());
      if (found !== null) health.resolve(found[1]!);
    });
    this.#child = child;
  }

  /** SIGKILL: nothing is finished, nothing is handed over. Resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM: it drains and hands over. Resolves when it is gone; false: it had to be killed. */
  async stop(): Promise<boolean> {
    const inTime = await this.#end('SIGTERM');
    if (!inTime) await this.kill();
    return inTime;
  }

  /** SIGSTOP, and SIGCONT after a while: connections stay open, and the process believes that no time has passed. */
  async freeze(durationMs: number): Promise<void> {
    const child = this.#child;
    if (child === null || !this.running) return;
    this.#frozen = true;
    child.kill('SIGSTOP');
    await sleep(durationMs);
    child.kill('SIGCONT');
    this.#frozen = false;
  }

  async #end(signal: NodeJS.Signals): Promise<boolean> {
    const child = this.#child;
    if (child === null || !this.running) return true;
    const gone = new Promise<true>((resolve) => child.once('exit', () => resolve(true)));
    child.kill(signal);
    return await Promise.race([gone, sleep(STOP_TIMEOUT_MS, false, { ref: false })]);
  }
}

/** Runs a command to its end. @returns standard output; throws with standard error when the exit code isn't 0 */
export function runBittern(args: readonly string[], settings: StageSettings): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, ...args], {
      cwd: settings.folder,
      env: settings.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.once('exit', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`bittern ${args.join(' ')} ended with ${code}: ${errors}`));
    });
  });
}
