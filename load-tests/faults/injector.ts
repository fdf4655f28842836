/** Lets things go wrong, at moments that the seed gives: the faults, how likely each is, and how often each happened. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../services/clickhouse/store.ts';
import type { Random } from '../generator/random.ts';
import type { Brokers } from '../kafka/cluster.ts';
import type { StageProcess } from './processes.ts';

const PAUSE_MS = { low: 200, high: 2000 } as const;
/** Around the session timeout of the drill: some thaw in time, others when their partitions have a new owner. */
const FREEZE_MS = { low: 2000, high: 14_000 } as const;
/** A long run has an outage of ClickHouse this often. */
const OUTAGE_EVERY = 40;
const OUTAGE_MS = 20_000;

export interface FaultTargets {
  readonly brokers: Brokers;
  readonly brokerCount: number;
  readonly store: Store;
  readonly stages: readonly StageProcess[];
  /** Consumers that come and go. */
  readonly extra: readonly StageProcess[];
}

const FAULTS = ['broker', 'clickhouse', 'freeze', 'stop', 'scale', 'kill'] as const;
type Fault = (typeof FAULTS)[number];
/** Of a hundred. */
const WEIGHTS: Readonly<Record<Fault, number>> = { broker: 4, clickhouse: 8, freeze: 12, stop: 10, scale: 8, kill: 58 };
/** Where only one of several brokers dies, and for long enough that others lead. */
const WEIGHTS_SEVERAL: typeof WEIGHTS = { ...WEIGHTS, broker: 20, kill: 42 };
/** How long a broker is away at most. */
const AWAY_MS = { alone: 3000, several: 12_000 } as const;

export class FaultInjector {
  readonly counts = {
    reassembler: 0,
    sink: 0,
    tracker: 0,
    broker: 0,
    clickhouse: 0,
    frozen: 0,
    stopped: 0,
    scaled: 0,
    outages: 0,
    late: 0,
  };
  readonly #targets: FaultTargets;
  readonly #random: Random;
  readonly #thaws = new Set<Promise<void>>();
  #outage: Promise<void> | null = null;

  constructor(targets: FaultTargets, random: Random) {
    this.#targets = targets;
    this.#random = random;
  }

  /** SIGKILLs so far, of whatever. */
  get kills(): number {
    const { reassembler, sink, tracker, broker, clickhouse } = this.counts;
    return reassembler + sink + tracker + broker + clickhouse;
  }

  /** Goes on until so many processes were killed. Everything that was frozen goes on when it resolves. */
  async inject(kills: number): Promise<void> {
    let nextOutage = OUTAGE_EVERY / 2;
    while (this.kills < kills) {
      await sleep(this.#random.int(PAUSE_MS.low, PAUSE_MS.high));
      if (this.kills >= nextOutage && this.#outage === null) {
        nextOutage += OUTAGE_EVERY;
        this.#outage = this.#clickhouseOutage().finally(() => {
          this.#outage = null;
        });
      }
      await this.#inject(this.#choose());
    }
    await this.#outage;
    await Promise.all(this.#thaws);
    await Promise.all(this.#targets.extra.map((stage) => this.#stop(stage)));
  }

  /** Ends what this has started. */
  async end(): Promise<void> {
    await Promise.all(this.#targets.extra.map((stage) => stage.kill()));
  }

  #choose(): Fault {
    let dice = this.#random.int(0, 99);
    for (const fault of FAULTS) {
      dice -= (this.#targets.brokerCount > 1 ? WEIGHTS_SEVERAL : WEIGHTS)[fault];
      if (dice < 0) return fault;
    }
    return 'kill';
  }

  async #inject(fault: Fault): Promise<void> {
    switch (fault) {
      case 'broker':
        this.counts.broker++;
        await this.#targets.brokers.kill();
        await sleep(this.#random.int(0, AWAY_MS[this.#targets.brokerCount > 1 ? 'several' : 'alone']));
        return this.#targets.brokers.start();
      case 'clickhouse':
        this.#killEngine();
        return;
      case 'freeze':
        return this.#freeze();
      case 'scale':
        return this.#scale();
      case 'stop':
      case 'kill':
        return this.#end(fault);
    }
  }

  async #end(how: 'stop' | 'kill'): Promise<void> {
    const stage = this.#pick();
    if (stage === undefined) return;
    if (how === 'stop') {
      this.counts.stopped++;
      await this.#stop(stage);
    } else {
      this.counts[stage.kind]++;
      await stage.kill();
    }
    if (this.#random.chance(0.5)) await sleep(this.#random.int(0, 4000));
    stage.start();
  }

  /** Counts those that didn't end by themselves. */
  async #stop(stage: StageProcess): Promise<void> {
    if (!(await stage.stop())) this.counts.late++;
  }

  /** A process that is stopped in its tracks, and later goes on as if nothing had happened. Other faults go on meanwhile. */
  async #freeze(): Promise<void> {
    const stage = this.#pick();
    if (stage === undefined) return;
    this.counts.frozen++;
    const thaw = stage.freeze(this.#random.int(FREEZE_MS.low, FREEZE_MS.high));
    this.#thaws.add(thaw);
    void thaw.finally(() => this.#thaws.delete(thaw));
  }

  /** A further consumer joins, or one that has joined leaves. */
  async #scale(): Promise<void> {
    this.counts.scaled++;
    const { extra } = this.#targets;
    const stage = extra[this.#random.int(0, extra.length - 1)]!;
    if (stage.running) await this.#stop(stage);
    else stage.start();
  }

  #pick(): StageProcess | undefined {
    const awake = this.#targets.stages.filter((stage) => !stage.frozen);
    return awake[this.#random.int(0, Math.max(0, awake.length - 1))];
  }

  #killEngine(): void {
    const pid = this.#targets.store.enginePid();
    if (pid === undefined) return;
    if (killed(pid)) this.counts.clickhouse++;
  }

  /** As often as the engine comes back, it is killed again. */
  async #clickhouseOutage(): Promise<void> {
    this.counts.outages++;
    const end = performance.now() + OUTAGE_MS;
    let before: number | undefined;
    while (performance.now() < end) {
      const pid = this.#targets.store.enginePid();
      if (pid !== undefined && pid !== before) {
        killed(pid);
        before = pid;
      }
      await sleep(100);
    }
  }
}

/** False: it was gone already, and its successor hasn't begun. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
