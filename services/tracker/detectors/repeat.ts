/**
 * The same tool with the same arguments, again and again: `exact_repeat`, and `stuck_poll` for tools that are made to be asked again.
 *
 * No loops: a poll (or a shell command) whose result changes; a read that is repeated after something in between may have changed what
 * it sees; whatever comes after a person spoke. A tool that is no poll and gives other results counts half.
 */
import type { CallFacts } from '../facts.ts';
import type { ToolState } from '../tools.ts';
import type { Detector, Reporter, Step } from './detector.ts';
import { Episode } from './episode.ts';
import { isShell, mayChange, polls } from './tool-nature.ts';

/** Actions that are followed at a time. */
const RUNS_MAX = 64;

interface Run {
  episode: Episode;
  readonly name: string;
  /** The newest occurrence, and the call that asked for it. */
  last: ToolState;
  lastCall: CallFacts;
  lastTurnId: string;
  /** Result of the one before. */
  previousHash: string | null;
  sameResult: boolean;
}

function keyOf(tool: ToolState): string {
  return `${tool.asked.name} ${tool.asked.argumentsHash}`;
}

export class RepeatDetector implements Detector {
  readonly #runs = new Map<string, Run>();

  step(step: Step, to: Reporter): void {
    if (step.newTurn) this.#endAll(step.call, to, () => true);
    for (const tool of step.tools) {
      if (tool.serverSide) continue;
      const key = keyOf(tool);
      if (mayChange(tool.asked.name)) this.#endAll(step.call, to, (other) => other !== key);
      this.#happened(key, tool, step, to);
    }
  }

  #happened(key: string, tool: ToolState, step: Step, to: Reporter): void {
    const run = this.#runs.get(key);
    if (run === undefined) {
      this.#begin(key, tool, step);
      return;
    }
    const hash = run.last.result?.hash ?? null;
    if (hash !== null && run.previousHash !== null && hash !== run.previousHash) {
      if (polls(run.name) || isShell(run.name)) this.#beginAnew(key, run, to, step.call);
      else run.sameResult = false;
    }
    run.previousHash = hash ?? run.previousHash;
    run.last = tool;
    run.lastCall = step.call;
    run.lastTurnId = step.turnId;
    run.episode.happened(step.call, step.turnId);
    this.#runs.delete(key);
    this.#runs.set(key, run);
    this.#report(key, run, to);
  }

  #report(key: string, run: Run, to: Reporter): void {
    const { episode, name, sameResult } = run;
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

  #begin(key: string, tool: ToolState, { call, turnId }: Step): void {
    const episode = new Episode();
    episode.happened(call, turnId);
    const run = { episode, name: tool.asked.name, last: tool, lastCall: call, lastTurnId: turnId };
    this.#runs.set(key, { ...run, previousHash: null, sameResult: true });
    if (this.#runs.size > RUNS_MAX) this.#runs.delete(this.#runs.keys().next().value!);
  }

  /** The newest occurrence had a new result: the run begins with it. */
  #beginAnew(key: string, run: Run, to: Reporter, at: CallFacts): void {
    to.ended(polls(run.name) ? 'stuck_poll' : 'exact_repeat', key, at.start);
    run.episode = new Episode();
    run.episode.happened(run.lastCall, run.lastTurnId);
  }

  #endAll(at: CallFacts, to: Reporter, isOver: (key: string) => boolean): void {
    for (const [key, run] of this.#runs) {
      if (!isOver(key)) continue;
      this.#runs.delete(key);
      to.ended(polls(run.name) ? 'stuck_poll' : 'exact_repeat', key, at.start);
    }
  }
}
