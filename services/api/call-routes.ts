/** Routes of calls and of other exchanges. */
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { nextHops } from '../clickhouse/hop-queries.ts';
import { CALL_ID_FIRST, callLinesAt } from '../clickhouse/lines.ts';
import { EXCHANGE_LIST, getExchange } from '../clickhouse/lists.ts';
import {
  type CallFilter,
  type Cursor,
  getCall,
  joinRequest,
  listCallPlaces,
  type StoredCall,
} from '../clickhouse/queries.ts';
import type { Store } from '../clickhouse/store.ts';
import type { Micros } from '../common/types.ts';
import { CallWindow } from './call-window.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure, fromStore } from './failure.ts';
import type { RunPlace } from './list-runs.ts';
import { described } from './openapi.ts';
import { type PagedList, tableList } from './paged-lists.ts';
import { hexIdParams } from './params.ts';
import { CALLS_QUERY, EXCHANGES_QUERY, placeText } from './query.ts';
import type { Answers } from './routes.ts';
import { RowCache } from './row-cache.ts';
import { listOf, objectOf, pageOf, SCHEMAS, TIME } from './row-schemas.ts';
import { ALWAYS } from './store-changes.ts';

const CALL_ID = hexIdParams();
const HEX_ID_CHARS = 32;

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
function callRows(store: Store, answers: Answers): RowCache<Cursor> {
  return new RowCache<Cursor>({
    rowsMax: API_DEFAULTS.rowCacheRowsMax,
    bytesMax: API_DEFAULTS.rowCacheBytesMax,
    readMax: API_DEFAULTS.rowCacheReadMax,
    version: () => answers.callsVersion(),
    read: (places) => callLinesAt(store, places),
    idOf: ({ callId }) => callId,
    idIn: (text) => text.toString('latin1', CALL_ID_FIRST.length, CALL_ID_FIRST.length + HEX_ID_CHARS),
  });
}

const cursorAt = ({ time, ids }: RunPlace): Cursor => ({ time: time as Micros, callId: String(ids[0]) });

function callWindow(store: Store, answers: Answers): CallWindow {
  return new CallWindow({
    rowsMax: API_DEFAULTS.windowRowsMax,
    bytesMax: API_DEFAULTS.windowBytesMax,
    readMax: API_DEFAULTS.rowCacheReadMax,
    againMax: API_DEFAULTS.windowAgainMax,
    missesMin: API_DEFAULTS.windowMissesMin,
    restMs: API_DEFAULTS.windowRestMs,
    changes: () => answers.changes('calls'),
    places: async ({ from, to }, limit) => {
      const times = {
        ...(from === ALWAYS.from ? {} : { from: from as Micros }),
        ...(to === ALWAYS.to ? {} : { to: (to + 1) as Micros }),
      };
      return (await listCallPlaces(store, { limit, filter: times })).places;
    },
    read: (places) => callLinesAt(store, places),
  });
}

function callList(
  store: Store,
  answers: Answers,
  rows: RowCache<Cursor>,
  window: CallWindow,
  filter: CallFilter,
): PagedList {
  return {
    name: 'calls',
    known: (before, limit) => window.page(filter, before, limit),
    cursorOf: placeText,
    timeless: false,
    changes: () => answers.changes('calls'),
    read: async (before, limit) => {
      const { places } = await listCallPlaces(store, { limit, before: before && cursorAt(before), filter });
      return places.map(({ time, callId }) => ({ time, ids: [callId], text: null }));
    },
    texts: (places) => rows.texts(places.map(cursorAt)),
  };
}

export function addCallRoutes(app: FastifyInstance, store: Store, answers: Answers): void {
  const rows = callRows(store, answers);
  const window = callWindow(store, answers);
  app.get<{ Querystring: z.infer<typeof CALLS_QUERY> }>('/api/v1/calls', LIST, (request, reply) =>
    answers.page(request, reply, request.query, (filter) => callList(store, answers, rows, window, filter)),
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
    answers.page(request, reply, request.query, (filter) =>
      tableList('exchanges', store, answers, EXCHANGE_LIST, filter),
    ),
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
