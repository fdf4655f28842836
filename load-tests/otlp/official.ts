/** OTLP in protobuf as the official definitions read and write it: decode.py in the environment that scripts/test.sh makes. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PYTHON = fileURLToPath(new URL('../../.cache/opentelemetry-proto/bin/python', import.meta.url));
const SCRIPT = fileURLToPath(new URL('./decode.py', import.meta.url));
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

/** False or why tests on it can't run here; in CI that is a failure. */
export const skip =
  existsSync(PYTHON) || process.env.CI === 'true' ? false : 'opentelemetry-proto (Python) is not installed';

/** One answer a line, in order. */
export function official(lines: readonly object[]): unknown[] {
  const input = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const output = execFileSync(PYTHON, [SCRIPT], { input, maxBuffer: OUTPUT_BYTES_MAX, timeout: TIMEOUT_MS });
  return output
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}
