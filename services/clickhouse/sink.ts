/**
 * The sink: takes observations and puts each into ClickHouse exactly once, in batches, however often the store fails.
 *
 *     add → queue (bounded in bytes; a full one holds the source back)
 *         → batch (by rows, bytes or time) → without what the table has (existing.ts)
 *         → contents, then calls, tool executions and exchanges (inserter.ts) → acknowledged
 *
 * One batch is under way at a time, so a batch is asked for ids that all batches before it have written.
 */
import { createHash } from 'node:crypto';
import type { Call, Content, ExchangeRow, ObservationRecord } from '../../schemas/call.ts';
import type { Loss, ProbeReport } from '../../schemas/frame.ts';
import type { ToolExecution } from '../../schemas/tool-execution.ts';
import { BitternError } from '../common/errors.ts';
import { type Claim, ClaimOver, type Permit, permitFor } from './claim.ts';
import { Inserter, isThere } from './inserter.ts';
import { KnownContents } from './known-contents.ts';
import { type Queued, SinkQueue } from './sink-queue.ts';
import type { Store } from './store.ts';
import {
  CALLS,
  CAPTURE_HEALTH,
  CONTENTS,
  EXCHANGES,
  type HealthRow,
  PROBE_REPORTS,
  type Table,
  TOOL_EXECUTIONS,
} from './tables.ts';

export interface SinkOptions {
  /** A batch goes when it has so many observations … */
  readonly batchRowsMax: number;
  /** … or so many bytes … */
  readonly batchBytesMax: number;
  /** … or when its first observation is so old (a quarter of it, when nothing was stored for so long). */
  readonly batchAgeMsMax: number;
  /** Bytes that wait (under way included) before `add` holds its caller back. */
  readonly queueBytesMax: number;
  readonly knownContentsMax: number;
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
}

export const SINK_DEFAULTS: SinkOptions = {
  // Large batches halve the engine's CPU a row (docs/decisions/0003); a second is what a person waits without noticing.
  batchRowsMax: 5000,
  batchBytesMax: 16_000_000,
  batchAgeMsMax: 1000,
  queueBytesMax: 64_000_000,
  knownContentsMax: 200_000,
  retryDelayMs: 50,
  retryDelayMsMax: 5000,
};

export interface SinkStats {
  /** Observations taken. */
  readonly added: number;
  /** Of these, in the order of `add`, so many from the first on are stored (or were, or are dead letters). */
  readonly acknowledged: number;
  /** Rows that were written. */
  readonly calls: number;
  readonly exchanges: number;
  readonly toolExecutions: number;
  readonly contents: number;
  /** Observations that the table had already. */
  readonly alreadyStored: number;
  /** Observations that were left to another process, which owns them now. */
  readonly disowned: number;
  readonly deadLetters: number;
  readonly batches: number;
  readonly retries: number;
  /** Inserts that the server refused because they reached it too late. */
  readonly late: number;
  readonly queuedBytes: number;
  /** When a batch was last done with, ms since the epoch; 0: none was. */
  readonly lastAcknowledgedMs: number;
  /** Why nothing can be stored at the moment; '' when all is well. */
  readonly problem: string;
}

/** Losses that a stage counted over a time of capture. */
export interface LossReport {
  /** `frames`, `http`, `llm`, … */
  readonly stage: string;
  readonly probe: string;
  readonly source: string;
  /** µs, capture clock. */
  readonly from: number;
  readonly to: number;
  readonly losses: readonly { readonly reason: string; readonly packets: number; readonly bytes: number }[];
}

interface NewRows<T> {
  readonly rows: readonly T[];
  /** Of these, whole ones in whose place the table has provisional ones. */
  readonly replacing: readonly T[];
}

/** What comes after a quiet time waits for this part of a batch's age only. */
const QUIET_SHARE = 4;

