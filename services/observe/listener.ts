/**
 * A stage's own HTTP listener: GET /livez, /readyz, /metrics, and nothing else. It has no token, so it listens on loopback unless
 * that is allowed otherwise; it shows counts and sizes, and never a word of the traffic.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import net from 'node:net';
import { BitternError } from '../common/errors.ts';
import { isLoopback } from '../common/loopback.ts';
import { EXPOSITION_TYPE } from './exposition.ts';
import type { Observer } from './observer.ts';

export const LISTENER_LIMITS = {
  connectionsMax: 32,
  headBytesMax: 8_192,
  requestTimeoutMs: 5_000,
} as const;

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  /** Where it listens: `http://127.0.0.1:9464`. */
  readonly url: string;
  close(): void;
}

/** `host:port` or `[::1]:port`. @throws BitternError BIT_OBSERVE_ADDRESS */
export function parseListenAddress(text: string): ListenAddress {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535)
    throw new BitternError('BIT_OBSERVE_ADDRESS', `observe.listen must look like 127.0.0.1:9464, not '${text}'.`);
  return { host, port: Number(port) };
}

/** @throws BitternError BIT_OBSERVE_REMOTE for an address that isn't loopback and isn't allowed, BIT_OBSERVE_LISTEN */
export async function listen(observer: Observer, address: ListenAddress, allowRemote: boolean): Promise<Listener> {
  const { host, port } = address;
  if (!isLoopback(host) && !allowRemote) {
    throw new BitternError(
      'BIT_OBSERVE_REMOTE',
      `Health and metrics won't be served on '${host}': other than loopback must be allowed by observe.allowRemote.`,
    );
  }
  const server = createServer(
    { maxHeaderSize: LISTENER_LIMITS.headBytesMax, requestTimeout: LISTENER_LIMITS.requestTimeoutMs },
    (request, response) => send(response, answerTo(request, observer)),
  );
  server.maxConnections = LISTENER_LIMITS.connectionsMax;
  await listening(server, address);
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    url: `http://${net.isIPv6(host) ? `[${host}]` : host}:${boundPort}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listening(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const advice = 'Set observe.listen to another one.';
      reject(
        new BitternError('BIT_OBSERVE_LISTEN', `Can't listen on ${host}:${port}: ${cause.message}. ${advice}`, {
          cause,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const json = (status: number, value: object): Answer => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
});

function answerTo({ method, url }: IncomingMessage, observer: Observer): Answer {
  if (method !== 'GET' && method !== 'HEAD') return json(405, {});
  switch (url?.split('?', 1)[0]) {
    case '/livez':
      return json(200, { status: 'ok' });
    case '/readyz': {
      const readiness = observer.readiness();
      return json(readiness.status === 'ready' ? 200 : 503, readiness);
    }
    case '/metrics':
      return { status: 200, type: EXPOSITION_TYPE, body: observer.metrics() };
    default:
      return json(404, {});
  }
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
