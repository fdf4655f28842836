/**
 * Makes sessions, turns, tool calls, findings and the hours of dashboards of the calls that are stored.
 *
 *     calls stored since the last look ─► grouped by session (links.ts) ─► told in order (session.ts) ─► rows, corrections (writer.ts)
 *
 * ClickHouse is the only source: what is in memory are stories that were told lately, and any of them can be told again from the
 * stored calls. So a crash, a restart or a second tracker at the same time changes nothing in the result.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { toldOf } from '../common/errors.ts';
import type { Micros } from '../common/types.ts';
import { byTime, type StoredFacts } from './facts.ts';
import { Hops } from './hops.ts';
import { Hours } from './hours.ts';
import { Links } from './links.ts';
import { TRACKER_DEFAULTS, type TrackerOptions } from './options.ts';
import { CallReader } from './reader.ts';
import type { Told } from './session.ts';
import { Stories } from './stories.ts';
import { TrackerState } from './tracker-state.ts';
import { type Changes, StoryWriter } from './writer.ts';

export interface TrackerStats {
  readonly calls: number;
  /** Stories that were told anew, since a call came late. */
  readonly retold: number;
  /** Calls that were the next hop of another one. */
  readonly hops: number;
  /** Calls of which so many others look like a hop that not all were looked at. */
  readonly unsearchedHops: number;
  /** In memory, those among them that are packed, and the bytes that they all take, as estimated. */
  readonly stories: number;
  readonly packed: number;
  readonly bytes: number;
  readonly corrections: number;
  readonly findings: number;
  /** Chained requests whose response isn't known. */
  readonly waiting: number;
  /** When it had taken all stored calls last, ms since the epoch; 0: not yet. */
  readonly caughtUpMs: number;
  /** Why nothing can be written at the moment; '' when all is well. No text of the traffic. */
  readonly problem: string;
}

/** Between two looks, when calls were stored meanwhile, ms: more of them make no alert quicker, but cost. */
const NUDGED_MS = 100;
/** Sessions that are told at a time: so many live stories there may be above their limit. */
const SESSIONS_MAX = 250;

export class Tracker {
  readonly #options: TrackerOptions;
  readonly #reader: CallReader;
  readonly #writer: StoryWriter;
  readonly #hops: Hops;
  readonly #hours: Hours;
  #links: Links;
  readonly #state: TrackerState;
  readonly #stories: Stories;
  readonly #abort = new AbortController();
  readonly #told: (told: Told, version: Micros) => Promise<void>;
  #running: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #nudged = false;
  #lookedAt = 0;
  #problem = '';
  #caughtUpMs = 0;
  /** Sessions to be told again from the stored calls. */
  readonly #again = new Set<string>();
  #counts = { calls: 0, hops: 0, corrections: 0, findings: 0 };

  /** `told`: is given what was written, after it was; it may come twice after a crash, with the same ids. */
  constructor(
    client: ClickHouseClient,
    options: Partial<TrackerOptions> = {},
    told: (told: Told, version: Micros) => Promise<void> = async () => {},
  ) {
    this.#options = { ...TRACKER_DEFAULTS, ...options };
    this.#reader = new CallReader(client);
    this.#writer = new StoryWriter(client, this.#abort.signal);
    this.#hops = new Hops(client);
    this.#hours = new Hours(client);
    this.#links = new Links(this.#reader);
    this.#state = new TrackerState(client);
    this.#stories = new Stories(this.#options, this.#reader, this.#state);
    this.#told = told;
  }

  get stats(): TrackerStats {
    const problem = this.#writer.problem || this.#problem;
    return {
      ...this.#counts,
      ...this.#stories.counts,
      retold: this.#stories.retold,
      unsearchedHops: this.#hops.unsearched,
      waiting: this.#links.waiting,
      caughtUpMs: this.#caughtUpMs,
      problem,
    };
  }

  /** Looks for calls from now on, until `close`. */
  start(): void {
    this.#lookIn(this.#options.pollMs);
  }

  /** Calls were stored: look sooner. */
  nudge(): void {
    this.#nudged = true;
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#lookIn(Math.max(0, this.#lookedAt + NUDGED_MS - performance.now()));
  }

