/** Receivers and findings for this folder's tests. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../../schemas/story.ts';
import { storeFindings } from '../clickhouse/findings.ts';
import type { Store } from '../clickhouse/store.ts';
import { ALERTS_OPTION_DEFAULTS, type AlertsOptions } from './alerts.ts';
import { createReceiver, receiverSettings } from './receivers/index.ts';
import type { Receiver, ReceiverContext } from './receivers/receiver.ts';
import { defaultRoute, type RouteSettings } from './routing.ts';

export interface Hook {
  readonly at: number;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Record<string, unknown>;
  /** What it was answered. */
  readonly status: number;
}

/** An HTTP server that keeps what it is sent, and answers as it is told. */
export class HookServer {
  readonly all: Hook[] = [];
  /** Status of the answers; `null`: none ever. */
  status: number | null = 200;
  answerHeaders: Record<string, string> = {};
  delayMs = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += String(chunk);
      const { status } = this;
      if (status === null) return;
      if (this.delayMs > 0) await sleep(this.delayMs);
      const body = JSON.parse(text) as Record<string, unknown>;
      this.all.push({ at: Date.now(), path: request.url ?? '', headers: request.headers, text, body, status });
      response.writeHead(status, this.answerHeaders).end(status === 200 ? 'ok' : 'refused by the test');
    });
  }

  static async open(port = 0): Promise<HookServer> {
    const hooks = new HookServer();
    await new Promise<void>((resolve) => hooks.#server.listen(port, '127.0.0.1', resolve));
    return hooks;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Those that it took. */
  get taken(): readonly Hook[] {
    return this.all.filter(({ status }) => status === 200);
  }

  /** `fired exact_repeat`, in the order taken. Of webhooks. */
  get news(): string[] {
    return this.taken.flatMap(({ body }) =>
      alertsIn(body).map(({ news, labels }) => `${news} ${labels.tool ?? ''}`.trim()),
    );
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

export interface HookAlert {
  readonly status: string;
  readonly news: string;
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

export function alertsIn(body: Record<string, unknown>): readonly HookAlert[] {
  return (body.alerts ?? []) as readonly HookAlert[];
}

const CONTEXT: ReceiverContext = {
  externalUrl: '',
  secret: async (_file, variable) => (variable === '' ? null : Buffer.from(process.env[variable] ?? '')),
  openEvents: () => Promise.reject(new Error('no brokers here')),
};

/** As the configuration would make it. */
export function receiverOf(
  settings: Record<string, unknown>,
  context: Partial<ReceiverContext> = {},
): Promise<Receiver> {
  return createReceiver(receiverSettings.parse(settings), { ...CONTEXT, ...context });
}

/** Quick, so that tests are. */
export function optionsOf(
  receivers: readonly string[],
  change: Partial<AlertsOptions> = {},
  route: Partial<RouteSettings> = {},
): AlertsOptions {
  return {
    ...ALERTS_OPTION_DEFAULTS,
    routes: [{ ...defaultRoute(receivers), groupWaitMs: 50, groupIntervalMs: 50, ...route }],
    pollMs: 50,
    leaseMs: 2_000,
    retryDelayMs: 50,
    retryDelayMsMax: 200,
    ...change,
  };
}

let lastVersion = 0;

/** Stores a finding as it is now, as the tracker would. */
export async function put(store: Pick<Store, 'client'>, ...findings: readonly Finding[]): Promise<void> {
  lastVersion = Math.max(Date.now() * 1000, lastVersion + 1);
  await storeFindings(
    store,
    findings.map((finding) => ({ version: lastVersion, finding })),
  );
}

/** Far above what any of it takes on a busy machine. */
const PATIENCE_MS = 30_000;

/** Waits until it holds. @throws with what `tell` says when it doesn't within 30 s */
export async function until(holds: () => boolean | Promise<boolean>, tell: () => unknown = () => ''): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`it didn't come about within 30 s: ${JSON.stringify(tell())}`);
    await sleep(20);
  }
}
