/** Lets a real client play against the fake model, and records what goes over loopback. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FakeLlm, startFakeLlm } from '../fake-llm/server.ts';
import { startDump, stopDump } from '../wire/dump.ts';
import { type AgentClient, endsOn, type Place, type Start } from './client.ts';
import { folderOf } from './install.ts';
import { type Asked, Model } from './model.ts';
import { type Play, promptOf, type Run } from './play.ts';

const PERFORM = {
  /** Clients wait between attempts. */
  runTimeoutMs: 120_000,
  /** For the last FINs to come through. */
  settleMs: 700,
  outputCharsMax: 3000,
} as const;

export interface Performance {
  readonly play: Play;
  readonly asked: readonly Asked[];
  /** What went another way than the play says. */
  readonly surprises: readonly string[];
}

export interface Performed {
  readonly performances: readonly Performance[];
  readonly server: Pick<FakeLlm, 'served' | 'socketServed'>;
}

const FILES: Readonly<Record<string, string>> = {
  'README.md': '# Greeter\n\nA tiny program that greets people, naïvely.\n',
  'a.txt': 'line a\n',
  'b.txt': 'line b\n',
  'test.sh': 'echo "FAIL: expected 3, got 2"; exit 1\n',
};

function makePlace(client: AgentClient, folder: string, url: string): Place {
  const [home, repo] = [join(folder, 'home'), join(folder, 'repo')];
  for (const each of [home, repo]) mkdirSync(each, { recursive: true });
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(repo, name), text);
  const who = ['-c', 'user.name=x', '-c', 'user.email=x@example.test'];
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '.'],
    [...who, 'commit', '-q', '-m', 'first'],
  ])
    spawnSync('git', args, { cwd: repo });
  const place = { folder: folderOf(client), home, repo, url };
  client.prepare?.(place);
  return place;
}

/** Ends when the client does. What it wrote, when it failed; '' else. */
async function start({ program, args, env }: Start, place: Place): Promise<string> {
  const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
  const child = spawn(program, args, {
    ...{ cwd: place.repo, stdio: ['ignore', 'pipe', 'pipe'], timeout: PERFORM.runTimeoutMs, killSignal: 'SIGKILL' },
    env: { PATH, HOME: place.home, NO_COLOR: '1', CI: '1', TERM: 'dumb', LANG: 'C.UTF-8', ...env },
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (bytes: Buffer) => {
      output = (output + bytes.toString()).slice(-PERFORM.outputCharsMax);
    });
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (process.env.BITTERN_AGENTS_VERBOSE !== undefined) process.stderr.write(`${program} ${code}: ${output}\n`);
  return code === 0 ? '' : `the client ended with ${code ?? signal}: ${output.trim().slice(-300)}`;
}

function promptFor(client: AgentClient, run: Run): string {
  return run.part === '' ? client.compact! : promptOf(run.part);
}

const mayFail = (client: AgentClient, play: Play): boolean =>
  Object.values(play.parts).some((says) => says.some((say) => endsOn(client, say)));

async function perform(client: AgentClient, model: Model, play: Play, place: Place): Promise<Performance> {
  const [asked, surprises] = [model.asked.length, model.surprises.length];
  model.begin(play, place.repo);
  const failures: string[] = [];
  if (client.setUp !== undefined) await start(client.setUp(place), place);
  for (const run of play.runs) {
    const failure = await start(client.start(place, promptFor(client, run), run.resumes ?? false), place);
    if (failure !== '' && !mayFail(client, play)) failures.push(failure);
  }
  await sleep(PERFORM.settleMs);
  const all = [...failures, ...model.surprises.slice(surprises), ...model.unplayed()];
  return { play, asked: model.asked.slice(asked), surprises: all };
}

/** All plays one after the other, each in an empty home, in one capture at `pcap`. */
export async function performAll(
  client: AgentClient,
  plays: readonly Play[],
  folder: string,
  pcap: string,
): Promise<Performed> {
  const model = new Model(client);
  const server = await startFakeLlm({ script: model.script });
  try {
    const dump = await startDump(pcap, server.port);
    const performances: Performance[] = [];
    for (const play of plays) {
      const place = makePlace(client, join(folder, play.name), server.url);
      performances.push(await perform(client, model, play, place));
    }
    await server.close();
    await sleep(PERFORM.settleMs);
    await stopDump(dump);
    return { performances, server };
  } finally {
    await server.close().catch(() => undefined);
  }
}
