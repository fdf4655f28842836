/** Where the time of a profiled run went: functions by their own time, from what `node --cpu-prof` wrote. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const ROWS = 20;
const root = path.resolve(import.meta.dirname, '../..');

/** The part of the `.cpuprofile` format that is read here (Chrome DevTools protocol, Profiler.Profile). */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Before each sample, µs. */
  readonly timeDeltas: readonly number[];
}

function nameOf({ callFrame }: Profile['nodes'][number]): string {
  const { functionName, url, lineNumber } = callFrame;
  const file = url.replace('file://', '').replace(`${root}/`, '');
  return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
}

/** One line a function, those with the most time of their own first. */
export async function selfTimes(file: string): Promise<string[]> {
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(file, 'utf8')) as Profile;
  const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  const micros = new Map<string, number>();
  let all = 0;
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? '';
    const spent = timeDeltas[at] ?? 0;
    micros.set(name, (micros.get(name) ?? 0) + spent);
    all += spent;
  }
  const rows = [...micros].sort((a, b) => b[1] - a[1]).slice(0, ROWS);
  return rows.map(([name, own]) => `${((own / all) * 100).toFixed(1).padStart(5)} %  ${name}`);
}
