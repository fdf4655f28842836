/** Inputs that once led to a fault, kept as tests: `crashes/<target, / as _>/<hash>.bin`. */
import { hash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, 'crashes');

const folderOf = (target: string): string => join(FOLDER, target.replaceAll('/', '_'));

/** Returns the path of the file. */
export function saveCrash(target: string, input: Uint8Array): string {
  const folder = folderOf(target);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${hash('sha256', input, 'hex').slice(0, 16)}.bin`);
  writeFileSync(path, input);
  return path;
}

export function crashesOf(target: string): readonly { readonly name: string; readonly input: Buffer }[] {
  let names: string[] = [];
  try {
    names = readdirSync(folderOf(target)).filter((name) => name.endsWith('.bin'));
  } catch {
    // Nothing was ever found there.
  }
  return names.sort().map((name) => ({ name, input: readFileSync(join(folderOf(target), name)) }));
}
