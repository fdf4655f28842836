/** The routes. What they answer is what `services/clickhouse` answers; the token is checked before them. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Store } from '../clickhouse/store.ts';
import { EXPOSITION_TYPE } from '../observe/exposition.ts';
import type { Observer } from '../observe/observer.ts';
import { addAlertRoutes } from './alert-routes.ts';
import { AnswerCache } from './answer-cache.ts';
import { addCallRoutes } from './call-routes.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure, fromStore } from './failure.ts';
import { firstPage, ListRuns } from './list-runs.ts';
import { addLiveRoutes } from './live-routes.ts';
import { collectRoutes, described } from './openapi.ts';
import { addOverviewRoutes } from './overview-routes.ts';
import { type PagedList, pageBytes } from './paged-lists.ts';
import { parse, type TextPlace } from './params.ts';
import type { ChangeLog } from './store-changes.ts';
import { type ListedTable, StoreVersion } from './store-version.ts';
import { addStoryRoutes } from './story-routes.ts';
import { timeLimited } from './time-limited.ts';
import { TrafficCounters } from './traffic-counters.ts';
import { trafficText } from './traffic-text.ts';

/** The only routes that need no token. */
export const OPEN_ROUTES: ReadonlySet<string | undefined> = new Set(['/livez', '/readyz']);

/** Answers that many clients may ask for at once: each is made once, and written by the route's schema. */
export class Answers {
  readonly #cache: AnswerCache;
  readonly #changes: StoreVersion;
  readonly #runs = new ListRuns({
    firstPages: API_DEFAULTS.runFirstPages,
    rowsMax: API_DEFAULTS.runRowsMax,
    bytesMax: API_DEFAULTS.runBytesMax,
    aheadMax: API_DEFAULTS.runAheadMax,
  });

  constructor(store: Store) {
    const times = { freshMs: API_DEFAULTS.listFreshMs, staleMs: API_DEFAULTS.listStaleMs };
    this.#changes = new StoreVersion(store, times);
    this.#cache = new AnswerCache({
      ...times,
      askedMax: API_DEFAULTS.listAskedMax,
      busyStaleMs: API_DEFAULTS.listBusyStaleMs,
      entriesMax: API_DEFAULTS.listCacheEntriesMax,
      bytesMax: API_DEFAULTS.listCacheBytesMax,
      version: async () => (await this.#changes.current())?.version ?? null,
    });
  }

  /** Another one whenever a call that is stored may have changed; null when that isn't known. */
  async callsVersion(): Promise<string | null> {
    return (await this.#changes.current())?.calls ?? null;
  }

  /** What has changed in a table. */
  changes(table: ListedTable): Promise<ChangeLog> {
    return this.#changes.changes(table);
  }

  list(request: FastifyRequest, reply: FastifyReply, make: () => Promise<object>): Promise<FastifyReply> {
    return this.bytes(request, reply, async () => Buffer.from(reply.serialize(await make()) as string));
  }

  /** A page of a list: the first one, or one after a cursor out of what was read ahead. */
  page<Query extends PageQuery>(
    request: FastifyRequest,
    reply: FastifyReply,
    query: Query,
    listOf: (filter: Omit<Query, 'cursor' | 'limit'>) => PagedList,
  ): Promise<FastifyReply> {
    const { cursor, limit, ...filter } = query;
    const list = listOf(filter);
    return this.bytes(request, reply, async () => {
      const key = `${list.name} ${JSON.stringify(filter)}`;
      const known = await list.known?.(cursor ?? null, limit);
      if (!known && cursor !== undefined) return pageBytes(list, await this.#runs.page(key, list, cursor, limit));
      const page = known ?? (await firstPage(list, limit));
      this.#runs.give(key, page.next);
      return pageBytes(list, page);
    });
  }

  /** `make`: JSON as the route's schema has it. */
  async bytes(request: FastifyRequest, reply: FastifyReply, make: () => Promise<Buffer>): Promise<FastifyReply> {
    const bytes = await this.#cache.get(request.url, () => fromStore(make()));
    return reply.type('application/json; charset=utf-8').send(bytes);
  }
}

/** What the query of every paged list has. */
interface PageQuery {
  readonly limit: number;
  readonly cursor?: TextPlace | undefined;
}

/** The checks that routes ask for by their schemas: zod's, not those of fastify. */
export function checkBySchemas(app: FastifyInstance): void {
  app.setValidatorCompiler<z.ZodObject>(({ schema }) => (value) => {
    try {
      return { value: parse(schema, value) };
    } catch (error) {
      return { error: error as ApiFailure };
    }
  });
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'] as const;

/** A path that is there answers 405 to what it isn't made for (RFC 9110 section 15.5.6). */
function refuseOtherMethods(app: FastifyInstance, methods: ReadonlyMap<string, readonly string[]>): void {
  for (const [url, known] of methods) {
    const others = METHODS.filter((method) => !known.includes(method));
    app.route({
      method: others,
      url,
      // Before a body is looked at.
      onRequest: async (_request, reply) => {
        reply.header('allow', known.join(', '));
        throw new ApiFailure('method_not_allowed', 'This route is not made for that method.');
      },
      handler: () => {},
    });
  }
}

export interface RouteOptions {
  /** Whether /metrics/traffic tells agents apart. */
  readonly trafficByAgent: boolean;
  readonly observer: Pick<Observer, 'metrics' | 'readiness'> | null;
}

function addTrafficRoute(app: FastifyInstance, store: Store, byAgent: boolean): void {
  const counters = new TrafficCounters(store, byAgent);
  app.get('/metrics/traffic', async (_request, reply) => {
    const groups = await fromStore(counters.read());
    return reply.type(EXPOSITION_TYPE).send(trafficText(groups, byAgent));
  });
}

/** Adds all routes. The function that it returns makes the OpenAPI document of them. */
export function addRoutes(
  app: FastifyInstance,
  unlimited: Store,
  { observer, trafficByAgent }: RouteOptions,
): () => object {
  checkBySchemas(app);
  const routes = collectRoutes(app);
  const store = timeLimited(unlimited, API_DEFAULTS.querySecondsMax);
  const answers = new Answers(store);
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    if (observer !== null) {
      const readiness = observer.readiness();
      return reply.code(readiness.status === 'ready' ? 200 : 503).send(readiness);
    }
    const { success } = await unlimited.client.ping();
    return reply.code(success ? 200 : 503).send({ status: success ? 'ok' : 'store unreachable' });
  });
  if (observer !== null) app.get('/metrics', (_request, reply) => reply.type(EXPOSITION_TYPE).send(observer.metrics()));
  addTrafficRoute(app, store, trafficByAgent);
  addOverviewRoutes(app, store, answers);
  addCallRoutes(app, store, answers);
  addStoryRoutes(app, store, answers);
  addLiveRoutes(app, store);
  addAlertRoutes(app, store, answers);
  let openApi: object | null = null;
  app.get(
    '/api/v1/openapi.json',
    described({ summary: 'This document.' }),
    async () => (openApi ??= routes.document()),
  );
  refuseOtherMethods(app, routes.methods());
  return routes.document;
}
