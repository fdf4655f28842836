/**
 * What a detector is told of one thread, in the order in which it happened, and what it tells. A detector is a pure state machine: the
 * same steps give the same reports.
 */
import type { Micros } from '../../common/types.ts';
import type { CallFacts } from '../facts.ts';
import type { ToolState } from '../tools.ts';
import type { Episode, Moment } from './episode.ts';
import type { DetectorKind } from './settings.ts';

/** A step of the conversation that got an answer. */
export interface Step {
  readonly call: CallFacts;
  /** What may be kept of the call. */
  readonly moment: Moment;
  readonly turnId: string;
  readonly tools: readonly ToolState[];
  /** A person said something since the last step. */
  readonly newTurn: boolean;
}

export interface Report {
  readonly kind: DetectorKind;
  /** What is the same in all occurrences; with the thread it makes the finding's fingerprint. */
  readonly signature: string;
  readonly toolName: string;
  readonly episode: Episode;
  /** Occurrences as the thresholds count them, where that isn't the episode's number. */
  readonly weight?: number;
  /** The episode is all there is to tell, however often it was told: nothing adds up. */
  readonly isWhole?: boolean;
  readonly summary: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Reporter {
  report(report: Report): void;
  /** It ended, since the agent moved on. */
  ended(kind: DetectorKind, signature: string, at: Micros): void;
}

export interface Detector {
  step(step: Step, to: Reporter): void;
  /** The result of an earlier tool call is known now. */
  answered?(tool: ToolState, call: CallFacts, turnId: string, to: Reporter): void;
  compacted?(call: CallFacts, turnId: string, to: Reporter): void;
}
