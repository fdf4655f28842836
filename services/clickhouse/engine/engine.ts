/**
 * The embedded engine of one data folder: started, or found running and shared; restarted when it crashes.
 *
 *     DIR/clickhouse/store/       ClickHouse's data
 *     DIR/clickhouse/config-….xml generated at every start, mode 0600
 *     DIR/clickhouse/engine.json  who runs and how to reach it (runtime-file.ts), mode 0600
 *     DIR/clickhouse/lock         locked by the kernel while an engine runs
 *     DIR/engine.log              what the engine says, bounded
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { BitternError } from '../../common/errors.ts';
import { ENGINE_DEFAULTS, type Engine, type EngineOptions } from './options.ts';
import { OwnedEngine } from './owned-engine.ts';
import { engineLibrary, thisMachine } from './platform.ts';
import { engineAnswers, readRuntimeFile } from './runtime-file.ts';
import { SharedEngine } from './shared-engine.ts';

const LOCKED_RETRY_MS = 50;

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
    if (runtime !== null && (await engineAnswers(runtime, 2000))) return new SharedEngine(options, folder, runtime);
    const library = engineLibrary(thisMachine());
    makeFolder(path.join(folder, 'store'));
    const engine = new OwnedEngine(options, folder, library);
    if (await engine.start()) return engine;
    // Another process is starting or stopping one: look again.
    if (performance.now() > deadline) {
      throw new BitternError(
        'BIT_ENGINE_FAILED',
        `Another process holds ${folder}/lock but its engine does not answer: end it, or use another data folder.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LOCKED_RETRY_MS));
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
