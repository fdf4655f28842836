/**
 * Whether a stage does its work, told from how its figures move: a process that lives, with a consumer that is connected, may
 * still have stopped. Looked at every second or so; pure, with the time as a value.
 */
import type { Condition, Flow } from './observed.ts';

export interface Reason {
  /** A word for programs: `stalled`, `store_down`, … */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

interface Watched {
  done: number;
  /** Since when nothing got done though some waited, or since when the condition holds; null: all is well. */
  sinceMs: number | null;
}

export class FlowWatch {
  readonly #stallMs: number;
  readonly #flows = new Map<string, Watched>();
  readonly #conditions = new Map<string, number>();
  #reasons: readonly Reason[] = [];

  /** `stallMs`: how long a flow may stand still while work waits. */
  constructor(stallMs: number) {
    this.#stallMs = stallMs;
  }

  /** Why the stage isn't ready, as of the last look. */
  get reasons(): readonly Reason[] {
    return this.#reasons;
  }

  look(flows: readonly Flow[], conditions: readonly Condition[], nowMs: number): void {
    this.#reasons = [
      ...flows.flatMap((flow) => this.#stalled(flow, nowMs)),
      ...conditions.flatMap((condition) => this.#lasting(condition, nowMs)),
    ];
  }

  #stalled({ reason, subject, waiting, done, problem }: Flow, nowMs: number): Reason[] {
    const key = `${reason} ${subject}`;
    const watched = this.#flows.get(key) ?? { done, sinceMs: null };
    this.#flows.set(key, watched);
    if (waiting === 0 || done !== watched.done) watched.sinceMs = null;
    watched.done = done;
    if (waiting === 0) return [];
    watched.sinceMs ??= nowMs;
    const forMs = nowMs - watched.sinceMs;
    if (forMs < this.#stallMs) return [];
    const why = problem === '' ? '' : ` (${problem})`;
    return [{ reason, message: `${subject}: nothing got done for ${seconds(forMs)} while ${waiting} wait${why}.` }];
  }

  #lasting({ reason, problem, graceMs }: Condition, nowMs: number): Reason[] {
    if (problem === '') {
      this.#conditions.delete(reason);
      return [];
    }
    const sinceMs = this.#conditions.get(reason) ?? nowMs;
    this.#conditions.set(reason, sinceMs);
    return nowMs - sinceMs < graceMs ? [] : [{ reason, message: problem }];
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
