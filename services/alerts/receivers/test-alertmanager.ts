/**
 * A real Alertmanager for a test file: built once by scripts/alertmanager.sh, started before its tests, ended after them. Where it
 * can't be built (no Go) the tests skip and say so; in CI (`CI=true`) that is a failure.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../testing.ts';

const SCRIPT = fileURLToPath(new URL('../../../scripts/alertmanager.sh', import.meta.url));
const BUILD_MS_MAX = 600_000;

export interface ReceivedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: { readonly state: string };
  readonly endsAt: string;
}

/** Path of the program; null where it can't be had. @throws in CI instead */
export function alertmanagerProgram(): string | null {
  try {
    return execFileSync('sh', [SCRIPT], {
      encoding: 'utf8',
      timeout: BUILD_MS_MAX,
      stdio: ['ignore', 'pipe', 'inherit'],
    }).trim();
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    console.error('SKIPPED: tests with a real Alertmanager need Go on the PATH.');
    return null;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Alertmanager {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.#child = child;
    this.#folder = folder;
  }

  /** `webhookUrl`: where it sends on what it is told. */
  static async start(program: string, webhookUrl: string): Promise<Alertmanager> {
    const folder = mkdtempSync(path.join(tmpdir(), 'bittern-alertmanager-'));
    const config = [
      'route: {receiver: hook, group_by: [alertname, severity], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}',
      `receivers: [{name: hook, webhook_configs: [{url: '${webhookUrl}', send_resolved: true}]}]`,
    ];
    writeFileSync(path.join(folder, 'config.yml'), config.join('\n'));
    const url = `http://127.0.0.1:${await freePort()}`;
    const child = spawn(
      program,
      [
        `--config.file=${folder}/config.yml`,
        `--storage.path=${folder}/data`,
        `--web.listen-address=${url.slice('http://'.length)}`,
        '--cluster.listen-address=',
      ],
      { stdio: 'ignore' },
    );
    const ready = (): Promise<boolean> =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await until(ready, () => 'Alertmanager did not start');
    return new Alertmanager(url, child, folder);
  }

  /** Alerts that are firing. */
  async alerts(): Promise<readonly ReceivedAlert[]> {
    return (await (await fetch(`${this.url}/api/v2/alerts`)).json()) as readonly ReceivedAlert[];
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true });
  }
}
