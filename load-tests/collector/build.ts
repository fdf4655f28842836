/**
 * A real OpenTelemetry Collector, built once into `.cache/collector` from the Go module proxy: what is sent is read by the code that users
 * send to, not by ours.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BitternError } from '../../services/common/errors.ts';
import { buildOnce, isOnPath } from '../kafka/distribution.ts';

const run = promisify(execFile);
const SETTINGS = fileURLToPath(new URL('./builder.yaml', import.meta.url));

const COLLECTOR = {
  version: '0.158.0',
  dir: fileURLToPath(new URL('../../.cache/collector/0.158.0', import.meta.url)),
  /** About a minute, several on a busy machine. */
  buildTimeoutMs: 1_200_000,
} as const;

const BINARY = path.join(COLLECTOR.dir, 'otelcol');

/** Where scripts/test.sh puts Go when the machine has none. */
const OWN_GO = fileURLToPath(new URL('../../.cache/go/go/bin/go', import.meta.url));

/** What is needed on the machine and isn't there; Go is needed only for the first build. */
export function missingTools(): readonly string[] {
  return existsSync(BINARY) || existsSync(OWN_GO) || isOnPath('go') ? [] : ['go'];
}

/** Builds it unless it is there. @returns the program. @throws BitternError when Go is missing or the build fails */
export async function fetchCollector(): Promise<string> {
  if (existsSync(BINARY)) return BINARY;
  if (missingTools().length > 0) {
    throw new BitternError(
      'BIT_TEST_COLLECTOR_TOOLS',
      'The test collector is built with Go (1.25 or newer): install it.',
    );
  }
  await buildOnce(COLLECTOR.dir, build).catch((cause: unknown) => {
    throw new BitternError(
      'BIT_TEST_COLLECTOR_BUILD',
      'The test collector could not be built: is proxy.golang.org reachable from here?',
      { cause },
    );
  });
  return BINARY;
}

async function build(dir: string): Promise<void> {
  const options = { cwd: dir, timeout: COLLECTOR.buildTimeoutMs, maxBuffer: 16 * 1024 * 1024 };
  const go = existsSync(OWN_GO) ? OWN_GO : 'go';
  // The builder calls `go` by its name.
  const PATH = `${path.dirname(OWN_GO)}:${process.env.PATH}`;
  const env = { ...process.env, PATH, GOBIN: path.join(dir, 'bin'), CGO_ENABLED: '0' };
  await run(go, ['install', `go.opentelemetry.io/collector/cmd/builder@v${COLLECTOR.version}`], { ...options, env });
  await mkdir(path.join(dir, 'build'), { recursive: true });
  await copyFile(SETTINGS, path.join(dir, 'builder.yaml'));
  await run(path.join(dir, 'bin', 'builder'), ['--config', 'builder.yaml'], { ...options, env });
  await rename(path.join(dir, 'build', 'otelcol'), path.join(dir, 'otelcol'));
  for (const rest of ['build', 'bin', 'builder.yaml']) await rm(path.join(dir, rest), { recursive: true, force: true });
}

if (import.meta.main) console.log(await fetchCollector());
