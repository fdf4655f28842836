/** A store with a million calls, quickly: a thousand come through the sink, the engine makes the others of them. */
import type { Observation } from '../../schemas/call.ts';
import { ask } from '../../services/clickhouse/queries.ts';
import { ClickHouseSink } from '../../services/clickhouse/sink.ts';
import type { Store } from '../../services/clickhouse/store.ts';
import { callObservation, SAMPLE_TIME, sampleCall } from '../../services/clickhouse/testing.ts';

const SEEDS = 1000;
/** Of each copy, µs: a thousand copies of the seeds cover ten days. */
const STEP_MICROS = 864_000_000;
const COPIES_AT_ONCE = 50;
/** Small blocks: a large one of a hundred columns takes more memory than the embedded engine may. */
const BLOCKS = {
  max_threads: 1,
  max_block_size: '5000',
  max_joined_block_size_rows: '5000',
  min_insert_block_size_rows: '5000',
  min_insert_block_size_bytes: '8000000',
} as const;
const MODELS = ['gpt-5', 'claude-sonnet-4-5', 'gemini-2.5-pro', 'gpt-5-mini'];

function seed(n: number): Observation {
  const requestedModel = MODELS[n % MODELS.length]!;
  return callObservation(
    sampleCall(n, {
      agentId: `agent-${n % 40}`,
      sessionId: `session-${n % 200}`,
      teamId: `team-${n % 5}`,
      requestedModel,
      model: `${requestedModel}-2026-01-01`,
      outcome: n % 25 === 0 ? 'http_error' : 'ok',
      ttftMs: 100 + ((n * 7919) % 900),
      durationMs: 500 + ((n * 104_729) % 9_000),
      promptPreview: 'Where do bitterns live, and what do they eat in winter? '.repeat(4),
      answerPreview: 'In reeds; fish, frogs and whatever else the water has. '.repeat(4),
    }),
  );
}

export async function fill(store: Store, calls: number): Promise<void> {
  const [{ n } = { n: 0 }] = await ask<{ n: number }>(store, 'SELECT count() AS n FROM calls', {});
  if (n >= calls) return;
  const sink = new ClickHouseSink(store);
  await sink.add(Array.from({ length: SEEDS }, (_, i) => seed(i)));
  await sink.close();
  const copies = Math.ceil(calls / SEEDS) - 1;
  for (let from = 0; from < copies; from += COPIES_AT_ONCE) {
    await store.client.command({
      query: COPY,
      query_params: {
        from,
        copies: Math.min(COPIES_AT_ONCE, copies - from),
        step: STEP_MICROS,
        seedsEnd: SAMPLE_TIME + STEP_MICROS,
      },
      clickhouse_settings: BLOCKS,
    });
  }
}

const COPY = `INSERT INTO calls SELECT calls.* REPLACE (
    lower(hex(sipHash128(call_id, copy.number))) AS call_id,
    concat(session_id, '-', toString(copy.number)) AS session_id,
    request_start + toIntervalMicrosecond({step:UInt64} * (copy.number + 1)) AS request_start
  ) FROM calls CROSS JOIN numbers({from:UInt64}, {copies:UInt64}) AS copy
  WHERE calls.request_start < fromUnixTimestamp64Micro({seedsEnd:Int64}, 'UTC')`;
