/**
 * Tells one receiver what it has to be told, at its own pace: a dead receiver holds up nobody else.
 *
 * While a receiver is unavailable nothing is sent to it but one message now and then, with exponential backoff. A message that it
 * rejects waits by itself, and others go on.
 */
import type { Alert } from './alert.ts';
import { ALERT_DEFAULTS } from './defaults.ts';
import type { DeliveryBook } from './delivery-book.ts';
import { type AlertContent, type Notification, notificationOf } from './notification.ts';
import { type DueGroup, type Planned, planFor, type Since } from './plan.ts';
import type { Receiver, SendOutcome } from './receivers/receiver.ts';

export interface DeskOptions {
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
  readonly giveUpMs: number;
  /** Whether this process may send now. */
  mayWork(): boolean;
  /** The watched alerts that are for this receiver. */
  planned(receiver: string, nowMs: number): Iterable<Planned>;
  /** What was said, by turn; null: it must not be told. */
  readonly contents: ((alerts: readonly Alert[]) => Promise<ReadonlyMap<string, AlertContent>>) | null;
  /** Something was told, or failed: the book wants to be written. */
  onOutcome(): void;
}

export interface DeskStats {
  readonly receiver: string;
  readonly messages: number;
  readonly failures: number;
  readonly dropped: number;
  /** Groups that have something new. */
  readonly waiting: number;
  /** Why the newest attempt failed; '' when it didn't. */
  readonly problem: string;
}

/** After a receiver has let the time limit pass, it has so long to end its attempt. */
const GRACE_MS = 1_000;
/** An end that can't be told at once is noted down, so that no crash makes it forgotten. */
const NOTE_AFTER_MS = 3_000;
/** What is due later is found by a poll. */
const WAKE_UP_MS_MAX = 5_000;

export class ReceiverDesk {
  readonly receiver: Receiver;
  readonly #book: DeliveryBook;
  readonly #options: DeskOptions;
  readonly #closing = new AbortController();
  readonly #since: Since = new Map();
  /** Groups that were rejected: how often, and until when they wait. */
  readonly #rejected = new Map<string, { readonly attempts: number; readonly until: number }>();
  readonly #inFlight = new Map<string, Promise<void>>();
  #queue: DueGroup[] = [];
  #timer: NodeJS.Timeout | null = null;
  #failuresInRow = 0;
  #pausedUntil = 0;
  #nextStart = 0;
  #messages = 0;
  #failures = 0;
  #dropped = 0;
  #problem = '';

  constructor(receiver: Receiver, book: DeliveryBook, options: DeskOptions) {
    this.receiver = receiver;
    this.#book = book;
    this.#options = options;
  }

  get stats(): DeskStats {
    return {
      receiver: this.receiver.name,
      messages: this.#messages,
      failures: this.#failures,
      dropped: this.#dropped,
      waiting: this.#queue.length,
      problem: this.#problem,
    };
  }

