/** What a request may say: `limit`, `cursor`, times and filters of each list. */
import { z } from 'zod';
import { METRIC_DIMENSIONS, METRIC_LIMITS } from '../clickhouse/metrics.ts';
import { CALL_TEXT_FILTERS } from '../clickhouse/queries.ts';
import { hexCursor, PARAM, positionCursor, type TextPlace, textCursor, textFilters } from './params.ts';

const STATUS_MAX = 999;

const times = { from: PARAM.micros().optional(), to: PARAM.micros().optional() };

const callFilters = {
  ...times,
  ...textFilters(CALL_TEXT_FILTERS),
  status: PARAM.whole(0, STATUS_MAX).optional(),
  streaming: PARAM.flag().optional(),
};

export const CALLS_QUERY = z.strictObject({
  limit: PARAM.pageRows(),
  cursor: hexCursor().optional(),
  ...callFilters,
});

export const EXCHANGES_QUERY = z.strictObject({
  limit: PARAM.pageRows(),
  cursor: hexCursor().optional(),
  ...times,
  ...textFilters([
    'agentId',
    'host',
    'method',
    'path',
    'outcome',
    'completeness',
    'clientName',
    'credential',
    'upgrade',
    'network',
    'probe',
    'origin',
  ]),
  status: PARAM.whole(0, STATUS_MAX).optional(),
});

export const SESSIONS_QUERY = z.strictObject({
  limit: PARAM.pageRows(),
  cursor: textCursor().optional(),
  ...times,
  ...textFilters(['agentId', 'userId', 'teamId', 'clientName', 'outcome']),
});

export const TURNS_QUERY = z.strictObject({
  limit: PARAM.pageRows(),
  cursor: hexCursor().optional(),
  ...times,
  ...textFilters(['sessionId', 'threadId', 'agentId', 'userId', 'teamId', 'clientName', 'outcome']),
});

export const TOOL_CALLS_QUERY = z.strictObject({
  limit: PARAM.pageRows(),
  cursor: positionCursor().optional(),
  ...times,
  ...textFilters([
    'toolCallId',
    'callId',
    'sessionId',
    'threadId',
    'turnId',
    'agentId',
    'teamId',
    'tool',
    'mcpServer',
    'resultCallId',
  ]),
  isError: PARAM.flag().optional(),
  serverSide: PARAM.flag().optional(),
});

const DAY_S = 86_400;

export const METRICS_QUERY = z
  .strictObject({
    ...callFilters,
    by: z.enum(Object.keys(METRIC_DIMENSIONS) as [keyof typeof METRIC_DIMENSIONS]).optional(),
    stepSeconds: PARAM.whole(1, 366 * DAY_S).optional(),
  })
  .describe(`At most ${METRIC_LIMITS.stepsMax} steps.`);

/** `next` of a page whose ids have no other characters than hex digits. */
export function placeText({ time, ids }: TextPlace): string {
  return [time, ...ids].join('-');
}