export class ClickHouseSink {
  readonly #options: SinkOptions;
  readonly #client: Store['client'];
  readonly #inserter: Inserter;
  readonly #known: KnownContents;
  readonly #abort = new AbortController();
  readonly #queue: SinkQueue;
  readonly #stored: () => void;
  #underWayBytes = 0;
  #storedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #flushing = 0;
  #working: Promise<void> | null = null;
  #waiting: {
    readonly done: () => boolean;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  #failed: unknown;
  #counts = {
    added: 0,
    acknowledged: 0,
    calls: 0,
    exchanges: 0,
    toolExecutions: 0,
    contents: 0,
    alreadyStored: 0,
    disowned: 0,
    batches: 0,
    lastAcknowledgedMs: 0,
  };

  /** `stored`: a batch can be queried now. */
  constructor(store: Pick<Store, 'client'>, options: Partial<SinkOptions> = {}, stored: () => void = () => {}) {
    this.#stored = stored;
    this.#options = { ...SINK_DEFAULTS, ...options };
    this.#client = store.client;
    this.#inserter = new Inserter(store.client, this.#options, this.#abort.signal);
    this.#known = new KnownContents(this.#options.knownContentsMax);
    this.#queue = new SinkQueue(this.#known);
  }

  get stats(): SinkStats {
    const { retries, deadLetters, late, problem } = this.#inserter;
    const queuedBytes = this.#queue.bytes + this.#underWayBytes;
    return { ...this.#counts, retries, deadLetters, late, problem, queuedBytes };
  }

  /**
   * Takes observations in order. With a `claim`, what isn't stored when it ends is left to its next owner, and counts as acknowledged.
   * Resolves when there is room for more: await it before the next. Rejects only after `close` gave up.
   */
  add(observations: readonly ObservationRecord[], claim: Claim | null = null): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.reject(this.#failed ?? closedError());
    for (const observation of observations) this.#queue.push(observation, claim);
    this.#counts.added += observations.length;
    this.#work();
    return this.#until(() => this.#queue.bytes + this.#underWayBytes <= this.#options.queueBytesMax);
  }

  /** Stores what a probe saw and lost, once for equal reports. Resolves when it is stored. */
  async addReport(report: ProbeReport): Promise<void> {
    const reportId = idOf([
      report.probe,
      report.source,
      report.from,
      report.to,
      report.packets,
      report.bytes,
      report.frames,
    ]);
    await this.#insertNew(PROBE_REPORTS, [{ ...report, reportId }]);
    await this.addLosses({ stage: 'probe', ...report });
  }

  /** Stores losses by reason, once for equal ones. Resolves when they are stored. */
  async addLosses(
    report: Omit<LossReport, 'losses'> & { readonly losses: LossReport['losses'] | readonly Loss[] },
  ): Promise<void> {
    const { stage, probe, source, from, to } = report;
    const rows = report.losses.map(({ reason, packets, bytes }): HealthRow => {
      const healthId = idOf([stage, probe, source, from, to, reason, packets, bytes]);
      return { healthId, stage, probe, source, from, to, reason, packets, bytes };
    });
    await this.#insertNew(CAPTURE_HEALTH, rows);
  }

  /** Resolves when everything added so far is stored and can be queried. */
  async flush(): Promise<void> {
    const target = this.#counts.added;
    this.#flushing++;
    try {
      this.#work();
      await this.#until(() => this.#counts.acknowledged >= target);
    } finally {
      this.#flushing--;
    }
  }

  /**
   * Stores what is left and ends. Without `timeoutMs` it waits for the store for ever.
   * @throws BitternError BIT_STORE_DOWN when the store didn't take everything in time; what is left is not stored.
   */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const timer =
      options.timeoutMs === undefined ? undefined : setTimeout(() => this.#giveUp(), Math.max(0, options.timeoutMs));
    try {
      await this.flush();
    } finally {
      clearTimeout(timer);
      clearTimeout(this.#timer);
      this.#abort.abort(closedError());
      await this.#working;
    }
  }

  #giveUp(): void {
    const left = this.#counts.added - this.#counts.acknowledged;
    const error = new BitternError(
      'BIT_STORE_DOWN',
      `${left} observations could not be stored: ${this.#inserter.problem || 'the store is too slow'}. Mend ClickHouse and replay the capture; what is stored already is not stored twice.`,
    );
    this.#failed = error;
    this.#abort.abort(error);
    this.#wake();
  }

  #until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => this.#waiting.push({ done, resolve, reject }));
  }

  #wake(): void {
    this.#waiting = this.#waiting.filter((waiter) => {
      if (waiter.done()) waiter.resolve();
      else if (this.#failed !== undefined) waiter.reject(this.#failed);
      else return true;
      return false;
    });
  }

  /** Starts the worker when a batch is due, else its timer. */
  #work(): void {
    if (this.#working !== null || this.#queue.length === 0) return;
    const dueIn = this.#dueAt() - performance.now();
    if (this.#isFull() || this.#flushing > 0 || dueIn <= 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#working = this.#storeBatches().finally(() => {
        this.#working = null;
        this.#wake();
        if (this.#failed === undefined) this.#work();
      });
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#work();
    }, dueIn);
  }

  /** After a quiet time the first ones needn't wait for others; under steady traffic a batch is written every `batchAgeMsMax`. */
  #dueAt(): number {
    const { oldest } = this.#queue;
    const { batchAgeMsMax } = this.#options;
    return Math.min(
      oldest + batchAgeMsMax,
      Math.max(oldest + batchAgeMsMax / QUIET_SHARE, this.#storedAt + batchAgeMsMax),
    );
  }

  #isFull(): boolean {
    return this.#queue.length >= this.#options.batchRowsMax || this.#queue.bytes >= this.#options.batchBytesMax;
  }

  async #storeBatches(): Promise<void> {
    try {
      do {
        const batch = this.#queue.take(this.#options.batchRowsMax, this.#options.batchBytesMax);
        this.#underWayBytes = batch.bytes;
        await this.#storeOwned(batch.entries);
        this.#counts.acknowledged += batch.entries.length;
        this.#counts.batches++;
        this.#counts.lastAcknowledgedMs = Date.now();
        this.#underWayBytes = 0;
        this.#storedAt = performance.now();
        this.#stored();
        this.#wake();
      } while (this.#isFull() || (this.#flushing > 0 && this.#queue.length > 0));
    } catch (error) {
      // Only an abort gets here: the inserter waits for everything else.
      this.#failed ??= error;
    }
  }

  /** Stores what is still ours; begins anew with the rest whenever some of it no longer is. */
  async #storeOwned(batch: readonly Queued[]): Promise<void> {
    for (let owned = batch; ; ) {
      const ours = owned.filter(({ claim }) => claim === null || claim.ownedForMs() !== null);
      this.#counts.disowned += owned.length - ours.length;
      owned = ours;
      const claims = new Set(ours.flatMap(({ claim }) => (claim === null ? [] : [claim])));
      const permit = claims.size === 0 ? null : () => permitFor(this.#client, claims, this.#abort.signal);
      try {
        return await this.#store(ours, permit);
      } catch (error) {
        if (!(error instanceof ClaimOver)) throw error;
      }
    }
  }

  async #store(batch: readonly Queued[], permit: Permit | null): Promise<void> {
    const calls: Call[] = [];
    const exchanges: ExchangeRow[] = [];
    const executions: ToolExecution[] = [];
    for (const { observation } of batch) {
      if (observation.type === 'call') calls.push(observation.call);
      else if (observation.type === 'tool_execution') executions.push(observation.execution);
      else if (observation.type === 'exchange') exchanges.push(observation.exchange);
    }
    const [newCalls, newExchanges, newExecutions] = await Promise.all([
      this.#newRows(CALLS, calls),
      this.#newRows(EXCHANGES, exchanges),
      this.#newRows(TOOL_EXECUTIONS, executions),
    ]);
    const contents = this.#newContents(batch, new Set<Call | ToolExecution>([...newCalls.rows, ...newExecutions.rows]));
    // Contents first: a call that is in the table never names a content that isn't.
    await this.#inserter.insert(CONTENTS, contents);
    for (const content of contents) this.#known.add(content.hash);
    await this.#inserter.makeWay(CALLS, newCalls.replacing, permit);
    await this.#inserter.makeWay(EXCHANGES, newExchanges.replacing, permit);
    await settled([
      this.#inserter.insert(CALLS, newCalls.rows, permit),
      this.#inserter.insert(EXCHANGES, newExchanges.rows, permit),
      this.#inserter.insert(TOOL_EXECUTIONS, newExecutions.rows, permit),
    ]);
    this.#counts.toolExecutions += newExecutions.rows.length;
    this.#counts.calls += newCalls.rows.length - newCalls.replacing.length;
    this.#counts.exchanges += newExchanges.rows.length - newExchanges.replacing.length;
    this.#counts.contents += contents.length;
  }

  /** Rows that are neither in the table nor twice in the batch; whole ones go before provisional ones. */
  async #newRows<T>(table: Table<T>, rows: readonly T[]): Promise<NewRows<T>> {
    if (rows.length === 0) return { rows: [], replacing: [] };
    const present = await this.#inserter.existing(table, rows);
    const isProvisional = (row: T): boolean => table.provisional?.(row) === true;
    const unique = new Map<string, T>();
    for (const row of rows) {
      const id = table.id(row);
      const before = unique.get(id);
      if (before === undefined || (isProvisional(before) && !isProvisional(row))) unique.set(id, row);
    }
    const fresh = [...unique.values()].filter((row) => !isThere(table, row, present));
    this.#counts.alreadyStored += rows.length - fresh.length;
    return { rows: fresh, replacing: fresh.filter((row) => present.provisional.has(table.id(row))) };
  }

  #newContents(batch: readonly Queued[], fresh: ReadonlySet<Call | ToolExecution>): Content[] {
    const unique = new Map<string, Content>();
    for (const { observation, contents } of batch) {
      if (observation.type === 'exchange') continue;
      // Contents that come before their call are needed by one that isn't here yet.
      if (observation.type === 'call' && !fresh.has(observation.call)) continue;
      if (observation.type === 'tool_execution' && !fresh.has(observation.execution)) continue;
      for (const content of contents) if (!this.#known.has(content.hash)) unique.set(content.hash, content);
    }
    return [...unique.values()];
  }

  async #insertNew<T>(table: Table<T>, rows: readonly T[]): Promise<void> {
    if (rows.length === 0) return;
    const present = await this.#inserter.existing(table, rows);
    await this.#inserter.insert(
      table,
      rows.filter((row) => !isThere(table, row, present)),
    );
  }
}

/** Like Promise.all, but none of them is still under way when it rejects. */
async function settled(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}

function closedError(): BitternError {
  return new BitternError('BIT_SINK_CLOSED', 'The sink is closed: nothing can be added any more.');
}

/** 32 hex digits that equal values give again. */
function idOf(values: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 32);
}
