/**
 * Real agents against the fake model: what Bittern stores of their traffic must be what was scripted.
 *
 *     npm run agents -- [--only claude-code,codex] [--plays list,loop] [--keep FOLDER]
 *
 * Clients are installed into `.cache/agents` on first use (some hundred MB each). As root everything runs in a network namespace that
 * has loopback only; else tcpdump needs CAP_NET_RAW. Prints a table client × play; ends with 1 when anything differs.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withFolder } from '../testing.ts';
import type { AgentClient } from './client.ts';
import { CLIENTS } from './clients/index.ts';
import { install } from './install.ts';
import { type Performed, performAll } from './perform.ts';
import { PLAYS, type Play } from './play.ts';
import { storedOf } from './stored.ts';
import { differencesOf } from './verdict.ts';

/** Set in the process that runs without a network. */
const ISOLATED = 'BITTERN_AGENTS_ISOLATED';

const { values } = parseArgs({
  options: { only: { type: 'string' }, plays: { type: 'string' }, keep: { type: 'string' } },
});

function chosen<T extends { readonly name: string }>(all: readonly T[], names: string | undefined): readonly T[] {
  if (names === undefined) return all;
  return names.split(',').map((name) => {
    const found = all.find((each) => each.name === name);
    if (found === undefined) throw new Error(`No ${name} among ${all.map((each) => each.name).join(', ')}`);
    return found;
  });
}

/** For whoever looks for what went wrong: the capture, and what was asked and answered. */
function keep(folder: string, { name }: AgentClient, pcap: string, server: Performed['server']): void {
  mkdirSync(folder, { recursive: true });
  cpSync(pcap, join(folder, `${name}.pcap`));
  const log = [...server.served, ...server.socketServed].map((each) => `${JSON.stringify(each)}\n`);
  writeFileSync(join(folder, `${name}.served.jsonl`), log.join(''));
}

type Cell = 'as scripted' | 'differs' | 'cannot';

function cannot(client: AgentClient, play: Play): string {
  const told = client.cannot?.[play.name];
  if (told !== undefined) return told;
  const fills = Object.values(play.parts).some((says) => says.some((say) => say.say === 'act' && say.fills));
  if (fills && client.fullTokens === undefined) return "it doesn't sum up by itself";
  return client.compact === undefined && play.runs.some(({ part }) => part === '') ? 'no command for it' : '';
}

async function judge(client: AgentClient, plays: readonly Play[]): Promise<Map<string, Cell>> {
  const played = plays.filter((play) => cannot(client, play) === '');
  return withFolder(async (folder) => {
    const pcap = join(folder, 'capture.pcap');
    const { performances, server } = await performAll(client, played, folder, pcap);
    if (values.keep !== undefined) keep(values.keep, client, pcap, server);
    const stored = await storedOf(pcap, join(folder, 'data'));
    const differences = differencesOf(client, performances, server, stored);
    for (const [play, list] of differences)
      for (const each of list) process.stdout.write(`${client.name} ${play}: ${each}\n`);
    return new Map(
      plays.map(({ name }): [string, Cell] => {
        const list = differences.get(name);
        return [name, list === undefined ? 'cannot' : list.length === 0 ? 'as scripted' : 'differs'];
      }),
    );
  });
}

function table(rows: ReadonlyMap<AgentClient, ReadonlyMap<string, Cell>>, plays: readonly Play[]): string {
  const head = ['client', 'version', ...plays.map(({ name }) => name)];
  const marks = { 'as scripted': 'ok', differs: 'DIFFERS', cannot: '–' } as const;
  const lines = [...rows].map(([client, cells]) => [
    ...[client.name, client.version],
    ...plays.map(({ name }) => marks[cells.get(name)!]),
  ]);
  return [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

async function main(clients: readonly AgentClient[], plays: readonly Play[]): Promise<void> {
  const rows = new Map<AgentClient, ReadonlyMap<string, Cell>>();
  for (const client of clients) rows.set(client, await judge(client, plays));
  process.stdout.write(`\n${table(rows, plays)}\n`);
  const all = [...rows.values()].flatMap((cells) => [...cells.values()]);
  process.exitCode = all.includes('differs') ? 1 : 0;
}

function isolated(): void {
  const inside = 'ip link set lo up && exec "$0" "$@"';
  const self = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const done = spawnSync('unshare', ['-n', 'sh', '-c', inside, ...self], {
    ...{ stdio: 'inherit', env: { ...process.env, [ISOLATED]: '1' } },
  });
  process.exitCode = done.status ?? 1;
}

const clients = chosen(CLIENTS, values.only);
if (process.env[ISOLATED] === undefined) for (const client of clients) install(client);
if (process.env[ISOLATED] !== undefined || process.getuid?.() !== 0) await main(clients, chosen(PLAYS, values.plays));
else isolated();
