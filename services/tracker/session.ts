/**
 * The story of one session (with the sessions that its tool calls started), told call by call.
 *
 * The calls of one thread must come in order of time; a late one says so, and the story is then told anew from all calls. Threads
 * and side calls may come in any order among each other. What comes out depends on the set of calls, not on how they came.
 */
import type { Finding, Session, ToolCall, Turn } from '../../schemas/story.ts';
import { Attempts, withAttempts } from './attempts.ts';
import { BurnWatch } from './detectors/burn.ts';
import type { Reporter } from './detectors/detector.ts';
import { Episode } from './detectors/episode.ts';
import type { DetectorSettings } from './detectors/settings.ts';
import { before, byTime, type CallFacts, isStep } from './facts.ts';
import { FindingBook } from './findings.ts';
import type { Lasting } from './packing/packed-calls.ts';
import { type Correction, Places } from './places.ts';
import { SessionSums } from './session-sums.ts';
import { SideCalls } from './side-calls.ts';
import { Subagents } from './subagents.ts';
import { ThreadStory } from './thread.ts';
import { ToolLedger, toolCallRow } from './tools.ts';
import { type Beside, nothingBeside, type TurnState, turnRow } from './turns.ts';

/** A story of more calls isn't packed: it would take milliseconds to tell it again. */
const KEPT_CALLS_MAX = 128;

export interface Told {
  readonly sessions: readonly Session[];
  readonly turns: readonly Turn[];
  /** Turns that were told before and belong to another one now. */
  readonly goneTurns: readonly string[];
  readonly toolCalls: readonly ToolCall[];
  readonly findings: readonly Finding[];
  /** Findings that were told before and are none, now that a late call is known. */
  readonly goneFindings: readonly string[];
  readonly corrections: readonly Correction[];
}

/** Adds all calls in order to a story that is empty. */
export function retell(story: SessionStory, calls: readonly CallFacts[]): void {
  for (const call of withAttempts(calls).sort(byTime)) story.put(call);
}

export class SessionStory {
  readonly sessionId: string;
  readonly book: FindingBook;
  readonly #ledger: ToolLedger;
  readonly #threads = new Map<string, ThreadStory>();
  /** A thread that goes on under another id. */
  readonly #aliases = new Map<string, string>();
  readonly #compactions: CallFacts[] = [];
  readonly #seen = new Set<string>();
  readonly #attempts = new Attempts();
  #kept: CallFacts[] | null = [];
  readonly #dirty = new Set<TurnState>();
  /** Turns that have rows. */
  readonly #told: Set<string>;
  /** Of the story that was told before a late call came; empty once this one is told. */
  #before: ReadonlySet<string>;
  #toldOnce = false;
  readonly #sums = new Map<string, SessionSums>();
  readonly #burn = new BurnWatch();
  readonly #places: Places;
  readonly #subagents: Subagents;
  readonly #sides: SideCalls;

  /** `turns`, `findings`: ids of those that have rows already. */
  constructor(
    sessionId: string,
    settings: DetectorSettings,
    turns: Iterable<string> = [],
    findings: Iterable<string> = [],
  ) {
    this.sessionId = sessionId;
    this.#told = new Set(turns);
    this.#before = new Set(findings);
    this.book = new FindingBook(settings, sessionId);
    this.#ledger = new ToolLedger(sessionId);
    this.#places = new Places(sessionId);
    this.#subagents = new Subagents(this.#threads, this.#ledger, this.#places, this.#dirty);
    this.#sides = new SideCalls(this.#threads, this.#subagents, this.#places, this.#dirty);
  }

  /** Turns that have rows. */
  get told(): ReadonlySet<string> {
    return this.#told;
  }

  /** Calls in it. */
  get size(): number {
    return this.#seen.size;
  }

  /** Its calls in the order in which they were added; null: too many to be kept. */
  get kept(): readonly CallFacts[] | null {
    return this.#kept;
  }

  /** What tool call rows say that may be written again. */
  get lasting(): Lasting {
    return this.#ledger.lasting();
  }

  has(callId: string): boolean {
    return this.#seen.has(callId);
  }

