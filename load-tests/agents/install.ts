/** Installs pinned clients from npm and PyPI, each into a folder of its own, on first use. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentClient } from './client.ts';

const CACHE = fileURLToPath(new URL('../../.cache/agents', import.meta.url));
/** One client has some 400 MB. */
const TIMEOUT_MS = 600_000;

export const folderOf = ({ name, version }: Pick<AgentClient, 'name' | 'version'>): string =>
  join(CACHE, `${name}-${version}`);

function commandsOf(client: AgentClient, folder: string): readonly (readonly string[])[] {
  const { from, package: name, version } = client;
  if (from === 'npm') return [['npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${version}`]];
  const python = join(folder, 'bin/python');
  return [
    ['python3', '-m', 'venv', folder],
    [python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', `${name}==${version}`],
  ];
}

/** Npm's scripts run with this process' Node, which may be newer than the one in the path. */
const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;

/** @throws Error when a client can't be installed; its folder is gone then */
export function install(client: AgentClient): void {
  const folder = folderOf(client);
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  if (client.from === 'npm') writeFileSync(join(folder, 'package.json'), '{"private":true}');
  for (const [program, ...args] of commandsOf(client, folder)) {
    const env = { ...process.env, PATH };
    const done = spawnSync(program!, args, { cwd: folder, env, stdio: 'inherit', timeout: TIMEOUT_MS });
    if (done.status === 0) continue;
    rmSync(folder, { recursive: true });
    throw new Error(`${client.package} ${client.version} couldn't be installed: ${program} ended with ${done.status}`);
  }
}
