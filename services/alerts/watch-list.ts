/**
 * The findings that somebody has still to be told of: followed in `finding_rows` by the time of storing, with an overlap because an
 * insert may become visible after one that was stored later. What was settled is forgotten; the store has it.
 */

import { type AgentEntry, agentEntries } from '../clickhouse/agents.ts';
import { alertPosition, storeAlertPosition, storeTime, unsettledFindings } from '../clickhouse/alert-deliveries.ts';
import { changedFindings, findingsById, openFindings, type VersionedFinding } from '../clickhouse/findings.ts';
import type { Store } from '../clickhouse/store.ts';
import { type Alert, alertOf } from './alert.ts';
import { ALERT_DEFAULTS } from './defaults.ts';
import type { DeliveryBook } from './delivery-book.ts';
import type { Planned } from './plan.ts';
import type { Quiet } from './quiet.ts';
import type { Router, Target } from './routing.ts';

interface Watched {
  readonly alert: Alert;
  readonly targets: ReadonlyMap<string, Target>;
}

export interface WatchListOptions {
  readonly receivers: readonly string[];
  readonly overlapSeconds: number;
  readonly findingsMax: number;
  /** A finding is no longer watched. */
  onForget(findingId: string): void;
}

/** Findings that may change within the overlap. */
const CHANGES_MAX = 100_000;
const IDS_A_QUERY = 1_000;
const POSITION_MS = 5_000;

export class WatchList {
  /** Findings that were not watched because there were too many. */
  overflow = 0;
  readonly #store: Pick<Store, 'client'>;
  readonly #book: DeliveryBook;
  readonly #router: Router;
  readonly #quiet: Quiet;
  readonly #options: WatchListOptions;
  readonly #watched = new Map<string, Watched>();
  /** Versions that were looked at, of findings that changed within the overlap. */
  #seen = new Map<string, number>();
  #agents: ReadonlyMap<string, AgentEntry> = new Map();
  #agentsReadAt = 0;
  #position: number | null = null;
  #positionStoredAt = 0;
  #overflowed = false;

  constructor(
    store: Pick<Store, 'client'>,
    book: DeliveryBook,
    router: Router,
    quiet: Quiet,
    options: WatchListOptions,
  ) {
    this.#store = store;
    this.#book = book;
    this.#router = router;
    this.#quiet = quiet;
    this.#options = options;
  }

  get size(): number {
    return this.#watched.size;
  }

