/** What a request may say: `limit`, `cursor`, times and filters of a list, ids, and the bodies of changes. */
import { z } from 'zod';
import { AGENT_TEXT_CHARS_MAX, type AgentEntry } from '../clickhouse/agents.ts';
import type { FindingCursor, FindingFilter } from '../clickhouse/findings.ts';
import type { CallFilter, Cursor } from '../clickhouse/queries.ts';
import type { Silence } from '../clickhouse/silences.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure } from './failure.ts';

const MICROS = /^\d{1,16}$/;
const CURSOR = /^(\d{1,16})-([0-9a-f]{32})$/;
const HEX_ID = /^[0-9a-f]{32}$/;

const limit = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number')
  .transform(Number)
  .refine((value) => value >= 1 && value <= API_DEFAULTS.pageRowsMax, `must be from 1 to ${API_DEFAULTS.pageRowsMax}`);
const micros = z
  .string()
  .regex(MICROS, 'must be a time in microseconds since 1970')
  .transform(Number)
  .refine(Number.isSafeInteger, 'must be a time in microseconds since 1970');
const place = z
  .string()
  .regex(CURSOR, 'must be the `next` of a page')
  .transform((text) => ({ time: Number(text.split('-')[0]), id: text.slice(text.indexOf('-') + 1) }))
  .refine(({ time }) => Number.isSafeInteger(time), 'must be the `next` of a page');
const text = z.string('must be given once').max(API_DEFAULTS.filterCharsMax, 'is too long').optional();

const LIST = z.strictObject({
  limit: limit.default(API_DEFAULTS.pageRows),
  cursor: place.optional(),
  from: micros.optional(),
  to: micros.optional(),
  agentId: text,
  sessionId: text,
  model: text,
  outcome: text,
  dialect: text,
  provider: text,
  completeness: text,
  credential: text,
  tool: text,
});

export interface ListQuery {
  readonly limit: number;
  readonly before: Cursor | null;
  readonly filter: CallFilter;
}

const FINDINGS = z.strictObject({
  limit: limit.default(API_DEFAULTS.pageRows),
  cursor: place.optional(),
  from: micros.optional(),
  to: micros.optional(),
  state: text,
  kind: text,
  rule: text,
  level: text,
  agentId: text,
  teamId: text,
  sessionId: text,
  tool: text,
});

export interface FindingListQuery {
  readonly limit: number;
  readonly before: FindingCursor | null;
  readonly filter: FindingFilter;
}

const name = z.string().max(AGENT_TEXT_CHARS_MAX, 'is too long').optional();

const AGENT = z.strictObject({ name, owner: name, team: name, environment: name });

const ms = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const SILENCE = z.strictObject({
  matchers: z.array(z.string()),
  /** ms since the epoch; without it: now. */
  starts: ms.optional(),
  ends: ms,
  createdBy: z.string().default(''),
  comment: z.string().default(''),
});

const SILENCES = z.strictObject({
  ended: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
});

/** @throws ApiFailure bad_request, naming the parameter */
function parse<T extends z.ZodObject>(schema: T, value: unknown): z.infer<T> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ApiFailure('bad_request', `A JSON object is wanted, with: ${Object.keys(schema.shape).join(', ')}.`);
  // Fastify's object has no prototype, and zod takes plain ones only.
  const parsed = schema.safeParse({ ...(value as Record<string, unknown>) });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  // Names and values of the caller's are not repeated: they may be anything.
  if (issue === undefined || issue.code === 'unrecognized_keys')
    throw new ApiFailure('bad_request', `Known parameters are: ${Object.keys(schema.shape).join(', ')}.`);
  throw new ApiFailure('bad_request', `${issue.path.join('.')} ${issue.message}.`);
}

/** `query`: the parsed query string. @throws ApiFailure bad_request, naming the parameter */
export function listQueryOf(query: unknown): ListQuery {
  const { limit: rows, cursor, ...filter } = parse(LIST, query);
  return { limit: rows, before: cursor === undefined ? null : { time: cursor.time, callId: cursor.id }, filter };
}

/** The same for findings. */
export function findingListQueryOf(query: unknown): FindingListQuery {
  const { limit: rows, cursor, ...filter } = parse(FINDINGS, query);
  return { limit: rows, before: cursor === undefined ? null : { time: cursor.time, findingId: cursor.id }, filter };
}

/** Texts to set; an empty one takes the text back. @throws ApiFailure bad_request */
export function agentChangeOf(body: unknown): Partial<Omit<AgentEntry, 'rawId'>> {
  const given = Object.entries(parse(AGENT, body)).filter(([, value]) => value !== undefined);
  if (given.length === 0) throw new ApiFailure('bad_request', 'Nothing to set: name, owner, team or environment.');
  return Object.fromEntries(given);
}

/** @throws ApiFailure bad_request */
export function silenceOf(body: unknown, nowMs: number): Omit<Silence, 'silenceId'> {
  const { starts = nowMs, ...silence } = parse(SILENCE, body);
  return { starts, ...silence };
}

export function silenceListOf(query: unknown): { readonly ended: boolean } {
  return parse(SILENCES, query);
}

export function findingCursorText(cursor: FindingCursor): string {
  return `${cursor.time}-${cursor.findingId}`;
}

export function cursorText(cursor: Cursor): string {
  return `${cursor.time}-${cursor.callId}`;
}

/** @throws ApiFailure bad_request */
export function callIdOf(id: string): string {
  return hexIdOf(id, 'call');
}

/** @throws ApiFailure bad_request */
export function hexIdOf(id: string, what: 'call' | 'finding' | 'silence'): string {
  if (!HEX_ID.test(id)) throw new ApiFailure('bad_request', `A ${what} id has 32 hex digits.`);
  return id;
}

/** The id as the traffic tells it: any text. @throws ApiFailure bad_request */
export function agentIdOf(id: string): string {
  if (id === '' || id.length > API_DEFAULTS.filterCharsMax)
    throw new ApiFailure('bad_request', `An agent id has 1 to ${API_DEFAULTS.filterCharsMax} characters.`);
  return id;
}