  /**
   * False: the call shows that one that was added would have been told otherwise; nothing has changed. The story is then told
   * anew by `retell`.
   */
  add(call: CallFacts): boolean {
    if (!this.#seen.has(call.callId) && this.#isLate(call)) return false;
    this.put(call);
    return true;
  }

  /** Adds a call of which nothing that came before it is late: in order of time, or in an order that was told before. */
  put(call: CallFacts): void {
    if (this.#seen.has(call.callId)) return;
    const threadId = this.#nameOf(call.threadId);
    const thread = isStep(call) ? this.#threadOf(call, threadId) : null;
    this.#seen.add(call.callId);
    if (this.#kept !== null && this.#kept.push(call) > KEPT_CALLS_MAX) this.#kept = null;
    this.#sumsOf(call).add(call);
    this.#burn.add(call, this.#reporter('', call));
    if (thread !== null) this.#addStep(call, thread);
    else if (call.kind !== '') this.#addSide(call, threadId);
    this.#attempts.add(call);
  }

  #isLate(call: CallFacts): boolean {
    const own = this.#nameOf(call.threadId);
    const isOrdered = isStep(call) || call.kind === 'compaction';
    if (isOrdered && this.#threads.get(own)?.isLate(call) === true) return true;
    // A summary that came before its thread was known.
    const unthreaded = !this.#threads.has(own) && isStep(call);
    if (unthreaded && this.#compactions.some((side) => this.#nameOf(side.threadId) === own && before(call, side)))
      return true;
    if (this.#attempts.displaces(call)) return true;
    if (call.kind !== 'compaction' || call.answerTextHash === '') return false;
    for (const { threadId, first } of this.#threads.values())
      if (threadId !== own && before(call, first) && first.openingHash === call.answerTextHash) return true;
    return false;
  }

  #nameOf(threadId: string): string {
    return this.#aliases.get(threadId) ?? threadId;
  }

  #addStep(call: CallFacts, thread: ThreadStory): void {
    const { turn, isNew } = thread.add(call, this.#ledger, this.#reporter(thread.threadId, call));
    this.#dirty.add(turn);
    const kind = turn.parent === null ? call.kind : 'subagent';
    this.#places.put(call, thread.threadId, this.#subagents.rootOf(turn).turnId, kind);
    if (!isNew) return;
    this.#subagents.began(thread, turn);
    this.#sides.turnBegan(turn);
  }

  #addSide(call: CallFacts, threadId: string): void {
    this.#sides.add(call, threadId);
    if (call.kind !== 'compaction') return;
    this.#compactions.push(call);
    const thread = this.#threads.get(threadId);
    if (thread === undefined) return;
    thread.compacted(call, this.#ledger, this.#reporter(thread.threadId, call));
    if (thread.current !== null) this.#dirty.add(thread.current);
  }

  /** The thread that the call goes on with; a new one may be an old one under another id. */
  #threadOf(call: CallFacts, threadId: string): ThreadStory {
    const known = this.#threads.get(threadId);
    if (known !== undefined) return known;
    const older = this.#continued(call);
    if (older !== null) {
      this.#aliases.set(threadId, older.threadId);
      return older;
    }
    const thread = new ThreadStory(threadId, call);
    this.#threads.set(threadId, thread);
    return thread;
  }

  /** After a compaction the history opens with its answer. */
  #continued(call: CallFacts): ThreadStory | null {
    const compaction = this.#compactions.findLast(
      (side) => side.answerTextHash !== '' && side.answerTextHash === call.openingHash && before(side, call),
    );
    const summed = compaction === undefined ? undefined : this.#threads.get(this.#nameOf(compaction.threadId));
    if (summed !== undefined && !summed.isLate(call)) return summed;
    return null;
  }

  #reporter(threadId: string, call: CallFacts): Reporter {
    return {
      report: (report) => this.book.report(threadId, report, call),
      ended: (kind, signature, at) => this.book.ended(threadId, kind, signature, at),
    };
  }

  #sumsOf(call: CallFacts): SessionSums {
    const sessionId = this.#places.sessionOf(call);
    let sums = this.#sums.get(sessionId);
    if (sums === undefined) {
      sums = new SessionSums(sessionId);
      this.#sums.set(sessionId, sums);
    }
    return sums;
  }

  /** What changed since the last time. */
  tell(): Told {
    this.#subagents.link();
    this.#sides.settle();
    const turns: Turn[] = [];
    const goneTurns: string[] = [];
    for (const turn of this.#dirty) {
      if (turn.parent !== null) {
        if (this.#told.delete(turn.turnId)) goneTurns.push(turn.turnId);
        continue;
      }
      this.#told.add(turn.turnId);
      const beside = this.#besideOf(turn);
      turns.push(turnRow(turn, this.#places.sessionOf(turn.first), beside));
      this.#fanout(turn, beside);
    }
    this.#dirty.clear();
    goneTurns.push(...this.#vanished());
    const toolCalls = this.#ledger.takeDirty().map((tool) => toolCallRow(tool, this.#sessionOfThread(tool.threadId)));
    const findings = this.book.takeDirty();
    const goneFindings = [...this.#before].filter((id) => !this.book.ids.has(id));
    this.#before = new Set();
    const sessions = this.#sessionRows();
    return { sessions, turns, goneTurns, toolCalls, findings, goneFindings, corrections: this.#places.take() };
  }

  /** Turns that have rows though this story, told anew, knows no such turn. */
  #vanished(): string[] {
    if (this.#toldOnce) return [];
    this.#toldOnce = true;
    const turns = new Set<string>();
    for (const thread of this.#threads.values()) for (const turn of thread.turns) turns.add(turn.turnId);
    const gone = [...this.#told].filter((id) => !turns.has(id));
    for (const id of gone) this.#told.delete(id);
    return gone;
  }

  #sessionOfThread(threadId: string): string {
    const thread = this.#threads.get(threadId);
    return thread === undefined ? this.sessionId : this.#places.sessionOf(thread.first);
  }

  #besideOf(turn: TurnState): Beside {
    const beside = nothingBeside();
    this.#sides.addTo(turn, beside);
    this.#subagents.addTo(turn, beside);
    for (const child of this.#subagents.below(turn)) this.#sides.addTo(child, beside);
    return beside;
  }

  #fanout(turn: TurnState, beside: Beside): void {
    const threads = [...beside.subagents].flatMap((id) => this.#threads.get(id) ?? []);
    if (threads.length < 2) return;
    const episode = new Episode();
    threads.sort((a, b) => (before(a.first, b.first) ? -1 : 1));
    for (const { first } of threads) episode.happened(first, turn.turnId);
    const summary = `One turn started ${threads.length} subagents`;
    const report = {
      kind: 'subagent_fanout',
      signature: turn.turnId,
      toolName: '',
      episode,
      isWhole: true,
      summary,
    } as const;
    this.book.report(turn.threadId, report, turn.first);
  }

  #sessionRows(): Session[] {
    for (const sums of this.#sums.values()) sums.begin();
    for (const thread of this.#threads.values()) this.#sums.get(this.#places.sessionOf(thread.first))?.thread(thread);
    return [...this.#sums.values()].map((sums) => sums.row());
  }
}
