/** What requests for findings, silences and agents may say. */
import { z } from 'zod';
import { AGENT_TEXT_CHARS_MAX, type AgentEntry } from '../clickhouse/agents.ts';
import type { FindingCursor, FindingFilter } from '../clickhouse/findings.ts';
import type { Silence } from '../clickhouse/silences.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure } from './failure.ts';
import { hexCursor, PARAM, parse, textFilters } from './params.ts';

const HEX_ID = /^[0-9a-f]{32}$/;

export const FINDINGS_QUERY = z.strictObject({
  limit: PARAM.pageRows(),
  cursor: hexCursor().optional(),
  from: PARAM.micros().optional(),
  to: PARAM.micros().optional(),
  ...textFilters(['state', 'kind', 'rule', 'level', 'agentId', 'teamId', 'sessionId', 'tool']),
});

export interface FindingListQuery {
  readonly limit: number;
  readonly before: FindingCursor | null;
  readonly filter: FindingFilter;
}

/** `query`: as FINDINGS_QUERY has checked it. */
export function findingListQueryOf(query: z.infer<typeof FINDINGS_QUERY>): FindingListQuery {
  const { limit, cursor, ...filter } = query;
  const before = cursor === undefined ? null : { time: cursor.time, findingId: String(cursor.ids[0]) };
  return { limit, before, filter };
}

export const SILENCES_QUERY = z.strictObject({ ended: PARAM.flag().optional() });

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

export function findingCursorText(cursor: FindingCursor): string {
  return `${cursor.time}-${cursor.findingId}`;
}

/** @throws ApiFailure bad_request */
export function hexIdOf(id: string, what: 'finding' | 'silence'): string {
  if (!HEX_ID.test(id)) throw new ApiFailure('bad_request', `A ${what} id has 32 hex digits.`);
  return id;
}

/** The id as the traffic tells it: any text. @throws ApiFailure bad_request */
export function agentIdOf(id: string): string {
  if (id === '' || id.length > API_DEFAULTS.filterCharsMax)
    throw new ApiFailure('bad_request', `An agent id has 1 to ${API_DEFAULTS.filterCharsMax} characters.`);
  return id;
}
