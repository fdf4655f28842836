/**
 * Generates traffic, has `./bittern replay` store it, and compares what was stored with the manifest:
 *
 *     node load-tests/verify.ts --seed 7 --calls 600 [--loss 0.001] [any other option of generator/main.ts]
 *
 * Prints the differences; ends with 1 if there are any. The files stay only when there are.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compare, type Row } from './compare.ts';
import { readManifest } from './manifest.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT_BYTES_MAX = 512 * 1024 * 1024;
const DIFFERENCES_SHOWN = 40;

function run(program: string, args: readonly string[]): string {
  const result = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX });
  if (result.status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${result.status}: ${result.stderr}`);
  return result.stdout;
}

const folder = mkdtempSync(join(tmpdir(), 'bittern-verify-'));
const pcap = join(folder, 'x.pcap');
const data = join(folder, 'data');
process.stdout.write(run(process.execPath, ['load-tests/generator/main.ts', '--out', pcap, ...process.argv.slice(2)]));
run('./bittern', ['replay', pcap, '--data', data]);
const text = run('./bittern', ['sql', '--data', data, '--format', 'JSONEachRow', 'SELECT * FROM calls']);
const rows = text
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as Row);
const { differences, exact, flagged, unseen } = compare(await readManifest(join(folder, 'x.manifest.jsonl')), rows);
for (const difference of differences.slice(0, DIFFERENCES_SHOWN)) process.stdout.write(`${difference}\n`);
process.stdout.write(
  `${rows.length} rows: ${exact} exact, ${flagged} flagged, ${unseen} unseen, ${differences.length} differences\n`,
);
if (differences.length === 0) rmSync(folder, { recursive: true });
else {
  process.stdout.write(`The capture, its manifest and the database are in ${folder}\n`);
  process.exitCode = 1;
}
