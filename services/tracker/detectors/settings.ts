/** From how many occurrences on a finding has which level. */
import type { FindingKind, FindingLevel } from '../../../schemas/story.ts';

/** Each is a number of occurrences; 0 = never. */
export interface Thresholds {
  readonly note: number;
  readonly alert: number;
  readonly critical: number;
}

export type DetectorKind = Exclude<FindingKind, 'rule'>;

/** Thresholds for some agents, teams or tools. Empty lists match all. */
export interface Override extends Partial<Thresholds> {
  readonly kinds: readonly DetectorKind[];
  readonly agents: readonly string[];
  readonly teams: readonly string[];
  readonly tools: readonly string[];
}

export interface DetectorSettings {
  readonly thresholds: Readonly<Record<DetectorKind, Thresholds>>;
  /** The first that matches counts. */
  readonly overrides: readonly Override[];
  /** A finding without a further occurrence for so long is resolved. */
  readonly quietMs: number;
}

export const DETECTOR_DEFAULTS: DetectorSettings = {
  thresholds: {
    exact_repeat: { note: 3, alert: 5, critical: 20 },
    cycle: { note: 3, alert: 5, critical: 20 },
    retry_storm: { note: 3, alert: 5, critical: 20 },
    stuck_poll: { note: 3, alert: 5, critical: 20 },
    repeated_answer: { note: 3, alert: 5, critical: 20 },
    compaction_loop: { note: 3, alert: 5, critical: 20 },
    /** Steps without anything new while the context grows. */
    context_growth: { note: 10, alert: 20, critical: 40 },
    /** Thousands of tokens within one minute of a session. */
    burn_rate: { note: 2000, alert: 5000, critical: 20_000 },
    /** Subagents of one turn. */
    subagent_fanout: { note: 10, alert: 20, critical: 50 },
  },
  overrides: [],
  quietMs: 10 * 60_000,
};

/** What each detector counts. */
export const DETECTOR_UNITS: Readonly<Record<DetectorKind, string>> = {
  exact_repeat: 'The same tool with the same arguments. Counts calls (half of them when results differ).',
  cycle: 'Two to four actions in turn. Counts rounds.',
  retry_storm: 'The same tool fails in the same way. Counts failures.',
  stuck_poll: 'A poll with the same result. Counts calls.',
  repeated_answer: 'Nearly the same answer without a tool call. Counts answers.',
  compaction_loop: 'The history is summed up again and again. Counts compactions.',
  context_growth: 'Steps without anything new while the context grows. Counts steps.',
  burn_rate: 'Tokens within one minute of a session. Counts thousands of tokens.',
  subagent_fanout: 'Subagents of one turn. Counts them.',
};

/** Whom a finding is about. */
export interface Subject {
  readonly agentId: string;
  readonly teamId: string;
  readonly toolName: string;
}

function matches(list: readonly string[], value: string): boolean {
  return list.length === 0 || list.includes(value);
}

/** The level of so many occurrences; null: too few to be told. */
export function levelOf(
  settings: DetectorSettings,
  kind: DetectorKind,
  subject: Subject,
  occurrences: number,
): FindingLevel | null {
  const override = settings.overrides.find(
    ({ kinds, agents, teams, tools }) =>
      matches(kinds, kind) &&
      matches(agents, subject.agentId) &&
      matches(teams, subject.teamId) &&
      matches(tools, subject.toolName),
  );
  const { note, alert, critical } = { ...settings.thresholds[kind], ...definedOf(override) };
  if (critical > 0 && occurrences >= critical) return 'critical';
  if (alert > 0 && occurrences >= alert) return 'alert';
  return note > 0 && occurrences >= note ? 'note' : null;
}

function definedOf(override: Override | undefined): Partial<Thresholds> {
  const { note, alert, critical } = override ?? {};
  return {
    ...(note === undefined ? {} : { note }),
    ...(alert === undefined ? {} : { alert }),
    ...(critical === undefined ? {} : { critical }),
  };
}