  /** Looks at what is to be told, and begins to tell what is due. */
  plan(): void {
    if (this.#closing.signal.aborted || !this.#options.mayWork()) return;
    const now = Date.now();
    const { groups, dropped } = planFor(
      this.receiver.delivery,
      this.#options.planned(this.receiver.name, now),
      this.#since,
      now,
    );
    for (const alert of dropped) this.#drop(alert);
    // What is under way is planned anew when it is done.
    this.#queue = groups.filter((group) => !this.#inFlight.has(group.key) && !this.#givenUp(group, now));
    this.#pruneRejected(now);
    this.#sendDue();
  }

  /** The finding is no longer watched. */
  forget(findingId: string): void {
    this.#since.delete(findingId);
  }

  /** Ends what is under way; what wasn't told is told by the next process. */
  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all(this.#inFlight.values());
    await this.receiver.close();
  }

  #sendDue(): void {
    if (this.#closing.signal.aborted || !this.#options.mayWork()) return;
    const now = Date.now();
    const later: DueGroup[] = [];
    for (const group of this.#queue) {
      if (this.#hasRoom() && this.#readyAt(group) <= now) this.#start(group, now);
      else later.push(group);
    }
    this.#queue = later;
    this.#wakeUp(now);
  }

  /** An unavailable receiver is asked with one message at a time. */
  #hasRoom(): boolean {
    return this.#inFlight.size < (this.#failuresInRow > 0 ? 1 : this.receiver.delivery.concurrency);
  }

  #readyAt(group: DueGroup): number {
    return Math.max(group.due, this.#pausedUntil, this.#nextStart, this.#rejected.get(group.key)?.until ?? 0);
  }

  #start(group: DueGroup, now: number): void {
    this.#nextStart = now + this.receiver.delivery.spacingMs;
    const sending = this.#tell(group).finally(() => {
      this.#inFlight.delete(group.key);
      this.#options.onOutcome();
      if (this.#queue.length > 0) this.#sendDue();
      else this.plan();
    });
    this.#inFlight.set(group.key, sending);
  }

  /** Between two polls: when the first group is due. What waits for room is started when a message is done. */
  #wakeUp(now: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#hasRoom()) return;
    let first = Number.POSITIVE_INFINITY;
    for (const group of this.#queue) first = Math.min(first, this.#readyAt(group));
    const delayMs = Math.max(1, first - now);
    if (delayMs <= WAKE_UP_MS_MAX) this.#timer = setTimeout(() => this.plan(), delayMs).unref();
  }

  #pruneRejected(now: number): void {
    if (this.#rejected.size === 0) return;
    const known = new Set(this.#queue.map((group) => group.key));
    for (const [key, { until }] of this.#rejected) if (until < now && !known.has(key)) this.#rejected.delete(key);
  }

  async #tell(group: DueGroup): Promise<void> {
    const plain = notificationOf(this.receiver.name, group, this.receiver.delivery.alertsMax);
    let outcome: SendOutcome;
    try {
      outcome = await this.#send(await this.#withContent(plain));
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      outcome = { ok: false, kind: 'unavailable', problem };
    }
    if (outcome.ok) this.#told(plain);
    // Not a failure of the receiver's: the next process tells it.
    else if (!this.#closing.signal.aborted) this.#failed(plain, outcome);
  }

  async #send(notification: Notification): Promise<SendOutcome> {
    const { timeoutMs } = this.receiver.delivery;
    const late = new AbortController();
    const timeout = setTimeout(() => late.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    let grace: NodeJS.Timeout | undefined;
    const over = new Promise<SendOutcome>((resolve) => {
      const outcome = { ok: false, kind: 'unavailable', problem: `no answer within ${timeoutMs} ms` } as const;
      grace = setTimeout(() => resolve(outcome), timeoutMs + GRACE_MS);
    });
    try {
      const signal = AbortSignal.any([late.signal, this.#closing.signal]);
      return await Promise.race([this.receiver.send(notification, signal), over]);
    } finally {
      clearTimeout(timeout);
      clearTimeout(grace);
    }
  }

  async #withContent(notification: Notification): Promise<Notification> {
    if (this.#options.contents === null) return notification;
    const contents = await this.#options.contents(notification.alerts.map(({ alert }) => alert));
    const alerts = notification.alerts.map((news) => ({
      ...news,
      content: contents.get(news.alert.finding.turnId),
    }));
    return { ...notification, alerts };
  }

  #told(notification: Notification): void {
    this.#messages++;
    this.#problem = '';
    // It is back: what failed meanwhile needn't wait any longer.
    if (this.#failuresInRow > 0) this.#rejected.clear();
    else this.#rejected.delete(notification.groupKey);
    this.#failuresInRow = 0;
    this.#pausedUntil = 0;
    const now = Date.now();
    for (const { alert, news, sequence } of notification.alerts) {
      const { findingId, state, level, occurrences } = alert.finding;
      this.#since.delete(findingId);
      this.#book.change(this.receiver.name, findingId, {
        status: 'told',
        toldState: state,
        toldLevel: level,
        toldOccurrences: occurrences,
        toldAt: now,
        sequence: news === 'unchanged' ? sequence : sequence + 1,
        alertId: notification.id,
        groupKey: notification.groupKey,
        attempts: 0,
        problem: '',
      });
    }
  }

  #failed(notification: Notification, { kind, problem, retryAfterMs }: SendOutcome & { readonly ok: false }): void {
    this.#failures++;
    this.#problem = problem;
    const now = Date.now();
    if (kind === 'unavailable') {
      this.#failuresInRow++;
      this.#pausedUntil = now + Math.max(this.#backoff(this.#failuresInRow), retryAfterMs ?? 0);
    } else {
      this.#failuresInRow = 0;
    }
    // An unavailable receiver is asked with another message next: it may be this one that it can't bear.
    const attempts = (this.#rejected.get(notification.groupKey)?.attempts ?? 0) + 1;
    this.#rejected.set(notification.groupKey, { attempts, until: now + this.#backoff(attempts) });
    for (const { alert, news } of notification.alerts) {
      if (news === 'unchanged') continue;
      const { findingId } = alert.finding;
      const attempts = (this.#book.get(this.receiver.name, findingId)?.attempts ?? 0) + 1;
      const change = { status: 'retrying', attempts, problem, groupKey: notification.groupKey } as const;
      this.#book.change(this.receiver.name, findingId, change);
    }
  }

  /** Doubled each time, and between half and all of that, so that many don't come at once. */
  #backoff(attempts: number): number {
    const { retryDelayMs, retryDelayMsMax } = this.#options;
    const delay = Math.min(retryDelayMs * 2 ** Math.min(attempts - 1, 30), retryDelayMsMax);
    return delay * (0.5 + Math.random() / 2);
  }

  #drop(alert: Alert): void {
    this.#dropped++;
    this.#since.delete(alert.finding.findingId);
    // As if it had been told, so that it is told again should it begin again.
    this.#book.change(this.receiver.name, alert.finding.findingId, { status: 'dropped', toldState: 'resolved' });
  }

  /** Notes ends that can't be told down, and gives them up after a long time. */
  #givenUp(group: DueGroup, now: number): boolean {
    let rest = group.members.length;
    for (const { alert, news, told } of group.members) {
      if (news !== 'resolved') continue;
      const { findingId } = alert.finding;
      const waitedMs = now - (this.#since.get(findingId)?.ms ?? now);
      if (waitedMs > this.#options.giveUpMs) {
        rest--;
        this.#drop(alert);
      } else if (told === undefined && waitedMs > NOTE_AFTER_MS) {
        this.#book.change(this.receiver.name, findingId, { groupKey: group.key });
      }
    }
    return rest === 0;
  }
}

export const DESK_DEFAULTS = {
  retryDelayMs: ALERT_DEFAULTS.retryDelayMs,
  retryDelayMsMax: ALERT_DEFAULTS.retryDelayMsMax,
  giveUpMs: ALERT_DEFAULTS.giveUpMs,
} as const;
