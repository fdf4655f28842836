/** The engine's supervisor. */
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { BitternError } from '../../common/errors.ts';
import { writeEngineConfig } from './config.ts';
import { type EngineProcess, type EngineProcessOptions, freePort, startEngineProcess } from './engine-process.ts';
import { BoundedLog } from './log.ts';
import { ENGINE_DEFAULTS, type Engine, type EngineOptions } from './options.ts';
import { type EngineRuntime, readRuntimeFile, removeRuntimeFile, writeRuntimeFile } from './runtime-file.ts';

const USER = 'bittern';
const STEADY_MS = 60_000;

/** An engine that this process started: it restarts it when it crashes, and stops it. */
export class OwnedEngine implements Engine {
  readonly owned = true;
  restarts = 0;
  readonly #options: EngineOptions;
  readonly #folder: string;
  readonly #runtimeFile: string;
  readonly #library: string;
  readonly #password: string;
  readonly #displayName: string;
  readonly #log: BoundedLog;
  /** 0: any free port. */
  #port: number;
  #process: EngineProcess | null = null;
  #supervision: Promise<void> = Promise.resolve();
  readonly #closed = new AbortController();

  /** `heir`: the engine whose supervisor ended; its address and password stay, so that its clients go on. */
  constructor(options: EngineOptions, folder: string, library: string, heir?: EngineRuntime) {
    this.#options = options;
    this.#folder = folder;
    this.#runtimeFile = path.join(folder, 'engine.json');
    this.#password = heir?.password ?? randomBytes(24).toString('base64url');
    this.#displayName = heir?.displayName ?? `bittern-${randomBytes(12).toString('hex')}`;
    this.#port = heir === undefined ? 0 : Number(new URL(heir.url).port);
    this.#library = library;
    this.#log = new BoundedLog(path.join(path.dirname(folder), 'engine.log'), ENGINE_DEFAULTS.logBytesMax);
  }

  get runtime(): EngineRuntime {
    return {
      supervisorPid: process.pid,
      enginePid: this.pid,
      url: `http://127.0.0.1:${this.#port}`,
      user: USER,
      password: this.#password,
      database: ENGINE_DEFAULTS.database,
      displayName: this.#displayName,
    };
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  /** False when another engine has the folder. */
  async start(): Promise<boolean> {
    let reason = '';
    const anyPort = this.#port === 0;
    // A port may be taken between finding and using it; three times in a row it isn't chance.
    for (let attempt = 0; attempt < 3; attempt++) {
      if (anyPort) this.#port = await freePort();
      const result = await startEngineProcess(this.#processOptions());
      if (result.kind === 'locked') {
        this.#removeConfig();
        return false;
      }
      if (result.kind === 'ready') {
        this.#adopt(result.process);
        this.#supervision = this.#supervise(result.process);
        return true;
      }
      reason = result.reason;
      this.#log.note(`the engine ${reason}`);
    }
    throw new BitternError(
      'BIT_ENGINE_FAILED',
      `The embedded ClickHouse ${reason}. See ${this.#log.file}, or set CLICKHOUSE_URL to a ClickHouse server.`,
    );
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return this.#supervision;
    this.#closed.abort();
    const runtime = readRuntimeFile(this.#runtimeFile);
    if (runtime?.displayName === this.#displayName) removeRuntimeFile(this.#runtimeFile);
    await this.#process?.stop(ENGINE_DEFAULTS.stopTimeoutMs);
    await this.#supervision;
    this.#removeConfig();
  }

  #removeConfig(): void {
    rmSync(path.join(this.#folder, this.#configName()), { force: true });
  }

  #configName(): string {
    return `config-${this.#displayName}.xml`;
  }

  #adopt(engine: EngineProcess): void {
    this.#process = engine;
    for (const file of readdirSync(this.#folder)) {
      // What killed processes left behind. Whoever just wrote one finds the folder locked.
      if (file.startsWith('config-') && file !== this.#configName())
        rmSync(path.join(this.#folder, file), { force: true });
    }
    writeRuntimeFile(this.#runtimeFile, this.runtime);
  }

  /** Restarts the engine on the same port with the same password, so that clients need not notice more than failed requests. */
  async #supervise(first: EngineProcess): Promise<void> {
    let engine = first;
    let delayMs: number = ENGINE_DEFAULTS.restartDelayMs;
    for (;;) {
      const started = performance.now();
      const how = await engine.exited;
      if (this.#closed.signal.aborted) return;
      if (performance.now() - started > STEADY_MS) delayMs = ENGINE_DEFAULTS.restartDelayMs;
      this.#log.note(`the engine (pid ${engine.pid}) ${how}; starting it again in ${delayMs} ms`);
      const next = await this.#restart(delayMs);
      if (next === null) return;
      engine = next;
      delayMs = Math.min(delayMs * 2, ENGINE_DEFAULTS.restartDelayMsMax);
    }
  }

  async #restart(firstDelayMs: number): Promise<EngineProcess | null> {
    for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 2, ENGINE_DEFAULTS.restartDelayMsMax)) {
      await sleep(delayMs, this.#closed.signal);
      if (this.#closed.signal.aborted) return null;
      const result = await startEngineProcess(this.#processOptions());
      if (result.kind === 'ready') {
        this.restarts++;
        if (this.#closed.signal.aborted) {
          await result.process.stop(ENGINE_DEFAULTS.stopTimeoutMs);
          return null;
        }
        this.#adopt(result.process);
        return result.process;
      }
      this.#log.note(result.kind === 'locked' ? 'another engine has taken the folder' : `the engine ${result.reason}`);
    }
  }

  #processOptions(): EngineProcessOptions {
    // A name of its own: two processes that start at once must not write each other's file.
    const configFile = path.join(this.#folder, this.#configName());
    const secrets = { user: USER, password: this.#password, displayName: this.#displayName };
    writeEngineConfig(configFile, {
      ...secrets,
      database: ENGINE_DEFAULTS.database,
      memoryBytesMax: this.#options.memoryBytesMax,
    });
    return {
      ...secrets,
      configFile,
      library: this.#library,
      lockFile: path.join(this.#folder, 'lock'),
      storeDir: path.join(this.#folder, 'store'),
      port: this.#port,
      readyTimeoutMs: ENGINE_DEFAULTS.readyTimeoutMs,
      log: this.#log,
    };
  }
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener('abort', stop, { once: true });
  });
}
