/** What all parts of the engine agree on. */
import type { EngineRuntime } from './runtime-file.ts';

export const ENGINE_DEFAULTS = {
  memoryBytesMax: 1_000_000_000,
  readyTimeoutMs: 20_000,
  stopTimeoutMs: 20_000,
  /** Wait before the first restart; doubled each time, up to `restartDelayMsMax`; reset when an engine ran for a minute. */
  restartDelayMs: 50,
  restartDelayMsMax: 10_000,
  /** How often a process that shares an engine looks whether its supervisor still lives. */
  takeOverCheckMs: 500,
  logBytesMax: 4_000_000,
  database: 'bittern',
} as const;

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
