/**
 * The embedded engine of one data folder: started, or found running and shared; restarted when it crashes.
 *
 *     DIR/clickhouse/store/       ClickHouse's data
 *     DIR/clickhouse/config-….xml generated at every start, mode 0600
 *     DIR/clickhouse/engine.json  who runs and how to reach it (runtime-file.ts), mode 0600
 *     DIR/clickhouse/lock         locked by the kernel while an engine runs
 *     DIR/engine.log              what the engine says, bounded
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { BitternError } from '../../common/errors.ts';
import { writeEngineConfig } from './config.ts';
import { type EngineProcess, type EngineProcessOptions, freePort, startEngineProcess } from './engine-process.ts';
import { BoundedLog } from './log.ts';
import { engineLibrary, thisMachine } from './platform.ts';
import {
  type EngineRuntime,
  engineAnswers,
  readRuntimeFile,
  removeRuntimeFile,
  writeRuntimeFile,
} from './runtime-file.ts';

export const ENGINE_DEFAULTS = {
  memoryBytesMax: 1_000_000_000,
  readyTimeoutMs: 20_000,
  stopTimeoutMs: 20_000,
  /** Wait before the first restart; doubled each time, up to `restartDelayMsMax`; reset when an engine ran for a minute. */
  restartDelayMs: 50,
  restartDelayMsMax: 10_000,
  logBytesMax: 4_000_000,
  database: 'bittern',
} as const;

const USER = 'bittern';
const STEADY_MS = 60_000;
const LOCKED_RETRY_MS = 50;

export interface EngineOptions {
  readonly dataDir: string;
  readonly memoryBytesMax: number;
}

export interface Engine {
  readonly runtime: EngineRuntime;
  /** True when this process started it (and `close` stops it). */
  readonly owned: boolean;
  /** Pid of the engine's process as it is now. */
  readonly pid: number;
  /** How often it was restarted after a crash. */
  readonly restarts: number;
  close(): Promise<void>;
}

/**
 * Finds the engine of `dataDir` or starts it, at most `readyTimeoutMs` each.
 * @throws BitternError BIT_ENGINE_UNAVAILABLE on a machine that can't run it, BIT_ENGINE_FAILED when it doesn't start, BIT_DATA_DIR.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const folder = path.join(path.resolve(options.dataDir), 'clickhouse');
  const runtimeFile = path.join(folder, 'engine.json');
  const deadline = performance.now() + ENGINE_DEFAULTS.readyTimeoutMs;
  for (;;) {
    const runtime = readRuntimeFile(runtimeFile);
    if (runtime !== null && (await engineAnswers(runtime, 2000))) return attached(runtime);
    const library = engineLibrary(thisMachine());
    makeFolder(path.join(folder, 'store'));
    const engine = new OwnedEngine(options, folder, runtimeFile, library);
    if (await engine.start()) return engine;
    // Another process is starting or stopping one: look again.
    if (performance.now() > deadline) {
      throw new BitternError(
        'BIT_ENGINE_FAILED',
        `Another process holds ${folder}/lock but its engine does not answer: end it, or use another data folder.`,
      );
    }
    await sleep(LOCKED_RETRY_MS);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new BitternError(
      'BIT_DATA_DIR',
      `The data folder can't be used: ${(cause as Error).message}. Choose one that this user may write to (--data DIR).`,
      { cause },
    );
  }
}

function attached(runtime: EngineRuntime): Engine {
  return { runtime, owned: false, pid: runtime.enginePid, restarts: 0, close: () => Promise.resolve() };
}

class OwnedEngine implements Engine {
  readonly owned = true;
  restarts = 0;
  readonly #options: EngineOptions;
  readonly #folder: string;
  readonly #runtimeFile: string;
  readonly #library: string;
  readonly #password = randomBytes(24).toString('base64url');
  readonly #displayName = `bittern-${randomBytes(12).toString('hex')}`;
  readonly #log: BoundedLog;
  #port = 0;
  #process: EngineProcess | null = null;
  #supervision: Promise<void> = Promise.resolve();
  readonly #closed = new AbortController();

  constructor(options: EngineOptions, folder: string, runtimeFile: string, library: string) {
    this.#options = options;
    this.#folder = folder;
    this.#runtimeFile = runtimeFile;
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
    // A port may be taken between finding and using it; three times in a row it isn't chance.
    for (let attempt = 0; attempt < 3; attempt++) {
      this.#port = await freePort();
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