  #lookIn(delayMs: number): void {
    if (this.#abort.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#nudged = false;
      void this.catchUp(true)
        .catch(() => {})
        .then(() => {
          this.#lookedAt = performance.now();
          this.#lookIn(this.#nudged ? NUDGED_MS : this.#options.pollMs);
        });
    }, delayMs);
  }

  /** Takes all calls that are stored. One at a time: a second call waits for the first. `patient`: the hours may stay behind for a while. */
  catchUp(patient = false): Promise<void> {
    const work = this.#running.then(() => this.#catchUp()).then(() => this.#refreshHours(patient));
    this.#running = work.catch(() => {});
    return work;
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#abort.abort(new Error('The tracker is closed.'));
    await this.#running;
  }

  /** A failure is told, and changes nothing of the stories. */
  async #refreshHours(patient: boolean): Promise<void> {
    if (this.#abort.signal.aborted) return;
    await this.#hours.refresh(patient).catch((error: unknown) => {
      this.#problem = toldOf(error);
      throw error;
    });
  }

  async #catchUp(): Promise<void> {
    try {
      while (!this.#abort.signal.aborted && (await this.#step())) {
        // As long as there is more than one batch.
      }
      await this.#state.resolveQuiet(this.#options.detectors.quietMs);
      this.#problem = '';
      this.#caughtUpMs = Date.now();
    } catch (error) {
      this.#problem = toldOf(error);
      // What was told may not be written: everything since the last saved place is told again.
      this.#stories.clear();
      this.#links = new Links(this.#reader);
      this.#state.reset();
      throw error;
    }
  }

  /** One batch. True when there may be more. */
  async #step(): Promise<boolean> {
    const version = await this.#reader.now();
    const { batchCallsMax } = this.#options;
    const fresh = await this.#state.fresh(this.#reader, batchCallsMax);
    if (fresh.ids.length > 0) {
      const where = "call_id IN {ids:Array(String)} AND stored >= toDateTime({since:UInt32}, 'UTC')";
      const calls = await this.#reader.calls({
        where,
        params: { ids: fresh.ids, since: fresh.from },
      });
      const moved = await this.#moveHops(calls);
      const told = calls.filter(({ callId }) => !moved.has(callId)).sort(byTime);
      await this.#tell(told, version);
      this.#counts.calls += calls.length;
    }
    await this.#state.done(fresh, version);
    return fresh.more;
  }

  /** Takes the second hops of calls out of `calls`. Returns their ids; the stories that had told one are forgotten, and told again. */
  async #moveHops(calls: readonly StoredFacts[]): Promise<ReadonlySet<string>> {
    const starts = calls.map(({ start }) => start);
    const ids = calls.map(({ callId }) => callId);
    const hops = await this.#hops.find(ids, Math.min(...starts), Math.max(...starts));
    await this.#hops.move(hops);
    const fresh = new Set<string>(ids);
    for (const { callId, sessionId } of hops) {
      if (fresh.has(callId) || sessionId === '') continue;
      const root = this.#links.rootOf(sessionId);
      this.#again.add(root);
      this.#stories.forget(root);
    }
    this.#counts.hops += hops.length;
    return new Set(hops.map(({ callId }) => callId));
  }

  async #tell(calls: readonly StoredFacts[], version: Micros): Promise<void> {
    const { groups, absorbed } = await this.#links.group(calls);
    const roots = [...new Set([...groups.keys(), ...absorbed.values(), ...this.#again])];
    for (const child of absorbed.keys()) this.#stories.forget(child);
    const [all, gone]: [Told[], string[]] = [[], goneSessions(absorbed, calls)];
    for (let at = 0; at < roots.length; at += SESSIONS_MAX) {
      const part = roots.slice(at, at + SESSIONS_MAX);
      const rootOf = (sessionId: string): string => this.#links.rootOf(sessionId);
      const { told, emptied } = await this.#stories.tell(part, { groups, absorbed, rootOf });
      for (const each of told) all.push(each);
      gone.push(...emptied.filter((root) => this.#again.has(root)));
    }
    const changes: Changes = { ...merged(all), goneSessions: gone };
    await this.#writer.write(changes, version);
    this.#again.clear();
    this.#counts.corrections += changes.corrections.length;
    this.#counts.findings += changes.findings.length;
    await this.#told(changes, version);
  }
}

function merged(all: readonly Told[]): Told {
  return {
    sessions: all.flatMap((told) => told.sessions),
    turns: all.flatMap((told) => told.turns),
    goneTurns: all.flatMap((told) => told.goneTurns),
    toolCalls: all.flatMap((told) => told.toolCalls),
    findings: all.flatMap((told) => told.findings),
    goneFindings: all.flatMap((told) => told.goneFindings),
    corrections: all.flatMap((told) => told.corrections),
  };
}

/** A session that names its parent keeps its row. */
function goneSessions(absorbed: ReadonlyMap<string, string>, calls: readonly StoredFacts[]): string[] {
  const own = new Set(calls.flatMap((call) => (call.parentSessionId === '' ? [] : [call.sessionId])));
  return [...absorbed.keys()].filter((id) => !own.has(id));
}
