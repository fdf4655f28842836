/** Routes of overviews: summary, capture health, metrics over time. */
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { callMetrics, METRIC_LIMITS } from '../clickhouse/metrics.ts';
import type { Store } from '../clickhouse/store.ts';
import { captureHealth, summarize } from '../clickhouse/summary.ts';
import { described } from './openapi.ts';
import { METRICS_QUERY } from './query.ts';
import type { Answers } from './routes.ts';
import { HEALTH, METRICS_ANSWER, SUMMARY } from './summary-schemas.ts';

/** Without `from` the last hour before `to`, without `to` until now. */
const SPAN_MICROS = 3_600_000_000;

/** Steps that would be too many are made longer; the answer says how long they are. */
function shortestStep(from: number, to: number): number {
  return Math.ceil(Math.max(0, to - from) / 1e6 / METRIC_LIMITS.stepsMax);
}

export function addOverviewRoutes(app: FastifyInstance, store: Store, answers: Answers): void {
  app.get(
    '/api/v1/summary',
    described({ summary: 'Totals, by agent, model, dialect and outcome; tools; capture health.', answer: SUMMARY }),
    (request, reply) => answers.list(request, reply, () => summarize(store)),
  );
  app.get(
    '/api/v1/health',
    described({ summary: 'What the capture saw, and what it missed.', answer: HEALTH }),
    (request, reply) => answers.list(request, reply, () => captureHealth(store)),
  );
  app.get<{ Querystring: z.infer<typeof METRICS_QUERY> }>(
    '/api/v1/metrics',
    described({
      summary:
        'Calls, errors, tokens, cost and latencies, over time (stepSeconds) and by a dimension (by). Without times: the last hour.',
      query: METRICS_QUERY,
      answer: METRICS_ANSWER,
    }),
    (request, reply) =>
      answers.list(request, reply, async () => {
        const { by = null, stepSeconds: step, to = Date.now() * 1000, ...rest } = request.query;
        const { from = Math.max(0, to - SPAN_MICROS), ...filter } = rest;
        const stepSeconds = step === undefined ? null : Math.max(step, shortestStep(from, to));
        const found = await callMetrics(store, { filter: { ...filter, from, to }, by, stepSeconds });
        return { from, to, by, stepSeconds, ...found };
      }),
  );
}
