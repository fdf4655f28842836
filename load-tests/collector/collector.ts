/** One collector process: receives OTLP over HTTP and writes what it received to files, one JSON request a line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Signal } from '../../services/otlp/messages.ts';
import { fetchCollector, missingTools } from './build.ts';

const START_MS = 60_000;
const STOP_MS = 10_000;
/** The first build is part of it. */
const TEST_TIMEOUT_MS = 1_300_000;

export class Collector {
  readonly dir: string;
  readonly #port: number;
  readonly #binary: string;
  #child: ChildProcess | null = null;

  private constructor(dir: string, port: number, binary: string) {
    this.dir = dir;
    this.#port = port;
    this.#binary = binary;
  }

  static async open(): Promise<Collector> {
    const binary = await fetchCollector();
    const dir = await mkdtemp(path.join(tmpdir(), 'bittern-collector-'));
    const collector = new Collector(dir, await freePort(), binary);
    await writeFile(path.join(dir, 'config.yaml'), collector.#config());
    return collector;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    this.#child = spawn(this.#binary, ['--config', path.join(this.dir, 'config.yaml')], { stdio: 'ignore' });
    const deadline = Date.now() + START_MS;
    while (!(await this.#answers())) {
      if (Date.now() > deadline || this.#child.exitCode !== null) throw new Error('The collector did not start.');
      await sleep(50);
    }
  }

  /** Ends it; what it received is written then. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  /** The requests that it wrote, in the form of OTLP/JSON. After `stop`. */
  async received(signal: Signal): Promise<unknown[]> {
    const file = this.#file(signal);
    if (!existsSync(file)) return [];
    const lines = (await readFile(file, 'utf8')).split('\n');
    return lines.filter((line) => line !== '').map((line): unknown => JSON.parse(line));
  }

  /** Forgets what it wrote. While it is stopped. */
  async clear(): Promise<void> {
    for (const signal of ['traces', 'metrics', 'logs'] as const) await rm(this.#file(signal), { force: true });
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  #file(signal: Signal): string {
    return path.join(this.dir, `${signal}.json`);
  }

  async #answers(): Promise<boolean> {
    const request = fetch(`${this.endpoint}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    return request.then((response) => response.ok).catch(() => false);
  }

  #config(): string {
    const signals = ['traces', 'metrics', 'logs'] as const;
    return JSON.stringify({
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${this.#port}` } } } },
      exporters: Object.fromEntries(
        signals.map((signal) => [`file/${signal}`, { path: this.#file(signal), append: true }]),
      ),
      service: {
        telemetry: { metrics: { level: 'none' } },
        pipelines: Object.fromEntries(
          signals.map((signal) => [signal, { receivers: ['otlp'], exporters: [`file/${signal}`] }]),
        ),
      },
    });
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** A collector for a test file. Without Go its tests skip and say so; in CI (`CI=true`) the missing tool is a failure. */
export function collectorTests(): {
  readonly test: (name: string, body: (collector: Collector) => Promise<void>) => void;
} {
  const missing = missingTools();
  const skip = missing.length > 0 && process.env.CI !== 'true' ? `no collector: ${missing.join(', ')} missing` : false;
  if (skip !== false)
    console.error('SKIPPED: tests on a real OpenTelemetry Collector need Go (1.25 or newer) on the PATH.');
  let collector: Collector | undefined;
  before(
    async () => {
      if (skip === false) collector = await Collector.open();
    },
    { timeout: TEST_TIMEOUT_MS },
  );
  after(() => collector?.remove());
  return { test: (name, body) => void test(name, { skip }, () => body(collector!)) };
}
