/** What a ClickHouse sink shows: rows, what waits, and whether the store answers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClickHouseSink } from '../../clickhouse/sink.ts';
import type { Store } from '../../clickhouse/store.ts';
import { toldOf } from '../../common/errors.ts';
import { sample, summed } from '../metrics.ts';
import type { Observed } from '../observed.ts';

/** A ping of ClickHouse may take so long. */
const PING_TIMEOUT_MS = 3_000;

interface Pinged {
  readonly client: Pick<Store['client'], 'ping'>;
}

export type ObservedSink = Pick<ClickHouseSink, 'stats'>;

/** `store`: pinged; a store that is down shows before anything waits for it. */
export function sinkObserved(sink: ObservedSink, store: Pinged): Observed {
  const down = storeObserved(store);
  return {
    ...down,
    *samples() {
      yield* down.samples();
      const { stats } = sink;
      yield sample('bittern_sink_added_total', stats.added);
      yield sample('bittern_sink_acknowledged_total', stats.acknowledged);
      yield sample('bittern_sink_rows_total', stats.calls, { table: 'calls' });
      yield sample('bittern_sink_rows_total', stats.exchanges, { table: 'exchanges' });
      yield sample('bittern_sink_rows_total', stats.contents, { table: 'contents' });
      yield sample('bittern_sink_skipped_total', stats.alreadyStored, { reason: 'already_stored' });
      yield sample('bittern_sink_skipped_total', stats.disowned, { reason: 'disowned' });
      yield sample('bittern_sink_dead_letters_total', stats.deadLetters);
      yield sample('bittern_sink_retries_total', stats.retries);
      yield sample('bittern_sink_late_total', stats.late);
      yield summed('bittern_sink_batch_rows', stats.acknowledged, stats.batches);
      yield sample('bittern_sink_queued_bytes', stats.queuedBytes);
      yield sample('bittern_sink_acknowledged_age_seconds', (ageMsOf(stats.lastAcknowledgedMs) ?? 0) / 1000);
    },
    flows: () => {
      const { added, acknowledged, problem: why } = sink.stats;
      const waiting = added - acknowledged;
      return [{ reason: 'sink_stalled', subject: 'storing in ClickHouse', waiting, done: acknowledged, problem: why }];
    },
    facts: () => {
      const ageMs = ageMsOf(sink.stats.lastAcknowledgedMs);
      return {
        sink_age_seconds: ageMs === null ? null : ageMs / 1000,
        sink_waiting: sink.stats.added - sink.stats.acknowledged,
      };
    },
  };
}

/** Whether the store answers. */
export function storeObserved(store: Pinged): Observed {
  let up = false;
  let problem = '';
  return {
    samples: () => [sample('bittern_store_up', up ? 1 : 0)],
    conditions: () => [{ reason: 'store_down', problem, graceMs: 0 }],
    refresh: async () => {
      const late = { success: false, error: new Error('no answer in time') } as const;
      const answer = await Promise.race([store.client.ping(), sleep(PING_TIMEOUT_MS, late, { ref: false })]);
      up = answer.success;
      problem = answer.success ? '' : `ClickHouse doesn't answer: ${toldOf(answer.error)}.`;
    },
  };
}

function ageMsOf(atMs: number): number | null {
  return atMs === 0 ? null : Date.now() - atMs;
}
