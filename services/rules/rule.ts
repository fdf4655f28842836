/**
 * What a run of a rule changes: a function of what it returned, of what stood open, and of what waits for its time.
 *
 *     returned, not open ──(for `forMs` without a break)──► open
 *     returned, open     ──► goes on
 *     open, not returned ──► resolved
 */
import type { Finding } from '../../schemas/story.ts';
import type { VersionedFinding } from '../clickhouse/findings.ts';
import type { RuleSettings } from './settings.ts';

/** When each row that isn't a finding yet was first returned, µs. */
export type Pending = ReadonlyMap<string, number>;

export interface RuleStep {
  readonly changes: readonly VersionedFinding[];
  readonly pending: Pending;
}

export function stepRule(
  rule: RuleSettings,
  returned: ReadonlyMap<string, Finding>,
  open: readonly VersionedFinding[],
  pending: Pending,
  now: number,
): RuleStep {
  const before = new Map(open.map((entry) => [entry.finding.findingId, entry]));
  const changes: VersionedFinding[] = [];
  const waiting = new Map<string, number>();
  for (const [id, finding] of returned) {
    const known = before.get(id);
    const since = pending.get(id) ?? now;
    if (known !== undefined) changes.push(goesOn(known, finding, now));
    else if (now - since >= rule.forMs * 1000) changes.push({ version: now, finding });
    else waiting.set(id, since);
  }
  for (const entry of open) if (!returned.has(entry.finding.findingId)) changes.push(ended(entry, now));
  return { changes, pending: waiting };
}

function goesOn({ version, finding: known }: VersionedFinding, finding: Finding, now: number): VersionedFinding {
  const firstSeen = Math.min(known.firstSeen, finding.firstSeen);
  return { version: Math.max(now, version + 1), finding: { ...finding, firstSeen } };
}

function ended({ version, finding }: VersionedFinding, now: number): VersionedFinding {
  return { version: Math.max(now, version + 1), finding: { ...finding, state: 'resolved', resolvedAt: now } };
}
