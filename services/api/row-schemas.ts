/** JSON schemas of answers. Those of rows are made of the tables' columns, so that they can't differ from what is read. */
import { EXCHANGE_LIST, TOOL_CALL_LIST, TURN_LIST } from '../clickhouse/lists.ts';
import { LISTED_COLUMNS } from '../clickhouse/queries.ts';
import { FINDING_ROWS, SESSION_ROWS, TOOL_CALL_ROWS } from '../clickhouse/story-tables.ts';
import { CALLS, type ColumnKind, EXCHANGES } from '../clickhouse/tables.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

export const TEXT = { type: 'string' } as const;
export const COUNT = { type: 'integer', minimum: 0 } as const;
export const NUMBER = { type: 'number' } as const;
export const FLAG = { type: 'boolean' } as const;
const MS = { type: 'integer', description: 'Milliseconds since 1970.' } as const;
export const TIME = { type: 'integer', description: 'Microseconds since 1970.' } as const;
export const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
export const orNull = ({ type, ...schema }: JsonSchema): JsonSchema => ({ ...schema, type: [type, 'null'] });

/** All properties are always there. */
export function objectOf(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

const KINDS: Readonly<Record<ColumnKind, JsonSchema>> = {
  text: TEXT,
  u16: COUNT,
  u32: COUNT,
  u64: COUNT,
  'u64?': orNull(COUNT),
  f64: NUMBER,
  'f64?': orNull(NUMBER),
  bool: FLAG,
  'bool?': orNull(FLAG),
  time: TIME,
  'time?': orNull(TIME),
  texts: listOf(TEXT),
  bools: listOf(FLAG),
  labels: { type: 'object', additionalProperties: TEXT },
  counts: { type: 'object', additionalProperties: { type: 'integer', minimum: 0 } },
};

interface Named {
  readonly kind: ColumnKind;
  readonly key: string | null;
}

function rowOf(columns: readonly Named[], more: Readonly<Record<string, JsonSchema>> = {}): JsonSchema {
  const fields = columns.flatMap(({ kind, key }) =>
    key === null || key === 'version' ? [] : [[key, KINDS[kind]] as const],
  );
  return objectOf({ ...Object.fromEntries(fields), ...more });
}

const requestStart = { requestStart: orNull(TIME) };
const content = objectOf({ hash: TEXT, kind: TEXT, text: TEXT });
const difference = objectOf({
  name: TEXT,
  change: { ...TEXT, description: 'What the gateway between the two did: added, removed or changed.' },
  call: { ...TEXT, description: 'As the client sent or got it; –: not there.' },
  hop: { ...TEXT, description: 'As the gateway sent or got it; –: not there.' },
});
const error = objectOf({ error: objectOf({ code: TEXT, message: TEXT }) });

const given = { name: TEXT, owner: TEXT, team: TEXT, environment: TEXT } as const;
const agent = objectOf({
  agentId: TEXT,
  ...given,
  clientName: TEXT,
  identitySource: TEXT,
  firstSeen: orNull(TIME),
  lastSeen: orNull(TIME),
  calls: COUNT,
  registered: { ...FLAG, description: 'Whether people said something about it.' },
});
const silence = objectOf({
  silenceId: TEXT,
  matchers: listOf(TEXT),
  starts: MS,
  ends: MS,
  createdBy: TEXT,
  comment: TEXT,
});
const delivery = objectOf({
  receiver: TEXT,
  findingId: TEXT,
  status: TEXT,
  toldState: TEXT,
  toldLevel: TEXT,
  toldOccurrences: COUNT,
  toldAt: { ...MS, description: 'Milliseconds since 1970; 0: never.' },
  sequence: COUNT,
  alertId: TEXT,
  groupKey: TEXT,
  attempts: COUNT,
  problem: TEXT,
});

/** Schemas that have a name in the document. */
export const SCHEMAS = {
  Error: error,
  Call: rowOf(CALLS.columns, requestStart),
  ListedCall: rowOf(LISTED_COLUMNS, {
    ...requestStart,
    time: { ...TIME, description: 'Its place in the order: requestStart, or the earliest time known. µs since 1970.' },
  }),
  Content: content,
  Exchange: rowOf(EXCHANGES.columns),
  ListedExchange: rowOf(EXCHANGE_LIST.columns),
  Session: rowOf(SESSION_ROWS.columns),
  Turn: rowOf(TURN_LIST.columns),
  ToolCall: rowOf(TOOL_CALL_ROWS.columns),
  ListedToolCall: rowOf(TOOL_CALL_LIST.columns),
  Finding: rowOf(FINDING_ROWS.columns),
  Delivery: delivery,
  Silence: silence,
  Agent: agent,
  AgentEntry: objectOf({ agentId: TEXT, ...given }),
  NextHop: objectOf({
    callId: TEXT,
    evidence: TEXT,
    server: TEXT,
    facts: listOf(difference),
    requestHeaders: listOf(difference),
    responseHeaders: listOf(difference),
    body: listOf(difference),
    answer: listOf(difference),
  }),
} as const;

/** A page: rows under their name, and the cursor of the next page, null on the last one. */
export function pageOf(name: string, row: JsonSchema): JsonSchema {
  return objectOf({ [name]: listOf(row), next: orNull(TEXT) });
}
