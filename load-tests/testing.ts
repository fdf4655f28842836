/** What tests here share. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Why a test that needs these programs can't run; false = it can. In CI nothing is skipped: there a missing program must make
 * the test fail.
 */
export function missingPrograms(...names: readonly string[]): string | false {
  if (process.env.CI === 'true') return false;
  const missing = names.filter((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error !== undefined);
  return missing.length === 0 ? false : `NOT TESTED: ${missing.join(', ')} isn't installed`;
}

/** Runs `work` with an empty folder that is gone afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bittern-test-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
