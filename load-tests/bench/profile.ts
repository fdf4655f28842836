/**
 * Where the time of a profiled run went, from what `node --cpu-prof` wrote: functions by their own time; and files, native code counted
 * to the file of this repository that called it.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

const ROWS = 20;
const root = path.resolve(import.meta.dirname, '../..');
const COLLECTOR = '(garbage collector)';

/** The part of the `.cpuprofile` format that is read here (Chrome DevTools protocol, Profiler.Profile). */
interface Profile {
  readonly nodes: readonly Node[];
  readonly samples: readonly number[];
  /** Before each sample, µs. */
  readonly timeDeltas: readonly number[];
}

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

function fileOf({ callFrame }: Node): string {
  return callFrame.url.replace('file://', '').replace(`${root}/`, '');
}

function nameOf(node: Node): string {
  const { functionName, lineNumber } = node.callFrame;
  const file = fileOf(node);
  return `${functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
}

const isOurs = ({ callFrame: { url } }: Node): boolean => url.includes(root) && !url.includes('node_modules');

/** The file of the nearest caller that is ours. */
function callerOf(node: Node, parents: ReadonlyMap<number, Node>): string {
  if (node.callFrame.functionName === COLLECTOR) return COLLECTOR;
  let at: Node | undefined = node;
  while (at !== undefined && !isOurs(at)) at = parents.get(at.id);
  return at === undefined ? '(node)' : fileOf(at);
}

/** One line a function or file, those with the most time of their own first. */
export async function selfTimes(file: string): Promise<{ functions: string[]; files: string[] }> {
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(file, 'utf8')) as Profile;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node])));
  const spent = new Map<number, number>();
  for (const [at, id] of samples.entries()) spent.set(id, (spent.get(id) ?? 0) + (timeDeltas[at] ?? 0));
  const some = [...spent].map(([id, micros]) => [byId.get(id)!, micros] as const);
  return { functions: rowsOf(some, nameOf), files: rowsOf(some, (node) => callerOf(node, parents)) };
}

function rowsOf(spent: readonly (readonly [Node, number])[], groupOf: (node: Node) => string): string[] {
  const micros = new Map<string, number>();
  let all = 0;
  for (const [node, own] of spent) {
    const name = groupOf(node);
    micros.set(name, (micros.get(name) ?? 0) + own);
    all += own;
  }
  const rows = [...micros].sort((a, b) => b[1] - a[1]).slice(0, ROWS);
  return rows.map(([name, own]) => `${((own / all) * 100).toFixed(1).padStart(5)} %  ${name}`);
}
