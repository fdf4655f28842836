/** Runs the rules in SQL, each at its interval, in one process at a time; a rule that fails is counted and stops nobody. */
import { openFindings, storeFindings } from '../clickhouse/findings.ts';
import { LEASE_DEFAULTS, Lease } from '../clickhouse/lease.ts';
import type { Store } from '../clickhouse/store.ts';
import { type RuleLimits, runRuleQuery } from './query.ts';
import { type Pending, stepRule } from './rule.ts';
import { findingsOf } from './rule-finding.ts';
import type { RuleSettings } from './settings.ts';

export interface RulesOptions extends RuleLimits {
  readonly sql: readonly RuleSettings[];
  readonly leaseMs?: number | undefined;
  /** Findings were stored. */
  readonly onFindings?: () => void;
}

export interface RuleState {
  readonly rule: string;
  readonly runs: number;
  readonly failures: number;
  /** Why the last run failed; '' when it didn't. */
  readonly problem: string;
}

interface Running {
  readonly rule: RuleSettings;
  pending: Pending;
  nextAt: number;
  runs: number;
  failures: number;
  problem: string;
}

/** How often it is looked which rules are due. */
const TICK_MS = 250;
/** Findings of one rule that may be open. */
const OPEN_MAX = 20_000;
/** Rules that run at once: the store has other things to do. */
const AT_ONCE = 2;

export class Rules {
  readonly #store: Pick<Store, 'client'>;
  readonly #options: RulesOptions;
  readonly #lease: Lease;
  readonly #rules: readonly Running[];
  readonly #running: Promise<void>;
  #problem = '';
  #closed = false;
  #wake: (() => void) | null = null;

  static start(store: Pick<Store, 'client'>, options: RulesOptions): Rules {
    return new Rules(store, options);
  }

  private constructor(store: Pick<Store, 'client'>, options: RulesOptions) {
    this.#store = store;
    this.#options = options;
    this.#lease = new Lease(store.client, 'rules', options.leaseMs ?? LEASE_DEFAULTS.ttlMs);
    this.#rules = options.sql.map((rule) => ({
      rule,
      pending: new Map(),
      nextAt: 0,
      runs: 0,
      failures: 0,
      problem: '',
    }));
    this.#running = this.#run();
  }

  get stats(): { readonly active: boolean; readonly rules: readonly RuleState[]; readonly problem: string } {
    const rules = this.#rules.map(({ rule, runs, failures, problem }) => ({
      rule: rule.name,
      runs,
      failures,
      problem,
    }));
    return { active: this.#lease.held, rules, problem: this.#problem };
  }

  /** Waits for the queries that are under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#running;
    await this.#lease.release().catch(() => {});
  }

  async #run(): Promise<void> {
    const stopKeeping = this.#lease.keep();
    while (!this.#closed) {
      try {
        const before = this.#lease.held;
        if (await this.#lease.take()) {
          // Another process may have seen other rows: a row's time begins anew.
          if (!before) for (const each of this.#rules) each.pending = new Map();
          await this.#runDue();
        }
        this.#problem = '';
      } catch (error) {
        this.#problem = (error as Error).message;
      }
      await this.#pause();
    }
    stopKeeping();
  }

  async #runDue(): Promise<void> {
    const now = Date.now();
    const due = this.#rules.filter((each) => each.nextAt <= now).sort((a, b) => a.nextAt - b.nextAt);
    for (let at = 0; at < due.length && !this.#closed; at += AT_ONCE) {
      if (!(await this.#lease.take())) return;
      await Promise.all(due.slice(at, at + AT_ONCE).map((each) => this.#runOne(each)));
    }
  }

  async #runOne(each: Running): Promise<void> {
    const startedMs = Date.now();
    const started = performance.now();
    // At fixed steps; those that were missed are left out.
    each.nextAt = startedMs + each.rule.intervalMs;
    each.runs++;
    let rows = 0;
    try {
      const now = startedMs * 1000;
      const answer = await runRuleQuery(this.#store, each.rule.sql, now, this.#options);
      rows = answer.rows.length;
      const open = await openFindings(this.#store, { limit: OPEN_MAX, rule: each.rule.name });
      const step = stepRule(each.rule, findingsOf(each.rule, answer, now), open, each.pending, now);
      // Whoever has taken over meanwhile writes by what it has seen.
      if (!this.#lease.held) return;
      await storeFindings(this.#store, step.changes);
      each.pending = step.pending;
      each.problem = '';
      if (step.changes.length > 0) this.#options.onFindings?.();
    } catch (error) {
      each.failures++;
      each.problem = (error as Error).message;
    }
    await this.#report(each, startedMs, performance.now() - started, rows);
  }

  async #report(
    { rule, runs, failures, problem }: Running,
    startedMs: number,
    tookMs: number,
    rows: number,
  ): Promise<void> {
    await this.#store.client.insert({
      table: 'rule_runs',
      format: 'JSONEachRow',
      values: [
        {
          rule: rule.name,
          last_run: new Date(startedMs).toISOString(),
          duration_ms: tookMs,
          rows,
          runs,
          failures,
          problem,
          version: startedMs * 1000,
        },
      ],
    });
  }

  #pause(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, TICK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