  *planned(receiver: string, nowMs: number): Generator<Planned> {
    for (const { alert, targets } of this.#watched.values()) {
      const target = targets.get(receiver);
      if (target === undefined) continue;
      const told = this.#book.get(receiver, alert.finding.findingId);
      yield { alert, target, told, quiet: this.#quiet.covers(alert, nowMs) };
    }
  }

  /** Begins anew: what another process, or this one before, has left to do. */
  async load(): Promise<void> {
    this.clear();
    this.#position = await alertPosition(this.#store);
    await this.#readAgents(Date.now());
    const { receivers, findingsMax } = this.#options;
    // First what somebody waits to hear the end of.
    await this.#takeIds(await unsettledFindings(this.#store, receivers, findingsMax), 0);
    await this.#takeOpen();
  }

  clear(): void {
    for (const id of this.#watched.keys()) this.#options.onForget(id);
    this.#watched.clear();
    this.#book.clear();
    this.#seen.clear();
    this.#overflowed = false;
  }

  /** Takes up what has changed. */
  async poll(nowMs: number): Promise<void> {
    await this.#readAgents(nowMs);
    const until = await storeTime(this.#store);
    const from = Math.max(0, (this.#position ?? until) - this.#options.overlapSeconds);
    const changes = await changedFindings(this.#store, from, CHANGES_MAX);
    const fresh = changes.filter(({ findingId, version }) => version > this.#versionOf(findingId));
    const ids = fresh.map(({ findingId }) => findingId);
    await this.#takeIds(ids, from);
    this.#seen = new Map(changes.map(({ findingId, version }) => [findingId, version]));
    this.#settle();
    if (this.#overflowed && this.#watched.size < this.#options.findingsMax * 0.8) await this.#takeOpen();
    this.#position = until;
    if (nowMs - this.#positionStoredAt < POSITION_MS) return;
    await storeAlertPosition(this.#store, until);
    this.#positionStoredAt = nowMs;
  }

  #versionOf(findingId: string): number {
    return Math.max(this.#seen.get(findingId) ?? -1, this.#watched.get(findingId)?.alert.version ?? -1);
  }

  /** Most of them may be nobody's business: those are let go page by page. */
  async #takeOpen(): Promise<void> {
    this.#overflowed = false;
    let after = '';
    for (;;) {
      const page = await openFindings(this.#store, { limit: IDS_A_QUERY, after });
      await this.#take(page.filter(({ finding }) => !this.#watched.has(finding.findingId)));
      const last = page.at(-1);
      if (page.length < IDS_A_QUERY || last === undefined || this.#overflowed) return;
      after = last.finding.findingId;
    }
  }

  async #takeIds(ids: readonly string[], storedFrom: number): Promise<void> {
    for (let at = 0; at < ids.length; at += IDS_A_QUERY)
      await this.#take(await findingsById(this.#store, ids.slice(at, at + IDS_A_QUERY), storedFrom));
  }

  async #take(findings: readonly VersionedFinding[]): Promise<void> {
    const unknown = findings.map(({ finding }) => finding.findingId).filter((id) => !this.#watched.has(id));
    await this.#book.load(unknown);
    for (const versioned of findings) {
      const { findingId, agentId } = versioned.finding;
      if (versioned.version <= (this.#watched.get(findingId)?.alert.version ?? -1)) continue;
      const alert = alertOf(versioned, this.#agents.get(agentId));
      this.#watch({ alert, targets: this.#targetsOf(alert) });
    }
    this.#settle();
  }

  #watch(watched: Watched): void {
    const { findingId } = watched.alert.finding;
    if (!this.#watched.has(findingId) && this.#watched.size >= this.#options.findingsMax) {
      this.overflow++;
      this.#overflowed = true;
      this.#book.forget(findingId);
      return;
    }
    this.#watched.set(findingId, watched);
  }

  /** Those that its labels lead to, and those who were told that it began. */
  #targetsOf(alert: Alert): ReadonlyMap<string, Target> {
    const targets = new Map(this.#router.targets(alert));
    for (const { receiver, toldState } of this.#book.of(alert.finding.findingId)) {
      if (toldState !== 'open' || targets.has(receiver)) continue;
      const target = this.#router.formerTarget(alert, receiver);
      if (target !== null) targets.set(receiver, target);
    }
    return targets;
  }

  /** Forgets what nobody has to be told of any more, or ever had to. */
  #settle(): void {
    for (const [id, { alert, targets }] of this.#watched) {
      const open = alert.finding.state === 'open' && targets.size > 0;
      if (open || [...targets.keys()].some((receiver) => !this.#isOver(receiver, id))) continue;
      this.#watched.delete(id);
      this.#book.forget(id);
      this.#options.onForget(id);
    }
  }

  #isOver(receiver: string, findingId: string): boolean {
    return this.#book.get(receiver, findingId)?.toldState === 'resolved';
  }

  async #readAgents(nowMs: number): Promise<void> {
    if (nowMs - this.#agentsReadAt < ALERT_DEFAULTS.agentNamesMs) return;
    const entries = await agentEntries(this.#store);
    this.#agentsReadAt = nowMs;
    const agents = new Map(entries.map((entry) => [entry.rawId, entry]));
    const same = agents.size === this.#agents.size && JSON.stringify([...agents]) === JSON.stringify([...this.#agents]);
    if (same) return;
    this.#agents = agents;
    for (const [id, { alert }] of this.#watched) {
      const renamed = alertOf(alert, agents.get(alert.finding.agentId));
      this.#watched.set(id, { alert: renamed, targets: this.#targetsOf(renamed) });
    }
  }
}
