/** Routes of what agents did: sessions, turns, tool calls. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { getToolCall, getTurn, TOOL_CALL_LIST, TURN_LIST } from '../clickhouse/lists.ts';
import type { Store } from '../clickhouse/store.ts';
import { getSession } from '../clickhouse/story-queries.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure, fromStore } from './failure.ts';
import { described } from './openapi.ts';
import { sessionList, tableList } from './paged-lists.ts';
import { hexIdParams, PARAM } from './params.ts';
import { SESSIONS_QUERY, TOOL_CALLS_QUERY, TURNS_QUERY } from './query.ts';
import type { Answers } from './routes.ts';
import { FLAG, listOf, objectOf, pageOf, SCHEMAS, TEXT } from './row-schemas.ts';

const POSITION_MAX = 999_999_999;

const SESSION_ID = z.strictObject({
  id: z.string().min(1, 'must not be empty').max(API_DEFAULTS.filterCharsMax, 'is too long'),
});
const TURN_ID = hexIdParams();
const TOOL_CALL_ID = hexIdParams().extend({ position: PARAM.whole(0, POSITION_MAX) });

const SESSIONS = described({
  summary: 'Sessions, the one with the newest call first.',
  query: SESSIONS_QUERY,
  answer: pageOf('sessions', SCHEMAS.Session),
});

const SESSION = described({
  summary:
    'One session with its turns, calls (without contents), tool calls, findings and the sessions that it started.',
  params: SESSION_ID,
  answer: objectOf({
    session: SCHEMAS.Session,
    turns: listOf(SCHEMAS.Turn),
    calls: listOf(SCHEMAS.ListedCall),
    toolCalls: listOf(SCHEMAS.ToolCall),
    findings: listOf(SCHEMAS.Finding),
    children: listOf(TEXT),
    more: { ...FLAG, description: 'There is more of it than these lists hold.' },
  }),
  failures: [404],
});

const TURNS = described({
  summary: 'Turns, the one that began last first.',
  query: TURNS_QUERY,
  answer: pageOf('turns', SCHEMAS.Turn),
});

const TURN = described({
  summary: 'One turn.',
  params: TURN_ID,
  answer: objectOf({ turn: SCHEMAS.Turn }),
  failures: [404],
});

const TOOL_CALLS = described({
  summary: 'Tool calls, the newest first, without arguments and results.',
  query: TOOL_CALLS_QUERY,
  answer: pageOf('toolCalls', SCHEMAS.ListedToolCall),
});

const TOOL_CALL = described({
  summary: 'One tool call, by the call whose answer asked for it and its position there, with its arguments.',
  params: TOOL_CALL_ID,
  answer: objectOf({ toolCall: SCHEMAS.ToolCall }),
  failures: [404],
});

export function addStoryRoutes(app: FastifyInstance, store: Store, answers: Answers): void {
  addSessionRoutes(app, store, answers);
  app.get<{ Querystring: z.infer<typeof TURNS_QUERY> }>('/api/v1/turns', TURNS, (request, reply) =>
    answers.page(request, reply, request.query, (filter) => tableList('turns', store, answers, TURN_LIST, filter)),
  );
  app.get<{ Params: z.infer<typeof TURN_ID> }>('/api/v1/turns/:id', TURN, async (request) => {
    const turn = await fromStore(getTurn(store, request.params.id));
    if (turn === null) throw new ApiFailure('not_found', 'There is no such turn.');
    return { turn };
  });
  app.get<{ Querystring: z.infer<typeof TOOL_CALLS_QUERY> }>('/api/v1/tool-calls', TOOL_CALLS, (request, reply) =>
    answers.page(request, reply, request.query, (filter) =>
      tableList('toolCalls', store, answers, TOOL_CALL_LIST, filter),
    ),
  );
  app.get<{ Params: z.infer<typeof TOOL_CALL_ID> }>('/api/v1/tool-calls/:id/:position', TOOL_CALL, async (request) => {
    const toolCall = await fromStore(getToolCall(store, request.params.id, request.params.position));
    if (toolCall === null) throw new ApiFailure('not_found', 'There is no such tool call.');
    return { toolCall };
  });
}

function addSessionRoutes(app: FastifyInstance, store: Store, answers: Answers): void {
  app.get<{ Querystring: z.infer<typeof SESSIONS_QUERY> }>('/api/v1/sessions', SESSIONS, (request, reply) =>
    answers.page(request, reply, request.query, (filter) => sessionList(store, answers, filter)),
  );
  app.get<{ Params: z.infer<typeof SESSION_ID> }>('/api/v1/sessions/:id', SESSION, async (request) => {
    const stored = await fromStore(getSession(store, request.params.id));
    if (stored === null) throw new ApiFailure('not_found', 'There is no such session.');
    return stored;
  });
}
