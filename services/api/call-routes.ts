/** Routes of calls and of other exchanges. */
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { nextHops } from '../clickhouse/hop-queries.ts';
import { EXCHANGE_LIST, getExchange, listRows } from '../clickhouse/lists.ts';
import {
  type Cursor,
  callsAt,
  getCall,
  joinRequest,
  type ListedCall,
  listCallPlaces,
  type StoredCall,
} from '../clickhouse/queries.ts';
import type { Store } from '../clickhouse/store.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure, fromStore } from './failure.ts';
import { described } from './openapi.ts';
import { hexIdParams } from './params.ts';
import { CALLS_QUERY, callListOf, EXCHANGES_QUERY, placeText } from './query.ts';
import type { Answers } from './routes.ts';
import { RowCache } from './row-cache.ts';
import { listOf, objectOf, pageOf, SCHEMAS, TIME } from './row-schemas.ts';

const CALL_ID = hexIdParams();

interface ById {
  readonly Params: z.infer<typeof CALL_ID>;
}

const LIST = described({
  summary: 'Calls, the newest first, without contents.',
  query: CALLS_QUERY,
  answer: pageOf('calls', SCHEMAS.ListedCall),
});

const ONE = described({
  summary: 'One call with its contents.',
  params: CALL_ID,
  answer: objectOf({
    call: SCHEMAS.Call,
    time: TIME,
    parts: listOf(SCHEMAS.Content),
    response: { anyOf: [SCHEMAS.Content, { type: 'null' }] },
  }),
  failures: [404],
});

const REQUEST = described({
  summary: 'The request of a call as it was sent, put together again. Usually JSON; what the client sent, in any case.',
  params: CALL_ID,
  failures: [404, 410],
});

const HOPS = described({
  summary:
    'Next hops of a call that was mirrored twice (client to gateway, gateway to provider), and in what they differ from it.',
  params: CALL_ID,
  answer: objectOf({ hops: listOf(SCHEMAS.NextHop) }),
  failures: [404],
});

const EXCHANGES = described({
  summary: 'HTTP exchanges that are no calls, the newest first.',
  query: EXCHANGES_QUERY,
  answer: pageOf('exchanges', SCHEMAS.ListedExchange),
});

const EXCHANGE = described({
  summary: 'One exchange that is no call, with its headers.',
  params: CALL_ID,
  answer: objectOf({ exchange: SCHEMAS.Exchange }),
  failures: [404],
});

/** Rows are read with the columns of `SCHEMAS.ListedCall`, and written as they are. */
function callRows(store: Store, answers: Answers): RowCache<Cursor, ListedCall> {
  return new RowCache<Cursor, ListedCall>({
    rowsMax: API_DEFAULTS.rowCacheRowsMax,
    charsMax: API_DEFAULTS.rowCacheCharsMax,
    readMax: API_DEFAULTS.pageRowsMax,
    version: () => answers.callsVersion(),
    read: (places) => callsAt(store, places),
    idOf: ({ callId }) => callId,
    textOf: (call) => JSON.stringify(call),
  });
}

export function addCallRoutes(app: FastifyInstance, store: Store, answers: Answers): void {
  const rows = callRows(store, answers);
  app.get<{ Querystring: z.infer<typeof CALLS_QUERY> }>('/api/v1/calls', LIST, (request, reply) =>
    answers.text(request, reply, async () => {
      const { places, next } = await listCallPlaces(store, callListOf(request.query));
      const place = next === null ? null : placeText({ time: next.time, ids: [next.callId] });
      return `{"calls":[${(await rows.texts(places)).join(',')}],"next":${JSON.stringify(place)}}`;
    }),
  );
  app.get<ById>('/api/v1/calls/:id', ONE, (request) => storedCall(store, request.params.id));
  app.get<ById>('/api/v1/calls/:id/request', REQUEST, async (request, reply) => {
    const { call, parts } = await storedCall(store, request.params.id);
    if (call.requestSkeleton === '') throw new ApiFailure('not_found', 'The request of this call is not stored.');
    const contents = new Map(parts.map((part) => [part.hash, part]));
    return reply.type('application/json').send(joinRequest(call.requestSkeleton, call.requestParts, contents));
  });
  app.get<ById>('/api/v1/calls/:id/hops', HOPS, async (request) => {
    const hops = await fromStore(nextHops(store, request.params.id));
    if (hops.length === 0) await storedCall(store, request.params.id);
    return { hops };
  });
  app.get<{ Querystring: z.infer<typeof EXCHANGES_QUERY> }>('/api/v1/exchanges', EXCHANGES, (request, reply) =>
    answers.list(request, reply, async () => {
      const { limit, cursor = null, ...filter } = request.query;
      const { rows, next } = await listRows(store, EXCHANGE_LIST, { limit, before: cursor, filter });
      return { exchanges: rows, next: next && placeText(next) };
    }),
  );
  app.get<ById>('/api/v1/exchanges/:id', EXCHANGE, async (request) => {
    const exchange = await fromStore(getExchange(store, request.params.id));
    if (exchange === null) throw new ApiFailure('not_found', 'There is no such exchange.');
    return { exchange };
  });
}

async function storedCall(store: Store, id: string): Promise<StoredCall> {
  const stored = await fromStore(getCall(store, id));
  if (stored === null) throw new ApiFailure('not_found', 'There is no such call.');
  return stored;
}
