/**
 * The HTTP API: what is stored, for programs. Loopback unless allowed otherwise, and with a bearer token always.
 *
 *   GET /livez                      200 while the process serves (no token)
 *   GET /readyz                     200 when the store answers (no token)
 *   GET /api/v1/summary             totals, by agent, model, dialect and outcome; tools; capture health
 *   GET /api/v1/health              what the capture saw and missed
 *   GET /api/v1/calls?…             newest first, filters, `limit`, `cursor`
 *   GET /api/v1/calls/:id           one call with its contents
 *   GET /api/v1/calls/:id/request   the request's text, put together again
 */
import fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { type CallFilter, type Cursor, getCall, joinRequest, listCalls } from '../clickhouse/queries.ts';
import type { Store } from '../clickhouse/store.ts';
import { captureHealth, summarize } from '../clickhouse/summary.ts';
import { BitternError } from '../common/errors.ts';
import { API_DEFAULTS } from './defaults.ts';
import { TokenCheck } from './token.ts';

export interface ApiOptions {
  readonly host: string;
  readonly port: number;
  /** Whether an address other than loopback may be listened on. */
  readonly allowRemote: boolean;
  readonly token: Buffer;
}

export interface Api {
  /** Where it listens: `http://127.0.0.1:4680`. */
  readonly url: string;
  close(): Promise<void>;
}

const FILTER_FIELDS = [
  'agentId',
  'sessionId',
  'model',
  'outcome',
  'dialect',
  'provider',
  'completeness',
  'credential',
  'tool',
] as const;
const CALL_ID = { type: 'object', properties: { id: { type: 'string', pattern: '^[0-9a-f]{32}$' } } } as const;
const LIST_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: API_DEFAULTS.pageRowsMax, default: API_DEFAULTS.pageRows },
    cursor: { type: 'string', pattern: '^[0-9]{1,17}-[0-9a-f]{32}$' },
    from: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    to: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    ...Object.fromEntries(FILTER_FIELDS.map((name) => [name, { type: 'string', maxLength: 500 }])),
  },
} as const;

interface ListQuery extends CallFilter {
  readonly limit: number;
  readonly cursor?: string;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** @throws BitternError BIT_API_REMOTE for an address that isn't loopback and isn't allowed, BIT_API_LISTEN when the port is taken */
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
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false } },
  });
  app.addHook('onRequest', async (request, reply) => {
    // A page in a browser must not reach this API by a name that it made point here (DNS rebinding).
    if (!options.allowRemote && !isLoopback(request.hostname.replace(/^\[|\]$/g, ''))) {
      return reply.code(421).send(failure('wrong_host', 'This API is reached by its loopback address only.'));
    }
    if (request.url.startsWith('/api/') && !check.allows(request.headers.authorization)) {
      return reply
        .code(401)
        .header('www-authenticate', 'Bearer')
        .send(failure('unauthorized', 'A bearer token is needed: Authorization: Bearer <token>.'));
    }
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(failure('not_found', 'There is no such route.')));
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.code(status).send(failure('bad_request', error.message));
    const code = error instanceof BitternError ? error.code : 'internal';
    return reply
      .code(500)
      .send(failure(code, error instanceof BitternError ? error.message : 'The request could not be answered.'));
  });
  addRoutes(app, store);
  return app;
}

function failure(code: string, message: string): { error: { code: string; message: string } } {
  return { error: { code, message } };
}

function addRoutes(app: FastifyInstance, store: Store): void {
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const { success } = await store.client.ping();
    return reply.code(success ? 200 : 503).send({ status: success ? 'ok' : 'store unreachable' });
  });
  app.get('/api/v1/summary', async () => summarize(store));
  app.get('/api/v1/health', async () => captureHealth(store));
  app.get<{ Querystring: ListQuery }>('/api/v1/calls', { schema: { querystring: LIST_QUERY } }, async (request) => {
    const { limit, cursor, ...filter } = request.query;
    const page = await listCalls(store, { limit, before: cursor === undefined ? null : cursorOf(cursor), filter });
    return { calls: page.calls, next: page.next === null ? null : `${page.next.time}-${page.next.callId}` };
  });
  app.get<{ Params: { id: string } }>('/api/v1/calls/:id', { schema: { params: CALL_ID } }, async (request, reply) => {
    const stored = await getCall(store, request.params.id);
    return stored ?? reply.code(404).send(failure('not_found', 'There is no such call.'));
  });
  app.get<{ Params: { id: string } }>(
    '/api/v1/calls/:id/request',
    { schema: { params: CALL_ID } },
    async (request, reply) => {
      const stored = await getCall(store, request.params.id);
      if (stored === null || stored.call.requestSkeleton === '')
        return reply.code(404).send(failure('not_found', 'There is no stored request of such a call.'));
      const contents = new Map(stored.parts.map((part) => [part.hash, part]));
      return reply
        .type('application/json')
        .send(joinRequest(stored.call.requestSkeleton, stored.call.requestParts, contents));
    },
  );
}

function cursorOf(text: string): Cursor {
  const at = text.indexOf('-');
  return { time: Number(text.slice(0, at)), callId: text.slice(at + 1) };
}
