/** An engine that another process started. When that process ends, this one takes the engine over, at the same address. */
import path from 'node:path';
import { ENGINE_DEFAULTS, type Engine, type EngineOptions } from './options.ts';
import { OwnedEngine } from './owned-engine.ts';
import { engineLibrary, thisMachine } from './platform.ts';
import { type EngineRuntime, isAlive, readRuntimeFile } from './runtime-file.ts';

export class SharedEngine implements Engine {
  readonly owned = false;
  readonly #options: EngineOptions;
  readonly #folder: string;
  #runtime: EngineRuntime;
  #heir: OwnedEngine | null = null;
  #closed = false;
  #checking: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  constructor(options: EngineOptions, folder: string, runtime: EngineRuntime) {
    this.#options = options;
    this.#folder = folder;
    this.#runtime = runtime;
    let busy = false;
    this.#timer = setInterval(() => {
      if (busy) return;
      busy = true;
      this.#checking = this.#check().finally(() => {
        busy = false;
      });
    }, ENGINE_DEFAULTS.takeOverCheckMs).unref();
  }

  get runtime(): EngineRuntime {
    return this.#heir?.runtime ?? this.#runtime;
  }

  get pid(): number {
    return this.runtime.enginePid;
  }

  get restarts(): number {
    return this.#heir?.restarts ?? 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#checking;
    await this.#heir?.close();
  }

  async #check(): Promise<void> {
    const runtime = readRuntimeFile(path.join(this.#folder, 'engine.json'));
    if (runtime?.displayName === this.#runtime.displayName) this.#runtime = runtime;
    const running = runtime !== null && isAlive(runtime.supervisorPid);
    if (running || this.#closed) return;
    const heir = new OwnedEngine(this.#options, this.#folder, engineLibrary(thisMachine()), this.#runtime);
    try {
      // False: the engine is still stopping, or another process was faster; the next check sees it.
      if (!(await heir.start())) return;
    } catch {
      return; // Its log says why; the next check tries again.
    }
    clearInterval(this.#timer);
    this.#heir = heir;
  }
}
