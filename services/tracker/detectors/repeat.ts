/**
 * The same tool with the same arguments, again and again: `exact_repeat`, and `stuck_poll` for tools that are made to be asked again.
 *
 * No loops: a poll (or a shell command) whose result changes, and what is done while it does; a read that is repeated after something
 * in between may have changed what it sees; whatever comes after a person spoke; equal calls of one answer, of which the model had
 * seen no result. A tool that is no poll and gives other results counts half. What is part of a cycle or fails is told by their
 * detectors.
 */
import type { CallFacts } from '../facts.ts';
import type { ToolState } from '../tools.ts';
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode, type Moment } from './episode.ts';
import { isShell, mayChange, polls } from './tool-nature.ts';

/** Actions that are followed at a time. */
const RUNS_MAX = 64;

interface Run {
  /** Null: it happened once. */
  episode: Episode | null;
  readonly name: string;
  /** The call that asked for the newest occurrence. */
  lastCall: Moment;
  lastTurnId: string;
  fails: boolean;
  sameResult: boolean;
}

/** What may be asked again to see how something gets on. */
function waits(name: string): boolean {
  return polls(name) || isShell(name);
}

export class RepeatDetector implements Detector {
  readonly #runs = new Map<string, Run>();
  /** Newest result of each action, whether it is followed or not. */
  readonly #results = new Map<string, string>();
  readonly #isTold: (key: string) => boolean;

  /** `isTold`: whether another detector tells of the action. */
  constructor(isTold: (key: string) => boolean) {
    this.#isTold = isTold;
  }

  step(step: Step, to: Reporter): void {
    if (step.newTurn) {
      this.#endAll(step.call, to, () => true);
      this.#results.clear();
    }
    const seen = new Set<string>();
    for (const tool of step.tools) {
      const key = tool.action;
      if (tool.serverSide || seen.has(key)) continue;
      seen.add(key);
      if (mayChange(tool.asked.name)) this.#endAll(step.call, to, (other) => other !== key);
      this.#happened(key, tool, step, to);
    }
  }

  answered(tool: ToolState, call: CallFacts, _turnId: string, to: Reporter): void {
    const key = tool.action;
    const { result } = tool;
    if (result === null) return;
    const before = this.#results.get(key);
    this.#results.delete(key);
    this.#results.set(key, result.hash);
    if (this.#results.size > RUNS_MAX) this.#results.delete(this.#results.keys().next().value!);
    const run = this.#runs.get(key);
    if (run !== undefined) run.fails = result.isError;
    if (before === undefined || before === result.hash) return;
    if (!waits(tool.asked.name)) {
      if (run !== undefined) run.sameResult = false;
      return;
    }
    if (run !== undefined) this.#beginAnew(key, run, to, call);
    // What else was done to wait for it was no loop either.
    this.#endAll(call, to, (other, { name }) => other !== key && waits(name));
  }

  #happened(key: string, tool: ToolState, step: Step, to: Reporter): void {
    const run = this.#runs.get(key);
    if (run === undefined) {
      this.#begin(key, tool, step);
      return;
    }
    const [before, turnBefore] = [run.lastCall, run.lastTurnId];
    run.lastCall = step.moment;
    run.lastTurnId = step.turnId;
    this.#runs.delete(key);
    this.#runs.set(key, run);
    if (run.episode === null) {
      run.episode = new Episode();
      run.episode.happened(before, turnBefore);
    }
    if (this.#isTold(key)) return;
    run.episode.happened(step.moment, step.turnId);
    if (!run.fails) this.#report(key, run, run.episode, to);
  }

  #report(key: string, run: Run, episode: Episode, to: Reporter): void {
    const { name, sameResult } = run;
    const { occurrences } = episode;
    const kind = polls(name) ? 'stuck_poll' : 'exact_repeat';
    const results = sameResult ? 'the same result' : 'other results';
    to.report({
      kind,
      signature: key,
      toolName: name,
      episode,
      weight: sameResult ? occurrences : occurrences >> 1,
      summary: `${name} was called ${occurrences} times with the same arguments and ${results}`,
      labels: { same_result: String(sameResult) },
    });
  }

  #begin(key: string, tool: ToolState, { moment, turnId }: Step): void {
    const run = { episode: null, name: tool.asked.name, lastCall: moment, lastTurnId: turnId };
    this.#runs.set(key, { ...run, fails: false, sameResult: true });
    if (this.#runs.size > RUNS_MAX) this.#runs.delete(this.#runs.keys().next().value!);
  }

  /** The newest occurrence had a new result: the run begins with it. */
  #beginAnew(key: string, run: Run, to: Reporter, at: CallFacts): void {
    to.ended(polls(run.name) ? 'stuck_poll' : 'exact_repeat', key, at.start);
    run.episode = null;
  }

  #endAll(at: CallFacts, to: Reporter, isOver: (key: string, run: Run) => boolean): void {
    for (const [key, run] of this.#runs) {
      if (!isOver(key, run)) continue;
      this.#runs.delete(key);
      to.ended(polls(run.name) ? 'stuck_poll' : 'exact_repeat', key, at.start);
    }
  }
}
