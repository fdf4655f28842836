/** What rules would have done over a time, by what is stored: nothing is written and nobody told. */
import type { Finding } from '../../schemas/story.ts';
import type { VersionedFinding } from '../clickhouse/findings.ts';
import type { Store } from '../clickhouse/store.ts';
import { type RuleLimits, runRuleQuery } from './query.ts';
import { type Pending, stepRule } from './rule.ts';
import { findingsOf } from './rule-finding.ts';
import type { RuleSettings } from './settings.ts';

export interface DryRunEvent {
  readonly at: number;
  readonly what: 'fires' | 'resolves';
  readonly finding: Finding;
}

export interface DryRun {
  readonly runs: number;
  readonly events: readonly DryRunEvent[];
  /** Those that are still open at the end. */
  readonly open: readonly Finding[];
}

/** Runs of a dry run; a longer time is looked at in larger steps. */
export const DRY_RUNS_MAX = 1_000;

/**
 * Runs the rule at `from`, at `to`, and at its interval between them; µs. Without steps in between, a row fires at once.
 * @throws BitternError BIT_RULE_FAILED
 */
export async function dryRun(
  store: Pick<Store, 'client'>,
  rule: RuleSettings,
  from: number,
  to: number,
  limits: RuleLimits,
  signal?: AbortSignal,
): Promise<DryRun> {
  const stepMicros = Math.max(rule.intervalMs * 1000, Math.ceil((to - from) / (DRY_RUNS_MAX - 1)));
  const once = from === to;
  const tried = once ? { ...rule, forMs: 0 } : rule;
  let open: VersionedFinding[] = [];
  let pending: Pending = new Map();
  const events: DryRunEvent[] = [];
  let runs = 0;
  for (let at = from; at <= to && signal?.aborted !== true; at += stepMicros) {
    runs++;
    const answer = await runRuleQuery(store, rule.sql, at, limits);
    const step = stepRule(tried, findingsOf(rule, answer, at), open, pending, at);
    const known = new Set(open.map(({ finding }) => finding.findingId));
    for (const { finding } of step.changes) {
      if (finding.state === 'resolved') events.push({ at, what: 'resolves', finding });
      else if (!known.has(finding.findingId)) events.push({ at, what: 'fires', finding });
    }
    open = step.changes.filter(({ finding }) => finding.state === 'open');
    pending = step.pending;
  }
  return { runs, events, open: open.map(({ finding }) => finding) };
}

/** Whether a query can be asked for another time than the present. */
export function knowsTime(rule: RuleSettings): boolean {
  return /\{\s*now\s*:/.test(rule.sql);
}
