/** A client in Go (`http2-go/`), built once into `.cache/http2-go` from the Go module proxy. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildOnce, isOnPath } from '../kafka/distribution.ts';

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL('./http2-go', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache/http2-go', import.meta.url));
/** Where scripts/test.sh puts Go when the machine has none. */
const OWN_GO = fileURLToPath(new URL('../../.cache/go/go/bin/go', import.meta.url));
const BUILD_TIMEOUT_MS = 600_000;

/** False when it can be had; else why not. */
export function goObstacle(): string | false {
  const found = existsSync(OWN_GO) || isOnPath('go') || existsSync(program());
  return found || process.env.CI === 'true' ? false : 'NOT TESTED: Go is not installed';
}

/** Other sources are another program. */
function program(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(SOURCES).sort()) hash.update(readFileSync(path.join(SOURCES, name)));
  return path.join(CACHE, hash.digest('hex').slice(0, 16), 'client');
}

/** Builds it unless it is there. @returns the program */
export async function goClient(): Promise<string> {
  const client = program();
  if (existsSync(client)) return client;
  await buildOnce(path.dirname(client), async (dir) => {
    const go = existsSync(OWN_GO) ? OWN_GO : 'go';
    const env = { ...process.env, CGO_ENABLED: '0' };
    const options = { cwd: SOURCES, timeout: BUILD_TIMEOUT_MS, env };
    await run(go, ['build', '-trimpath', '-o', path.join(dir, 'client'), '.'], options);
  });
  return client;
}
