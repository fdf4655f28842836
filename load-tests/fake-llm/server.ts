/**
 * An HTTP server that speaks LLM APIs from a script and remembers exactly what it got and sent. Loopback only.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { DIALECTS } from '../dialects/index.ts';
import { answer } from './answer.ts';
import { makeId } from './reply.ts';
import { type Script, scriptByModel } from './scenario.ts';
import { dialectOf, readRequest, type SeenRequest } from './seen-request.ts';
import type { Served, SocketServed } from './served.ts';
import { type FakeDeflate, serveSockets } from './socket.ts';

export interface FakeLlmOptions {
  readonly script?: Script;
  /** 0 = any free port. */
  readonly port?: number;
  /** Speaks HTTP/2 in the clear (prior knowledge) instead of HTTP/1. */
  readonly http2?: boolean;
  /** Of WebSocket connections; false unless told. */
  readonly deflate?: FakeDeflate;
}

export interface FakeLlm {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Everything that was served so far, in order of the requests' heads. */
  readonly served: readonly Served[];
  /** What was asked for over WebSocket. */
  readonly socketServed: readonly SocketServed[];
  close(): Promise<void>;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function seen(request: IncomingMessage, path: string, text: string): SeenRequest | null {
  const dialect = request.method === 'POST' ? dialectOf(path) : null;
  if (dialect === null) return null;
  return readRequest(dialect, path, JSON.parse(text) as Record<string, unknown>, request.headers);
}

/** Model list and health: what clients ask for beside calls. */
function plain(served: Served, response: ServerResponse, accept: boolean): void {
  const known: Readonly<Record<string, unknown>> = {
    '/healthz': { status: 'ok' },
    '/v1/models': {
      object: 'list',
      data: [{ id: 'gpt-4.1-mini', object: 'model', created: 1_744_000_000, owned_by: 'openai' }],
    },
    '/v1/messages/count_tokens': { input_tokens: Math.ceil(served.requestBytes / 4) },
  };
  const found = known[served.path];
  served.status = found === undefined ? 404 : 200;
  served.responseBody = Buffer.from(JSON.stringify(found ?? { error: { message: 'no such path' } }));
  const bytes = accept ? gzipSync(served.responseBody) : served.responseBody;
  served.responseBytes = served.method === 'HEAD' ? 0 : bytes.length;
  response.writeHead(served.status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    ...(accept ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(bytes, () => {
    served.end = 'complete';
  });
}

class Serving {
  readonly served: Served[] = [];
  readonly #attempts = new Map<string, number>();
  #count = 0;
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
  }

  #attempt(request: SeenRequest): number {
    const key = JSON.stringify([request.dialect, request.model, request.prompt, request.round, request.history]);
    const attempt = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, attempt + 1);
    return attempt;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const count = this.#count++;
    const raw = await bodyOf(request);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    const path = new URL(request.url ?? '/', 'http://fake').pathname;
    const about = seen(request, path, body.toString());
    const served: Served = {
      dialect: about?.dialect ?? null,
      clientPort: request.socket.remotePort ?? 0,
      serverPort: request.socket.localPort ?? 0,
      method: request.method ?? '',
      path,
      headers: { host: String(request.headers[':authority'] ?? ''), ...request.headers },
      requestBytes: raw.length,
      requestBody: body.toString(),
      request: about,
      scenario: about === null ? null : this.#script(about, this.#attempt(about)),
      requestId: makeId('req_', count),
      reply: null,
      errorType: '',
      status: 0,
      responseBody: Buffer.alloc(0),
      responseBytes: 0,
      events: [],
      end: 'open',
    };
    this.served.push(served);
    response.on('close', () => {
      if (served.end === 'open') served.end = 'client_abort';
    });
    response.setHeader('x-request-id', served.requestId);
    response.setHeader('server', 'fake-llm');
    if (about === null || served.scenario === null)
      plain(served, response, request.headers['accept-encoding'] === 'gzip');
    else await answer(DIALECTS[about.dialect], about, served.scenario, served, response, count);
  }
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

function http1Server(handle: Handle) {
  const server: Server = createServer(handle);
  server.keepAliveTimeout = 20_000;
  return { server, closeConnections: () => server.closeAllConnections() };
}

/** Node's compatibility API: requests and responses look like those of HTTP/1. */
function http2Server(handle: Handle) {
  const sessions = new Set<ServerHttp2Session>();
  const server = createHttp2Server(
    { settings: { maxConcurrentStreams: 200, enableConnectProtocol: true } },
    handle as never,
  );
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  return { server, closeConnections: () => sessions.forEach((session) => void session.destroy()) };
}

/** Starts the server on 127.0.0.1. A request that it can't read ends in a plain 500: look at `served`. */
export async function startFakeLlm(options: FakeLlmOptions = {}): Promise<FakeLlm> {
  const serving = new Serving(options.script ?? scriptByModel);
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    serving.handle(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  };
  const { server, closeConnections } = options.http2 === true ? http2Server(handle) : http1Server(handle);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  const script = options.script ?? scriptByModel;
  const sockets = serveSockets(server, script, options.deflate ?? false, options.http2 === true);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    served: serving.served,
    socketServed: sockets.served,
    close: async () => {
      sockets.close();
      closeConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
