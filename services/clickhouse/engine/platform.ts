/** Can this machine run the embedded engine? It is a shared library from npm for linux-x64 with glibc and AVX2 only. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { BitternError } from '../../common/errors.ts';

const LIBRARY_PACKAGE = '@chdb/lib-linux-x64-gnu';

/** What the check looks at; tests pass other machines. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Version of glibc; undefined on musl. */
  readonly glibc: string | undefined;
  /** Text of /proc/cpuinfo. */
  readonly cpuinfo: string;
  /** Absolute path of libchdb.so; undefined when the optional package isn't installed. */
  readonly library: string | undefined;
}

export function thisMachine(): Machine {
  const report = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  return {
    platform: process.platform,
    arch: process.arch,
    glibc: report.header?.glibcVersionRuntime,
    cpuinfo: existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '',
    library: findLibrary(),
  };
}

/** Returns the absolute path of the engine's library. @throws BitternError BIT_ENGINE_UNAVAILABLE where it can't run. */
export function engineLibrary(machine: Machine): string {
  const problem = engineProblem(machine);
  if (problem !== null) {
    throw new BitternError(
      'BIT_ENGINE_UNAVAILABLE',
      `The embedded ClickHouse can't run here: ${problem}. Set CLICKHOUSE_URL to a ClickHouse server (24.8 or newer), for example http://user:password@host:8123/bittern.`,
    );
  }
  return machine.library!;
}

function engineProblem(machine: Machine): string | null {
  if (machine.platform !== 'linux' || machine.arch !== 'x64') {
    return `it exists for linux-x64 only, and this is ${machine.platform}-${machine.arch}`;
  }
  if (machine.glibc === undefined) return 'it needs glibc, and this system has another C library (musl?)';
  if (!/\bavx2\b/.test(machine.cpuinfo)) return 'it needs a CPU with AVX2';
  if (machine.library === undefined)
    return `the optional package ${LIBRARY_PACKAGE} or ffi-rs is not installed (npm ci)`;
  return null;
}

function findLibrary(): string | undefined {
  try {
    const require = createRequire(import.meta.url);
    require.resolve('ffi-rs');
    const library = path.join(path.dirname(require.resolve(LIBRARY_PACKAGE)), 'libchdb.so');
    return existsSync(library) ? library : undefined;
  } catch {
    return undefined;
  }
}
