/**
 * Reads the configuration: the file, then environment variables over it, then validation with all errors told at once.
 *
 * Every setting has an environment variable: `BITTERN_` and its path in capitals, `capture.frameDelayMs` →
 * `BITTERN_CAPTURE_FRAME_DELAY_MS`. Lists are separated by commas, maps are `name=value` pairs separated by commas.
 * `CLICKHOUSE_URL` is the well-known name of `clickhouse.url`.
 */
import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { BitternError } from '../common/errors.ts';
import { type Setting, settingsOf } from './describe.ts';
import { type Config, configSchema } from './schema.ts';

export const CONFIG_FILE_DEFAULT = 'bittern.yaml';

export interface LoadedConfig {
  readonly config: Config;
  /** Settings that don't have their default, and where each came from: `file` or the name of the variable. */
  readonly sources: ReadonlyMap<string, string>;
  /** Path of the file that was read; null when there is none. */
  readonly file: string | null;
}

export interface LoadOptions {
  /** Explicit path: must exist. Without it `bittern.yaml` in the current folder is read if it is there. */
  readonly file?: string | undefined;
  readonly env?: NodeJS.ProcessEnv;
  /** Values from the command line: highest precedence. */
  readonly overrides?: Readonly<Record<string, unknown>>;
}

/** @throws BitternError BIT_CONFIG_INVALID naming every problem by path */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig> {
  const problems: string[] = [];
  const sources = new Map<string, string>();
  const { tree, file } = await readFileTree(options.file, problems);
  recordLeaves(tree, '', (path) => sources.set(path, 'file'));
  applyEnvironment(tree, options.env ?? process.env, sources, problems);
  for (const [path, value] of Object.entries(options.overrides ?? {})) {
    if (value === undefined) continue;
    setPath(tree, path, value);
    sources.set(path, 'command line');
  }
  const parsed = configSchema.safeParse(tree);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) problems.push(`${issue.path.join('.') || '(file)'}: ${issue.message}`);
  }
  if (problems.length > 0 || !parsed.success) {
    const where = file === null ? 'The configuration' : `The configuration (${file})`;
    throw new BitternError(
      'BIT_CONFIG_INVALID',
      `${where} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\n'bittern config --example' prints a file with every setting explained.`,
    );
  }
  return { config: parsed.data, sources, file };
}

type Tree = Record<string, unknown>;

async function readFileTree(
  path: string | undefined,
  problems: string[],
): Promise<{ tree: Tree; file: string | null }> {
  const file = path ?? CONFIG_FILE_DEFAULT;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (path === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return { tree: {}, file: null };
    problems.push(`(file): can't read '${file}': ${(error as Error).message}`);
    return { tree: {}, file };
  }
  const document = parseDocument(text);
  for (const error of document.errors) problems.push(`(file): ${error.message.split('\n')[0]}`);
  if (document.errors.length > 0) return { tree: {}, file };
  const tree: unknown = document.toJS() ?? {};
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    problems.push('(file): must be a mapping of settings');
    return { tree: {}, file };
  }
  return { tree: tree as Tree, file };
}

function applyEnvironment(tree: Tree, env: NodeJS.ProcessEnv, sources: Map<string, string>, problems: string[]): void {
  const settings = settingsOf();
  const known = new Map(settings.flatMap((setting) => setting.variables.map((name) => [name, setting] as const)));
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || text === '') continue;
    const setting = known.get(name);
    if (setting !== undefined) {
      setPath(tree, setting.path, parseText(setting, text));
      sources.set(setting.path, name);
    } else if (name.startsWith('BITTERN_')) {
      problems.push(`${name}: there is no such setting`);
    }
  }
}

/** A text that doesn't fit its type is passed on as it is, so that validation names the path. */
function parseText(setting: Setting, text: string): unknown {
  switch (setting.type) {
    case 'integer':
    case 'number':
      return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
    case 'boolean':
      return /^(true|1|yes|on)$/i.test(text) ? true : /^(false|0|no|off)$/i.test(text) ? false : text;
    case 'list':
      return text.split(',').map((item) => item.trim());
    case 'map':
      return Object.fromEntries(
        text.split(',').map((pair) => {
          const at = pair.indexOf('=');
          return at < 0 ? [pair.trim(), ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
        }),
      );
    case 'text':
      return text;
  }
}

function setPath(tree: Tree, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? path;
  let at = tree;
  for (const name of names) {
    const next = at[name];
    if (typeof next === 'object' && next !== null && !Array.isArray(next)) at = next as Tree;
    else at = at[name] = {};
  }
  at[last] = value;
}

function recordLeaves(tree: Tree, prefix: string, record: (path: string) => void): void {
  for (const [name, value] of Object.entries(tree)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      recordLeaves(value as Tree, `${prefix}${name}.`, record);
    else record(prefix + name);
  }
}
