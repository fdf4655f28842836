/** The routes. What they answer is what `services/clickhouse` answers; the token is checked before them. */
import type { FastifyInstance } from 'fastify';
import { getCall, joinRequest, listCalls, type StoredCall } from '../clickhouse/queries.ts';
import type { Store } from '../clickhouse/store.ts';
import { captureHealth, summarize } from '../clickhouse/summary.ts';
import { EXPOSITION_TYPE } from '../observe/exposition.ts';
import type { Observer } from '../observe/observer.ts';
import { addAlertRoutes } from './alert-routes.ts';
import { ApiFailure, fromStore } from './failure.ts';
import { callIdOf, cursorText, listQueryOf } from './query.ts';

interface ById {
  readonly Params: { readonly id: string };
}

/** The only routes that need no token. */
export const OPEN_ROUTES: ReadonlySet<string | undefined> = new Set(['/livez', '/readyz']);

export function addRoutes(
  app: FastifyInstance,
  store: Store,
  observer: Pick<Observer, 'metrics' | 'readiness'> | null,
): void {
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    if (observer !== null) {
      const readiness = observer.readiness();
      return reply.code(readiness.status === 'ready' ? 200 : 503).send(readiness);
    }
    const { success } = await store.client.ping();
    return reply.code(success ? 200 : 503).send({ status: success ? 'ok' : 'store unreachable' });
  });
  if (observer !== null) app.get('/metrics', (_request, reply) => reply.type(EXPOSITION_TYPE).send(observer.metrics()));
  app.get('/api/v1/summary', () => fromStore(summarize(store)));
  app.get('/api/v1/health', () => fromStore(captureHealth(store)));
  app.get('/api/v1/calls', async (request) => {
    const page = await fromStore(listCalls(store, listQueryOf(request.query)));
    return { calls: page.calls, next: page.next === null ? null : cursorText(page.next) };
  });
  app.get<ById>('/api/v1/calls/:id', (request) => storedCall(store, request.params.id));
  app.get<ById>('/api/v1/calls/:id/request', async (request, reply) => {
    const { call, parts } = await storedCall(store, request.params.id);
    if (call.requestSkeleton === '') throw new ApiFailure('not_found', 'The request of this call is not stored.');
    const contents = new Map(parts.map((part) => [part.hash, part]));
    return reply.type('application/json').send(joinRequest(call.requestSkeleton, call.requestParts, contents));
  });
  addAlertRoutes(app, store);
}

async function storedCall(store: Store, id: string): Promise<StoredCall> {
  const stored = await fromStore(getCall(store, callIdOf(id)));
  if (stored === null) throw new ApiFailure('not_found', 'There is no such call.');
  return stored;
}
