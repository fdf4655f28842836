/**
 * Work that one process does at a time, claimed in ClickHouse, which has no compare-and-set.
 *
 * Claims are rows of `leases`. The server numbers the blocks of a table in the order in which they become visible
 * (`_block_number`), so everybody reads them in one order, and works out from them, by the same rule, who holds the lease:
 *
 *     a claim counts if the lease is free at `claimed` (nobody's, or its end is over), or is the claimant's own
 *
 * `claimed` is the server's clock before the row was written: a claim that was long on its way has an old time, and doesn't count
 * when somebody else's lies between. A holder trusts its lease until a little before the end that the server wrote, counted by its
 * own clock from before it asked.
 */
import { randomUUID } from 'node:crypto';
import type { ClickHouseClient } from '@clickhouse/client';

export const LEASE_DEFAULTS = {
  /** How long a claim holds, and so how long a dead process is waited for. */
  ttlMs: 10_000,
} as const;

export interface LeaseClaim {
  readonly holder: string;
  /** ms by the server's clock. */
  readonly claimed: number;
  readonly until: number;
}

/** Who holds the lease after these claims, in their order, and until when; null: nobody ever did. */
export function holderOf(claims: readonly LeaseClaim[]): LeaseClaim | null {
  let held: LeaseClaim | null = null;
  for (const claim of claims) {
    const free = held === null || claim.claimed >= held.until;
    // Of one process the newest counts, not the one that came last.
    const own = claim.holder === held?.holder && claim.claimed >= held.claimed;
    if (free || own) held = claim;
  }
  return held;
}

/** Share of the lease that is left for clocks that don't run alike. */
const MARGIN = 0.2;
/** Older claims don't matter any more: far above any lease. */
const HISTORY_MINUTES = 10;
/** Part of the lease after which its holder claims it again. */
const RENEWAL = 0.3;

export class Lease {
  readonly holder = randomUUID();
  readonly name: string;
  readonly #client: ClickHouseClient;
  readonly #ttlMs: number;
  #heldUntil = 0;
  #renewAt = 0;

  constructor(client: ClickHouseClient, name: string, ttlMs: number) {
    this.#client = client;
    this.name = name;
    this.#ttlMs = ttlMs;
  }

  /** Whether this process may go on with the work now. */
  get held(): boolean {
    return performance.now() < this.#heldUntil;
  }

  /** Claims the lease if it is free, and renews it when it's time. Call it at least a few times a lease. @throws when the store can't be asked */
  async take(): Promise<boolean> {
    if (this.held && performance.now() < this.#renewAt) return true;
    if (!this.held && !(await this.#mayClaim())) return false;
    const before = performance.now();
    await this.#claim(this.#ttlMs);
    const { claims } = await this.#read();
    if (holderOf(claims)?.holder !== this.holder) {
      this.#heldUntil = 0;
      return false;
    }
    this.#heldUntil = before + this.#ttlMs * (1 - MARGIN);
    this.#renewAt = before + this.#ttlMs * RENEWAL;
    return this.held;
  }

  /** Renews it beside work that takes long, for as long as it is held. Returns what ends that. */
  keep(): () => void {
    const timer = setInterval(() => {
      if (this.held) this.take().catch(() => {});
    }, this.#ttlMs * RENEWAL);
    timer.unref();
    return () => clearInterval(timer);
  }

  /** Lets go, so that nobody has to wait for the end. */
  async release(): Promise<void> {
    if (!this.held) return;
    this.#heldUntil = 0;
    await this.#claim(0);
  }

  /** Claims that can't win are not made: they would be the only thing to read after a while. */
  async #mayClaim(): Promise<boolean> {
    const { claims, now } = await this.#read();
    const held = holderOf(claims);
    return held === null || held.holder === this.holder || now >= held.until;
  }

  async #claim(ttlMs: number): Promise<void> {
    await this.#client.command({
      query: `INSERT INTO leases SELECT {name:String}, {holder:String}, now64(3) AS claimed, claimed + toIntervalMillisecond({ttl:UInt32})`,
      query_params: { name: this.name, holder: this.holder, ttl: ttlMs },
    });
  }

  async #read(): Promise<{ readonly claims: LeaseClaim[]; readonly now: number }> {
    const result = await this.#client.query({
      query: `SELECT toUnixTimestamp64Milli(now64(3)) AS now,
        groupArray((holder, toUnixTimestamp64Milli(claimed), toUnixTimestamp64Milli(until))) AS claims
        FROM (SELECT * FROM leases WHERE name = {name:String} AND claimed > now64(3) - toIntervalMinute(${HISTORY_MINUTES})
              ORDER BY _block_number)`,
      query_params: { name: this.name },
      format: 'JSONEachRow',
      // groupArray keeps the order of one thread.
      clickhouse_settings: { max_threads: 1 },
    });
    const [row] = await result.json<{ now: number; claims: [string, number, number][] }>();
    const claims = (row?.claims ?? []).map(([holder, claimed, until]) => ({ holder, claimed, until }));
    return { claims, now: row?.now ?? 0 };
  }
}
