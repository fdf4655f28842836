/** Programs in Go for tests, each built once into `.cache` from the Go module proxy. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildOnce, isOnPath } from './kafka/distribution.ts';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../.cache', import.meta.url));
/** Where scripts/test.sh puts Go when the machine has none. */
const OWN_GO = path.join(CACHE, 'go/go/bin/go');
const BUILD_TIMEOUT_MS = 600_000;

export interface GoProgram {
  /** False when it can be had; else why not. */
  obstacle(): string | false;
  /** Builds it unless it is there. @returns the program */
  get(): Promise<string>;
}

/** `name`: folder in `.cache`, which scripts/test.sh knows. */
export function goProgram(sources: URL, name: string): GoProgram {
  const folder = fileURLToPath(sources);
  /** Other sources are another program. */
  const program = (): string => {
    const hash = createHash('sha256');
    for (const file of readdirSync(folder).sort()) hash.update(readFileSync(path.join(folder, file)));
    return path.join(CACHE, name, hash.digest('hex').slice(0, 16), 'client');
  };
  return {
    obstacle: () => {
      const found = existsSync(OWN_GO) || isOnPath('go') || existsSync(program());
      return found || process.env.CI === 'true' ? false : 'NOT TESTED: Go is not installed';
    },
    get: async () => {
      const built = program();
      if (existsSync(built)) return built;
      await buildOnce(path.dirname(built), async (dir) => {
        const go = existsSync(OWN_GO) ? OWN_GO : 'go';
        const env = { ...process.env, CGO_ENABLED: '0' };
        const options = { cwd: folder, timeout: BUILD_TIMEOUT_MS, env };
        await run(go, ['build', '-trimpath', '-o', path.join(dir, 'client'), '.'], options);
      });
      return built;
    },
  };
}
