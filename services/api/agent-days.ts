/**
 * Agents that were seen, without reading all calls each time: what each day's calls tell of them is kept while nothing of that day has changed.
 * A day is a partition of the calls, and days don't overlap: the whole is put together of them exactly.
 */
import { type Agent, type AgentDay, agentDays, agentEntries, agentsOf, listAgents } from '../clickhouse/agents.ts';
import type { Store } from '../clickhouse/store.ts';
import { ALWAYS, type ChangeLog, type Span } from './store-changes.ts';

interface Day {
  /** Moment of the calls' changes before it was read. */
  readonly at: number;
  readonly agents: readonly AgentDay[];
}

const DAY_MICROS = 86_400_000_000;

/** `20261118` */
function spanOf(day: string): Span {
  const from = Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6, 8))) * 1000;
  return Number.isNaN(from) ? ALWAYS : { from, to: from + DAY_MICROS - 1 };
}

export class AgentDays {
  readonly #store: Store;
  readonly #changes: () => Promise<ChangeLog>;
  readonly #rowsMax: number;
  #days: ReadonlyMap<string, Day> = new Map();
  #reading: Promise<ReadonlyMap<string, Day>> | null = null;

  /** `rowsMax`: agents of all days; where there are more, nothing is kept. */
  constructor(store: Store, changes: () => Promise<ChangeLog>, rowsMax: number) {
    this.#store = store;
    this.#changes = changes;
    this.#rowsMax = rowsMax;
  }

  /** As `listAgents`. */
  async list(): Promise<Agent[]> {
    if ((await this.#changes()).now() === null) return listAgents(this.#store);
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    const days = await this.#reading;
    const seen = [...days.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, { agents }]) => agents);
    // Asked each time: a change of an entry holds at once.
    return agentsOf(seen, await agentEntries(this.#store));
  }

  async #read(): Promise<ReadonlyMap<string, Day>> {
    const log = await this.#changes();
    const at = log.now() ?? 0;
    const names = log.partitions();
    const changed = names.filter((name) => {
      const day = this.#days.get(name);
      return day === undefined || !log.unchanged(day.at, spanOf(name));
    });
    const read = await agentDays(this.#store, changed);
    const days = new Map<string, Day>();
    for (const name of names) {
      const known = changed.includes(name) ? { at, agents: read.get(name) ?? [] } : this.#days.get(name)!;
      days.set(name, known);
    }
    const rows = [...days.values()].reduce((sum, { agents }) => sum + agents.length, 0);
    this.#days = rows > this.#rowsMax ? new Map() : days;
    return days;
  }
}
