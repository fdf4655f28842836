/** What a reassembler shows: what came out, what is in flight, what was lost. */
import type { Reassembler } from '../../reassembler/reassembler.ts';
import { sample } from '../metrics.ts';
import type { Observed } from '../observed.ts';

export type ObservedReassembler = Pick<Reassembler, 'counts' | 'totals' | 'holds' | 'losses' | 'redactions'>;

export function reassemblerObserved(stage: ObservedReassembler): Observed {
  return {
    *samples() {
      const { counts, totals, losses, holds } = stage;
      yield sample('bittern_reassembler_calls_total', counts.calls);
      yield sample('bittern_reassembler_exchanges_total', counts.exchanges);
      yield sample('bittern_reassembler_ended_total', totals.idle, { reason: 'idle' });
      yield sample('bittern_reassembler_ended_total', totals.cut, { reason: 'cut' });
      for (const { partition, heldMs, connections } of holds) {
        yield sample('bittern_reassembler_watermark_age_seconds', heldMs / 1000, { partition });
        yield sample('bittern_reassembler_connections', connections, { partition });
      }
      yield sample('bittern_reassembler_overtaken_total', losses.overtaken);
      yield sample('bittern_reassembler_checkpoints_missing_total', losses.checkpointsMissing);
      yield sample('bittern_lost_bytes_total', totals.skippedBytes, { stage: 'http', reason: 'unsynced' });
      yield sample('bittern_lost_bytes_total', totals.opaqueBytes, { stage: 'http', reason: 'other_protocol' });
      yield sample('bittern_lost_bytes_total', totals.gapBytes, { stage: 'http', reason: 'gap' });
      yield sample('bittern_lost_bytes_total', totals.droppedBytes, { stage: 'llm', reason: 'memory' });
      yield sample('bittern_gaps_total', totals.gaps);
      for (const [rule, count] of Object.entries(stage.redactions))
        yield sample('bittern_redactions_total', count, { rule });
    },
    facts: () => ({ watermark_age_seconds: Math.max(0, ...stage.holds.map(({ heldMs }) => heldMs)) / 1000 }),
  };
}
