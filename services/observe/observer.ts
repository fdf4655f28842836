/** Gathers what the parts of a process show, and judges by it whether the process does its work. */
import { OBSERVER_DEFAULTS } from './defaults.ts';
import { renderMetrics } from './exposition.ts';
import { FlowWatch, type Reason } from './flow-watch.ts';
import { type Sample, sample } from './metrics.ts';
import type { Observed } from './observed.ts';
import { processObserved } from './process.ts';

export interface ObserverOptions {
  /** `reassembler`, `sink`, … */
  readonly stage: string;
  readonly version: string;
  readonly stallMs: number;
}

export interface Readiness {
  readonly status: 'ready' | 'not_ready';
  readonly stage: string;
  readonly reasons: readonly Reason[];
  readonly [fact: string]: unknown;
}

export class Observer {
  readonly #options: ObserverOptions;
  readonly #parts: Observed[] = [processObserved()];
  readonly #watch: FlowWatch;
  readonly #refreshing = new Set<Observed>();
  readonly #timers: NodeJS.Timeout[];
  #stopping = false;

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#watch = new FlowWatch(options.stallMs);
    this.#timers = [
      setInterval(() => this.#look(), OBSERVER_DEFAULTS.lookMs),
      setInterval(() => this.#refresh(), OBSERVER_DEFAULTS.refreshMs),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  add(...parts: readonly Observed[]): void {
    this.#parts.push(...parts);
    for (const part of parts) this.#refreshOne(part);
    this.#look();
  }

  /** From now on it isn't ready: others should get its work. */
  stopping(): void {
    this.#stopping = true;
    this.#look();
  }

  /** In the Prometheus text format. */
  metrics(): string {
    return renderMetrics(this.#samples());
  }

  readiness(): Readiness {
    const { reasons } = this.#watch;
    const facts = Object.assign({}, ...this.#parts.map((part) => part.facts?.() ?? {}));
    const status = reasons.length === 0 ? 'ready' : 'not_ready';
    return { status, stage: this.#options.stage, reasons, ...facts };
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  *#samples(): Generator<Sample> {
    const { stage, version } = this.#options;
    const reasons = new Set(this.#watch.reasons.map((each) => each.reason));
    yield sample('bittern_info', 1, { stage, version });
    yield sample('bittern_ready', reasons.size === 0 ? 1 : 0);
    for (const reason of reasons) yield sample('bittern_not_ready', 1, { reason });
    for (const part of this.#parts) yield* part.samples();
  }

  #look(): void {
    const flows = this.#parts.flatMap((part) => part.flows?.() ?? []);
    const conditions = this.#parts.flatMap((part) => part.conditions?.() ?? []);
    const stopping = { reason: 'stopping', problem: this.#stopping ? 'The process ends.' : '', graceMs: 0 };
    this.#watch.look(flows, [...conditions, stopping], performance.now());
  }

  #refresh(): void {
    for (const part of this.#parts) this.#refreshOne(part);
  }

  #refreshOne(part: Observed): void {
    if (part.refresh === undefined || this.#refreshing.has(part)) return;
    this.#refreshing.add(part);
    // What can't be asked for keeps its last value; that nobody answers shows elsewhere.
    part
      .refresh()
      .catch(() => {})
      .finally(() => this.#refreshing.delete(part));
  }
}
