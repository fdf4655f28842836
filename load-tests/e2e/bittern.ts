/** Runs `bittern` as its users do: as a process of its own, with an environment of its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Row } from '../compare.ts';

export const MAIN = fileURLToPath(new URL('../../services/cli/main.ts', import.meta.url));

/** Not the environment of whoever runs the tests: a CLICKHOUSE_URL or BITTERN_… there must not matter here. */
const ENV = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  NODE_COMPILE_CACHE: path.join(tmpdir(), 'bittern-compile-cache'),
};
const ENDS_WITHIN_MS = 60_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Resolves when the process has ended. */
  readonly ended: Promise<Ran>;
  /** Resolves with the match when standard output or standard error shows it; rejects when the process ends before. */
  shows(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Standard input; `open`: what is written to `child.stdin`. */
  readonly input?: Buffer | 'open';
  /** Folders in which programs are looked for first. */
  readonly programs?: string;
  /** Variables of settings. */
  readonly settings?: Readonly<Record<string, string>>;
}

export function startBittern(args: readonly string[], options: RunOptions = {}): Running {
  const PATH = options.programs === undefined ? ENV.PATH : `${options.programs}:${ENV.PATH}`;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], {
    env: { ...ENV, PATH, ...options.settings },
    cwd: options.cwd ?? tmpdir(),
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    timeout: ENDS_WITHIN_MS,
    killSignal: 'SIGKILL',
  });
  if (options.input !== 'open') child.stdin?.end(options.input);
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  const look = (): void => {
    for (const watcher of watchers) watcher();
  };
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    stdout += part;
    look();
  });
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    stderr += part;
    look();
  });
  const ended = new Promise<Ran>((resolve) => {
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === null ? -1 : -2), stdout, stderr }));
  });
  const shows = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const watcher = (): void => {
        const match = pattern.exec(stdout) ?? pattern.exec(stderr);
        if (match === null) return;
        watchers.delete(watcher);
        resolve(match);
      };
      watchers.add(watcher);
      watcher();
      void ended.then(() => reject(new Error(`bittern ended without ${pattern}: ${stdout}${stderr}`)));
    });
  return { child, ended, shows };
}

export function bittern(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return startBittern(args, options).ended;
}

export function jsonLines(text: string): Row[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

/** Asks as scripts do: `bittern sql --format JSONEachRow`. */
export async function sqlRows(data: string, query: string): Promise<Row[]> {
  const { code, stdout, stderr } = await bittern(['sql', '--data', data, '--format', 'JSONEachRow', query]);
  assert.equal(code, 0, stderr);
  return jsonLines(stdout);
}
