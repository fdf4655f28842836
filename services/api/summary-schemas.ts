/** JSON schemas of overviews: summary, capture health, metrics. */
import { COUNT, type JsonSchema, listOf, NUMBER, objectOf, orNull, TEXT, TIME } from './row-schemas.ts';

const totals = {
  calls: COUNT,
  from: orNull(TIME),
  to: orNull(TIME),
  sessions: COUNT,
  agents: COUNT,
  incomplete: COUNT,
  missingBytes: COUNT,
  notOk: COUNT,
  ttftP50Ms: orNull(NUMBER),
  ttftP95Ms: orNull(NUMBER),
  durationP50Ms: orNull(NUMBER),
  durationP95Ms: orNull(NUMBER),
  inputTokens: orNull(COUNT),
  outputTokens: orNull(COUNT),
  cacheReadTokens: orNull(COUNT),
  costUsd: orNull(NUMBER),
} as const;

const groups = listOf(objectOf({ name: TEXT, ...totals }));

export const HEALTH: JsonSchema = objectOf({
  packets: COUNT,
  bytes: COUNT,
  connections: COUNT,
  frames: COUNT,
  retransmittedBytes: COUNT,
  losses: listOf(objectOf({ stage: TEXT, probe: TEXT, reason: TEXT, packets: COUNT, bytes: COUNT })),
  notes: listOf(objectOf({ probe: TEXT, source: TEXT, note: TEXT })),
  deadLetters: COUNT,
});

export const SUMMARY: JsonSchema = objectOf({
  totals: objectOf(totals),
  byAgent: groups,
  byModel: groups,
  byDialect: groups,
  byOutcome: groups,
  tools: listOf(objectOf({ name: TEXT, toolCalls: COUNT, calls: COUNT })),
  exchanges: COUNT,
  health: HEALTH,
});

const point = objectOf({
  time: orNull(TIME),
  value: TEXT,
  calls: COUNT,
  errors: COUNT,
  inputTokens: COUNT,
  cacheReadTokens: COUNT,
  outputTokens: COUNT,
  reasoningTokens: COUNT,
  costUsd: NUMBER,
  unpriced: COUNT,
  ttftP50Ms: orNull(NUMBER),
  ttftP95Ms: orNull(NUMBER),
  ttftP99Ms: orNull(NUMBER),
  durationP50Ms: orNull(NUMBER),
  durationP95Ms: orNull(NUMBER),
  durationP99Ms: orNull(NUMBER),
});

export const METRICS_ANSWER: JsonSchema = objectOf({
  from: TIME,
  to: TIME,
  by: orNull(TEXT),
  stepSeconds: orNull(COUNT),
  points: listOf(point),
  omittedCalls: { ...COUNT, description: 'Calls of groups beyond the largest ones, and of points beyond the limit.' },
});
