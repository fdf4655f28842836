/**
 * Apache Kafka as a folder of jars from Maven Central, fetched once into `.cache/kafka`. There is no mock broker in this
 * repository: what the bus promises depends on what a real group coordinator does.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BitternError } from '../../services/common/errors.ts';

const run = promisify(execFile);
const POM = fileURLToPath(new URL('./pom.xml', import.meta.url));

export const KAFKA_DISTRIBUTION = {
  version: '4.1.1',
  cacheDir: fileURLToPath(new URL('../../.cache/kafka', import.meta.url)),
  /** The download is about 55 MB. */
  fetchTimeoutMs: 300_000,
} as const;

/** What is needed on the machine and isn't there; empty when a broker can run. Maven is needed only for the first fetch. */
export function missingTools(): readonly string[] {
  const wanted = existsSync(libraryDir()) ? ['java', 'openssl'] : ['java', 'mvn', 'openssl'];
  return wanted.filter((tool) => !isOnPath(tool));
}

/** Fetches the jars unless they are there. @returns the folder that holds them. @throws BitternError when a tool is missing or the fetch fails. */
export async function fetchDistribution(): Promise<string> {
  const missing = missingTools();
  if (missing.length > 0) {
    throw new BitternError(
      'BIT_TEST_BROKER_TOOLS',
      `The test broker needs ${missing.join(', ')} on the PATH: install a Java runtime (17 or newer), Maven and OpenSSL.`,
    );
  }
  const library = libraryDir();
  if (existsSync(library)) return library;
  await buildOnce(library, async (dir) => {
    const options = ['-q', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${dir}`];
    await run('mvn', options, { timeout: KAFKA_DISTRIBUTION.fetchTimeoutMs }).catch((cause: unknown) => {
      throw new BitternError(
        'BIT_TEST_BROKER_FETCH',
        'Maven could not fetch Apache Kafka: is Maven Central reachable from here?',
        { cause },
      );
    });
  });
  return library;
}

/** Fills a folder beside `target` and moves it there in one step, so that test files that run at the same time can't see half of it. */
export async function buildOnce(target: string, fill: (dir: string) => Promise<void>): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true });
  const dir = await mkdtemp(`${target}.part-`);
  try {
    await fill(dir);
    await rename(dir, target);
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    // Another process was quicker: its folder is as good.
    if (!existsSync(target)) throw error;
  }
}

function libraryDir(): string {
  return path.join(KAFKA_DISTRIBUTION.cacheDir, `lib-${KAFKA_DISTRIBUTION.version}`);
}

export function isOnPath(tool: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$0"', tool], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
