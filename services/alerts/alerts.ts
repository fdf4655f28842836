/**
 * Tells receivers of findings: raised, risen, happened again, over.
 *
 *     finding_rows ──poll──► watch list ──► a desk for each receiver ──► receiver
 *                                │  ▲                  │
 *     silences, agents ──────────┘  └── delivery book ◄┘ what was told ──► alert_delivery_rows
 *
 * What has to be told is the difference between what is and what was told, so nothing depends on having seen every change, and a
 * successor sees the same difference. One process works at a time, under a lease; others wait for its end.
 */

import { LEASE_DEFAULTS, Lease } from '../clickhouse/lease.ts';
import type { Store } from '../clickhouse/store.ts';
import type { Alert } from './alert.ts';
import { contentsOf } from './content.ts';
import { ALERT_DEFAULTS } from './defaults.ts';
import { DeliveryBook } from './delivery-book.ts';
import { Mute, type MuteSettings } from './mute.ts';
import { Quiet } from './quiet.ts';
import { DESK_DEFAULTS, type DeskOptions, type DeskStats, ReceiverDesk } from './receiver-desk.ts';
import type { Receiver } from './receivers/receiver.ts';
import { Router, type RouteSettings } from './routing.ts';
import { WatchList } from './watch-list.ts';

export interface AlertsOptions {
  readonly routes: readonly RouteSettings[];
  readonly mutes: readonly MuteSettings[];
  /** Whether beginnings of prompts and answers may be told. */
  readonly content: boolean;
  readonly pollMs: number;
  readonly overlapSeconds: number;
  readonly leaseMs: number;
  readonly findingsMax: number;
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
  readonly giveUpMs: number;
}

export const ALERTS_OPTION_DEFAULTS = {
  routes: [],
  mutes: [],
  content: false,
  pollMs: ALERT_DEFAULTS.pollMs,
  overlapSeconds: ALERT_DEFAULTS.overlapSeconds,
  leaseMs: LEASE_DEFAULTS.ttlMs,
  findingsMax: ALERT_DEFAULTS.findingsMax,
  ...DESK_DEFAULTS,
} as const;

export interface AlertsStats {
  /** Whether this process holds the lease. */
  readonly active: boolean;
  readonly watched: number;
  readonly overflow: number;
  readonly receivers: readonly DeskStats[];
  /** Why the store can't be used at the moment; '' when it can. */
  readonly problem: string;
}

const CLOSE_FLUSH_MS = 3_000;

export class Alerts {
  readonly #store: Pick<Store, 'client'>;
  readonly #options: AlertsOptions;
  readonly #lease: Lease;
  readonly #book: DeliveryBook;
  readonly #quiet: Quiet;
  readonly #watchList: WatchList;
  readonly #desks: readonly ReceiverDesk[];
  #loaded = false;
  #problem = '';
  #wake: (() => void) | null = null;
  #closed = false;
  #running: Promise<void>;

  /** @throws BitternError BIT_MATCHER, BIT_ALERTS_CONFIG */
  static start(store: Pick<Store, 'client'>, receivers: readonly Receiver[], options: AlertsOptions): Alerts {
    return new Alerts(store, receivers, options);
  }

  private constructor(store: Pick<Store, 'client'>, receivers: readonly Receiver[], options: AlertsOptions) {
    this.#store = store;
    this.#options = options;
    this.#lease = new Lease(store.client, 'alerts', options.leaseMs);
    this.#book = new DeliveryBook(store);
    this.#quiet = new Quiet(options.mutes.map((mute) => new Mute(mute)));
    this.#watchList = new WatchList(store, this.#book, new Router(options.routes), this.#quiet, {
      receivers: receivers.map((receiver) => receiver.name),
      overlapSeconds: options.overlapSeconds,
      findingsMax: options.findingsMax,
      onForget: (findingId) => {
        for (const desk of this.#desks) desk.forget(findingId);
      },
    });
    this.#desks = receivers.map((receiver) => new ReceiverDesk(receiver, this.#book, this.#deskOptions()));
    this.#running = this.#run();
  }

  get stats(): AlertsStats {
    return {
      active: this.#lease.held,
      watched: this.#watchList.size,
      overflow: this.#watchList.overflow,
      receivers: this.#desks.map((desk) => desk.stats),
      problem: this.#problem,
    };
  }

  /** Findings were stored: look at once. */
  nudge(): void {
    this.#wake?.();
  }

  /** Resolves when nothing is under way any more and the lease is free. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake?.();
    await Promise.all(this.#desks.map((desk) => desk.close()));
    await this.#running;
    const end = async (): Promise<void> => {
      await this.#book.flush();
      await this.#lease.release();
    };
    const timeout = new Promise((resolve) => setTimeout(resolve, CLOSE_FLUSH_MS).unref());
    await Promise.race([end().catch(() => {}), timeout]);
  }

  #deskOptions(): DeskOptions {
    const { retryDelayMs, retryDelayMsMax, giveUpMs, content } = this.#options;
    return {
      retryDelayMs,
      retryDelayMsMax,
      giveUpMs,
      mayWork: () => this.#loaded && this.#lease.held,
      planned: (receiver, nowMs) => this.#watchList.planned(receiver, nowMs),
      contents: content ? (alerts: readonly Alert[]) => contentsOf(this.#store, alerts) : null,
      onOutcome: () => void this.#book.flush().catch((error: unknown) => this.#tellProblem(error)),
    };
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#step();
        this.#problem = '';
      } catch (error) {
        this.#tellProblem(error);
      }
      await this.#pause();
    }
  }

  async #step(): Promise<void> {
    // Between two leases of this process there may have been another's.
    if (!this.#lease.held) this.#loaded = false;
    if (!(await this.#lease.take())) return;
    if (!this.#loaded) {
      // What this process told, but couldn't write down before it lost the lease.
      await this.#book.flush();
      await this.#watchList.load();
      this.#loaded = true;
    }
    const now = Date.now();
    await this.#quiet.refresh(this.#store, now);
    await this.#watchList.poll(now);
    for (const desk of this.#desks) desk.plan();
    await this.#book.flush();
  }

  #pause(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, this.#options.pollMs);
      this.#wake = done;
    });
  }

  #tellProblem(error: unknown): void {
    this.#problem = error instanceof Error && error.message !== '' ? error.message : String(error);
  }
}
