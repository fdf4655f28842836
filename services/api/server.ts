/**
 * The HTTP API: what is stored, for programs. Loopback unless allowed otherwise, and with a bearer token always.
 *
 *   GET /livez                      200 while the process serves (no token)
 *   GET /readyz                     200 when the process does its work (or, where nothing is captured, the store answers), else 503 (no token)
 *   GET /metrics                    of this process, in the Prometheus text format
 *   GET /metrics/traffic            of the watched traffic
 *   GET /api/v1/…                   what is stored, and live updates: docs/api.md, /api/v1/openapi.json
 *
 * Failures: see failure.ts.
 */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Store } from '../clickhouse/store.ts';
import { BitternError } from '../common/errors.ts';
import { isLoopback } from '../common/loopback.ts';
import type { Observer } from '../observe/observer.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure, failureOf, parserFailure } from './failure.ts';
import { addRoutes, OPEN_ROUTES } from './routes.ts';
import { TokenCheck } from './token.ts';

export interface ApiOptions {
  readonly host: string;
  readonly port: number;
  /** Whether an address other than loopback may be listened on. */
  readonly allowRemote: boolean;
  readonly token: Buffer;
  /** What /readyz and /metrics tell; null or absent: /readyz asks the store, and there are no metrics. */
  readonly observer?: Pick<Observer, 'metrics' | 'readiness'> | null;
  /** Whether /metrics/traffic tells agents apart; default false. */
  readonly trafficByAgent?: boolean;
  /** Told of every request that ended in a 5xx, with its reason in `cause`. */
  readonly onFailure?: (failure: ApiFailure) => void;
}

export interface Api {
  /** Where it listens: `http://127.0.0.1:4680`. */
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACK_HOST_FIELD = /^(localhost|\[::1\]|127(\.\d{1,3}){3})(:\d{1,5})?$/i;

/** @throws BitternError BIT_API_REMOTE for an address that isn't loopback and isn't allowed, BIT_API_LISTEN when it can't listen there */
export async function startApi(store: Store, options: ApiOptions): Promise<Api> {
  if (!isLoopback(options.host) && !options.allowRemote) {
    throw new BitternError(
      'BIT_API_REMOTE',
      `The API won't listen on '${options.host}': other than loopback must be allowed by api.allowRemote.`,
    );
  }
  const app = createApp(store, options);
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (cause) {
    await app.close();
    throw new BitternError(
      'BIT_API_LISTEN',
      `The API can't listen on ${options.host}:${options.port}: ${(cause as Error).message}. Set api.port to another one.`,
      { cause },
    );
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    close: () => app.close(),
  };
}

function createApp(store: Store, options: ApiOptions): FastifyInstance {
  const check = new TokenCheck(options.token);
  const fail = (error: unknown, reply: FastifyReply): FastifyReply => {
    const failure = failureOf(error);
    if (failure.status >= 500) options.onFailure?.(failure);
    if (failure.code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
    return reply.code(failure.status).send(failure.body);
  };
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    // Ids of sessions and agents are what the traffic says, and percent-encoded.
    routerOptions: { maxParamLength: 3 * API_DEFAULTS.filterCharsMax },
    bodyLimit: API_DEFAULTS.bodyBytesMax,
    requestTimeout: API_DEFAULTS.requestTimeoutMs,
    http: { maxHeaderSize: API_DEFAULTS.headBytesMax },
    frameworkErrors: (error, _request, reply) => void fail(error, reply),
    clientErrorHandler: (error, socket) => answerParserError(error, socket),
  });
  app.server.maxConnections = API_DEFAULTS.connectionsMax;
  app.addHook('onRequest', async (request) => {
    // A page in a browser must not reach this API by a name that it made point here (DNS rebinding).
    if (!options.allowRemote && !LOOPBACK_HOST_FIELD.test(request.headers.host ?? ''))
      throw new ApiFailure('wrong_host', 'This API is reached by its loopback address only.');
    // By the route that was found, not by the path as it was written: a path can be written in many ways.
    if (!OPEN_ROUTES.has(request.routeOptions.url) && !check.allows(request.headers.authorization))
      throw new ApiFailure('unauthorized', 'A bearer token is needed: Authorization: Bearer <token>.');
  });
  app.setNotFoundHandler(() => {
    throw new ApiFailure('not_found', 'There is no such route.');
  });
  app.setErrorHandler((error, _request, reply) => fail(error, reply));
  addRoutes(app, store, {
    observer: options.observer ?? null,
    trafficByAgent: options.trafficByAgent ?? false,
  });
  return app;
}

/** Node found no request in the bytes, so there is no reply to send it by. */
function answerParserError(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const failure = parserFailure(error.code);
  const body = JSON.stringify(failure.body);
  socket.end(
    `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status]}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
