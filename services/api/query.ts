/** What a request may say: `limit`, `cursor`, times and filters of a list, and the id of one call. */
import { z } from 'zod';
import type { CallFilter, Cursor } from '../clickhouse/queries.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure } from './failure.ts';

const MICROS = /^\d{1,16}$/;
const CURSOR = /^(\d{1,16})-([0-9a-f]{32})$/;
const CALL_ID = /^[0-9a-f]{32}$/;

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
const cursor = z
  .string()
  .regex(CURSOR, 'must be the `next` of a page')
  .transform((text): Cursor => ({ time: Number(text.split('-')[0]), callId: text.slice(text.indexOf('-') + 1) }))
  .refine(({ time }) => Number.isSafeInteger(time), 'must be the `next` of a page');
const text = z.string('must be given once').max(API_DEFAULTS.filterCharsMax, 'is too long').optional();

const LIST = z.strictObject({
  limit: limit.default(API_DEFAULTS.pageRows),
  cursor: cursor.optional(),
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

/** `query`: the parsed query string. @throws ApiFailure bad_request, naming the parameter */
export function listQueryOf(query: unknown): ListQuery {
  // Fastify's object has no prototype, and zod takes plain ones only.
  const parsed = LIST.safeParse({ ...(query as Record<string, unknown>) });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    // Names and values of the caller's are not repeated: they may be anything.
    if (issue === undefined || issue.code === 'unrecognized_keys')
      throw new ApiFailure('bad_request', `Known parameters are: ${Object.keys(LIST.shape).join(', ')}.`);
    throw new ApiFailure('bad_request', `${issue.path.join('.')} ${issue.message}.`);
  }
  const { limit: rows, cursor: before, ...filter } = parsed.data;
  return { limit: rows, before: before ?? null, filter };
}

export function cursorText(cursor: Cursor): string {
  return `${cursor.time}-${cursor.callId}`;
}

/** @throws ApiFailure bad_request */
export function callIdOf(id: string): string {
  if (!CALL_ID.test(id)) throw new ApiFailure('bad_request', 'A call id has 32 hex digits.');
  return id;
}
