/** What a stage shows of itself. All of it is read from the stage's own counters when somebody asks: nothing is counted twice. */
import type { Sample } from './metrics.ts';

/** Work that passes through a stage. While some waits, some must get done: otherwise the stage isn't ready. */
export interface Flow {
  /** Why the stage isn't ready when this stands still: a word for programs. */
  readonly reason: string;
  /** What flows: a topic, … */
  readonly subject: string;
  /** How much waits, in whatever unit. */
  readonly waiting: number;
  /** How much has been done since the start. */
  readonly done: number;
  /** What is known about why it stands still; ''. No text from the traffic. */
  readonly problem: string;
}

/** Something that must not last. */
export interface Condition {
  readonly reason: string;
  /** A sentence while it holds; '' when all is well. */
  readonly problem: string;
  /** For how long it may hold, ms. */
  readonly graceMs: number;
}

export interface Observed {
  samples(): Iterable<Sample>;
  flows?(): readonly Flow[];
  conditions?(): readonly Condition[];
  /** Figures that /readyz tells beside its verdict. */
  facts?(): Readonly<Record<string, number | null>>;
  /** Looks up what must be asked for elsewhere. Called every few seconds, never twice at a time; may fail. */
  refresh?(): Promise<void>;
}
