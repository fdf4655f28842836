/** Gateways between a client and the fake LLM server: one that rewrites what it passes on, and nginx. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FakeLlm } from '../fake-llm/server.ts';

export interface Gateway {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * What gateways do: another model, a parameter more, a message in front, headers of its own, its own key; in the answer the model's name that
 * the client knows, and headers of its own.
 */
export async function startRewritingGateway(upstream: FakeLlm): Promise<Gateway> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += String(part);
    const asked = JSON.parse(text) as { model: string; messages: unknown[] };
    const messages = [{ role: 'system', content: 'Be brief.' }, ...asked.messages];
    const body = { ...asked, model: 'gpt-5-mini', seed: 7, messages };
    const headers = {
      'content-type': 'application/json',
      authorization: 'Bearer key-of-the-gateway',
      'user-agent': 'gateway/1.0',
      'x-forwarded-proto': 'https',
      'x-tenant': String(request.headers['x-tenant']),
      'x-upstream-secret': 'secret-of-the-gateway',
      traceparent: String(request.headers.traceparent),
    };
    const answer = await fetch(`${upstream.url}${request.url}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    const told = { ...((await answer.json()) as object), model: asked.model };
    const own = { 'content-type': 'application/json', server: 'a-gateway', 'x-litellm-model-id': 'm-1' };
    response.writeHead(answer.status, own).end(JSON.stringify(told));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const ATTEMPTS = 100;

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS && child.exitCode === null; attempt++) {
    const socket = connect(port, '127.0.0.1');
    const reached = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (reached) return;
    await sleep(50);
  }
  throw new Error('nginx does not listen');
}

/** nginx as a reverse proxy, as it is usually configured. `folder`: for its files. */
export async function startNginx(upstream: FakeLlm, folder: string): Promise<Gateway> {
  const port = await freePort();
  const config = path.join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${folder}/${name};`,
  );
  const lines = [
    'daemon off; master_process off; worker_processes 1;',
    `pid ${folder}/nginx.pid; error_log stderr;`,
    'events { worker_connections 64; }',
    'http {',
    '  access_log off;',
    ...temporary,
    `  server { listen 127.0.0.1:${port}; location / {`,
    `    proxy_pass http://127.0.0.1:${upstream.port};`,
    '    proxy_http_version 1.1; proxy_set_header Connection "";',
    '    proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Real-IP $remote_addr;',
    '    proxy_set_header X-Tenant ""; proxy_buffering off; add_header X-Served-By edge-1;',
    '  } }',
    '}',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const child = spawn('nginx', ['-c', config, '-p', folder, '-e', 'stderr'], { stdio: 'ignore' });
  await listening(port, child);
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  return { port, close };
}
