/** The findings of one session: one row a fingerprint, updated as it goes on, resolved when it ends. */
import { hash } from 'node:crypto';
import type { Finding, FindingLevel } from '../../schemas/story.ts';
import type { Micros } from '../common/types.ts';
import type { Report } from './detectors/detector.ts';
import type { Episode } from './detectors/episode.ts';
import { type DetectorKind, type DetectorSettings, levelOf, type Subject } from './detectors/settings.ts';
import type { CallFacts } from './facts.ts';

/** Findings of one session that are kept in memory; a session with more has told enough. */
const FINDINGS_MAX = 500;

interface Kept {
  readonly finding: Finding;
  /** Of the episodes that ended before this one. */
  readonly before: Pick<Finding, 'occurrences' | 'wastedCalls' | 'wastedTokens' | 'wastedCostUsd'>;
  readonly episode: Episode;
}

const NOTHING = { occurrences: 0, wastedCalls: 0, wastedTokens: 0, wastedCostUsd: 0 };
const RANK: Readonly<Record<FindingLevel, number>> = { note: 0, alert: 1, critical: 2 };

function digest(...parts: readonly string[]): string {
  return hash('sha256', parts.join('\0'), 'hex').slice(0, 32);
}

export class FindingBook {
  readonly #settings: DetectorSettings;
  readonly #sessionId: string;
  readonly #kept = new Map<string, Kept>();
  readonly #dirty = new Set<string>();

  constructor(settings: DetectorSettings, sessionId: string) {
    this.#settings = settings;
    this.#sessionId = sessionId;
  }

  /** Ids of all findings. */
  get ids(): Set<string> {
    return new Set([...this.#kept.values()].map(({ finding }) => finding.findingId));
  }

  report(threadId: string, report: Report, call: CallFacts): void {
    const { kind, episode, toolName } = report;
    const subject: Subject = { agentId: call.agentId, teamId: call.teamId, toolName };
    const level = levelOf(this.#settings, kind, subject, report.weight ?? episode.occurrences);
    const key = `${threadId} ${kind} ${report.signature}`;
    const known = this.#kept.get(key);
    if (level === null || (known === undefined && this.#kept.size >= FINDINGS_MAX)) return;
    const isFirst = known === undefined || report.isWhole === true;
    const before = isFirst ? NOTHING : known.episode === episode ? known.before : known.finding;
    const highest = known !== undefined && RANK[known.finding.level] > RANK[level] ? known.finding.level : level;
    const finding: Finding = {
      findingId: digest('finding', this.#sessionId, threadId, kind, report.signature),
      kind,
      rule: kind,
      level: highest,
      state: 'open',
      fingerprint: digest(threadId, kind, report.signature),
      sessionId: this.#sessionId,
      threadId,
      turnId: episode.turnId,
      ...subject,
      userId: call.userId,
      summary: report.summary,
      occurrences: before.occurrences + episode.occurrences,
      firstSeen: known?.finding.firstSeen ?? episode.firstSeen,
      lastSeen: episode.lastSeen,
      resolvedAt: null,
      wastedCalls: before.wastedCalls + episode.wastedCalls,
      wastedTokens: before.wastedTokens + episode.wastedTokens,
      wastedCostUsd: before.wastedCostUsd + episode.wastedCostNanos / 1e9,
      callIds: episode.callIds,
      labels: report.labels ?? {},
    };
    this.#kept.set(key, { finding, before, episode });
    this.#dirty.add(key);
  }

  /** The agent moved on at `at`; one that had been quiet for long enough was over before. */
  ended(threadId: string, kind: DetectorKind, signature: string, at: Micros): void {
    this.#resolve(`${threadId} ${kind} ${signature}`, at);
  }

  /** Findings that changed since the last time. */
  takeDirty(): Finding[] {
    const dirty = [...this.#dirty].map((key) => this.#kept.get(key)!.finding);
    this.#dirty.clear();
    return dirty;
  }

  #quietAt({ lastSeen }: Finding): Micros {
    return lastSeen + this.#settings.quietMs * 1000;
  }

  #resolve(key: string, at: Micros): void {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.finding.state === 'resolved') return;
    const resolvedAt = Math.max(kept.finding.lastSeen, Math.min(at, this.#quietAt(kept.finding)));
    this.#kept.set(key, { ...kept, finding: { ...kept.finding, state: 'resolved', resolvedAt } });
    this.#dirty.add(key);
  }
}
