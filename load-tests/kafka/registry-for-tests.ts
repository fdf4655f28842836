/**
 * The registry of a test file, behind a door that tests open and shut: a reverse proxy with TLS and basic authentication, as
 * registries are run. Skips like the broker's tests where Java, Maven or OpenSSL are missing.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before } from 'node:test';
import { makeCertificates } from './certificates.ts';
import { isOnPath } from './distribution.ts';
import { missingForRegistry, RegistryServer } from './registry.ts';

export const REGISTRY_USER = { username: 'bittern', password: 'only for tests' } as const;

export class GuardedRegistry {
  /** Closed: every request is answered with this status. */
  closedWith: number | null = null;
  /** Requests that got through. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #registry: RegistryServer;
  readonly caFile: string;

  constructor(registry: RegistryServer, server: Server, caFile: string) {
    this.#registry = registry;
    this.#server = server;
    this.caFile = caFile;
    server.on('request', (from: IncomingMessage, to: ServerResponse) => this.#pass(from, to));
  }

  get url(): string {
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return `https://127.0.0.1:${port}/apis/ccompat/v7/`;
  }

  /** The registry itself, without the door. */
  get direct(): string {
    return this.#registry.url;
  }

  #pass(from: IncomingMessage, to: ServerResponse): void {
    const expected = `Basic ${Buffer.from(`${REGISTRY_USER.username}:${REGISTRY_USER.password}`).toString('base64')}`;
    const status = this.closedWith ?? (from.headers.authorization === expected ? null : 401);
    if (status !== null) {
      to.writeHead(status).end();
      return;
    }
    this.asked.push(`${from.method} ${from.url}`);
    const options = { port: this.#registry.port, path: from.url, method: from.method };
    const passed = request({ host: '127.0.0.1', ...options, headers: from.headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(to);
    });
    passed.on('error', () => to.writeHead(502).end());
    from.pipe(passed);
  }
}

export interface RegistryForTests {
  readonly missing: readonly string[];
  /** Within a test only. */
  get(): GuardedRegistry;
}

/** Started before the file's tests, removed after them. */
export function registryForTests(): RegistryForTests {
  const missing = [...missingForRegistry(), ...['openssl'].filter((tool) => !isOnPath(tool))];
  const skip = missing.length > 0 && process.env.CI !== 'true';
  if (skip) console.error(`SKIPPED: tests on a real schema registry need ${missing.join(', ')} on the PATH.`);
  let registry: RegistryServer | undefined;
  let server: Server | undefined;
  let dir = '';
  let guarded: GuardedRegistry | undefined;
  before(async () => {
    if (skip) return;
    registry = await RegistryServer.start();
    dir = await mkdtemp(path.join(tmpdir(), 'bittern-registry-tls-'));
    const { serverStoreFile, caFile } = await makeCertificates(dir);
    const store = readFileSync(serverStoreFile);
    server = createServer({ key: store, cert: store });
    guarded = new GuardedRegistry(registry, server, caFile);
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    server?.closeAllConnections();
    server?.close();
    await registry?.remove();
    if (dir !== '') await rm(dir, { recursive: true, force: true });
  });
  return { missing: skip ? missing : [], get: () => guarded! };
}
