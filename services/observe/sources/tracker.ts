/** What a tracker shows: how much it has told, and whether it keeps up. */
import type { Tracker } from '../../tracker/tracker.ts';
import { sample } from '../metrics.ts';
import type { Observed } from '../observed.ts';

/** For so long a look may fail or last before the tracker isn't ready, ms. */
const BEHIND_GRACE_MS = 30_000;

export function trackerObserved(tracker: Pick<Tracker, 'stats'>): Observed {
  const ageSeconds = (): number => {
    const { caughtUpMs } = tracker.stats;
    return caughtUpMs === 0 ? 0 : (Date.now() - caughtUpMs) / 1000;
  };
  return {
    *samples() {
      const { stats } = tracker;
      yield sample('bittern_tracker_calls_total', stats.calls);
      yield sample('bittern_tracker_retold_total', stats.retold);
      yield sample('bittern_tracker_hops_total', stats.hops);
      yield sample('bittern_tracker_unsearched_hops_total', stats.unsearchedHops);
      yield sample('bittern_tracker_corrections_total', stats.corrections);
      yield sample('bittern_tracker_findings_total', stats.findings);
      yield sample('bittern_tracker_stories', stats.stories);
      yield sample('bittern_tracker_packed_stories', stats.packed);
      yield sample('bittern_tracker_story_bytes', stats.bytes);
      yield sample('bittern_tracker_waiting', stats.waiting);
      yield sample('bittern_tracker_caught_up_age_seconds', ageSeconds());
    },
    conditions: () => [{ reason: 'tracker_failing', problem: tracker.stats.problem, graceMs: BEHIND_GRACE_MS }],
    facts: () => ({ tracker_caught_up_age_seconds: ageSeconds() }),
  };
}
