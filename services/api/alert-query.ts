/** What requests for findings, silences and agents may say. */
import { z } from 'zod';
import { ALERT_DEFAULTS } from '../alerts/defaults.ts';
import { SILENCE_TEXT_CHARS_MAX } from '../alerts/silence.ts';
import { AGENT_TEXT_CHARS_MAX, type AgentEntry } from '../clickhouse/agents.ts';
import type { FindingCursor, FindingFilter } from '../clickhouse/findings.ts';
import type { Silence } from '../clickhouse/silences.ts';
import { API_DEFAULTS } from './defaults.ts';
import { hexCursor, PARAM, textFilters } from './params.ts';

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

/** The id as the traffic tells it: any text. */
export const AGENT_ID = z.strictObject({
  id: z.string().min(1, 'must not be empty').max(API_DEFAULTS.filterCharsMax, 'is too long'),
});

const name = z.string().max(AGENT_TEXT_CHARS_MAX, 'is too long').optional();
/** Texts to set; an empty one takes the text back, one that isn't there leaves it. */
export const AGENT_CHANGE = z
  .strictObject({ name, owner: name, team: name, environment: name })
  .refine(
    (change) => Object.values(change).some((text) => text !== undefined),
    'Nothing to set: name, owner, team or environment',
  )
  .meta({ minProperties: 1 });

/** `change`: as AGENT_CHANGE has checked it. */
export function agentChangeOf(change: z.infer<typeof AGENT_CHANGE>): Partial<Omit<AgentEntry, 'rawId'>> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

/** The last second that the store's times can hold: 2299-12-31 23:59:59. */
const TIME_MS_MAX = 10_413_791_999_000;
const ms = z.int('must be a time in milliseconds since 1970').min(0, 'is too early').max(TIME_MS_MAX, 'is too late');
const note = z.string().max(SILENCE_TEXT_CHARS_MAX, 'is too long').default('');

/** What has this form may still be no silence: what a condition compares, and how long it lasts, `parseSilence` judges. */
export const SILENCE = z.strictObject({
  matchers: z
    .array(
      z
        .string()
        .max(ALERT_DEFAULTS.matcherCharsMax, 'is too long')
        .regex(/^ *[A-Za-z_][A-Za-z0-9_.-]* *(=|!=|>=|<=)/, 'must be a condition, such as agent=ops-*'),
    )
    .min(1, 'must hold a condition')
    .max(ALERT_DEFAULTS.matchersMax, 'are too many')
    .describe(
      'Conditions on the alert, all of which must hold: agent=ops-*, level<=note, tool!=search|fetch (docs/alerts.md).',
    ),
  starts: ms.optional().describe('Milliseconds since 1970; without it now.'),
  ends: ms.describe('Milliseconds since 1970, at most 90 days after it starts.'),
  createdBy: note,
  comment: note,
});

/** `silence`: as SILENCE has checked it. */
export function silenceOf(silence: z.infer<typeof SILENCE>, nowMs: number): Omit<Silence, 'silenceId'> {
  const { starts = nowMs, ...rest } = silence;
  return { starts, ...rest };
}

export function findingCursorText(cursor: FindingCursor): string {
  return `${cursor.time}-${cursor.findingId}`;
}
