/** One drill: traffic is published while faults happen; when all is drained, what is stored is compared with what was sent. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../services/clickhouse/store.ts';
import { compare, type Row } from '../compare.ts';
import { Random } from '../generator/random.ts';
import type { Brokers } from '../kafka/cluster.ts';
import { FaultInjector } from './injector.ts';
import { runBittern, StageProcess, type StageSettings } from './processes.ts';
import { type Round, removeRound, writeRound } from './round.ts';
import { storyDifferences } from './story.ts';

/** Without anything committed for so long, the stages have stopped. */
const DRAIN_STALL_MS = 180_000;

export interface DrillOptions {
  readonly seed: number;
  readonly kills: number;
  readonly calls: number;
  /** Calls of one capture. */
  readonly round: number;
  readonly brokers: number;
}

export class Drill {
  readonly faults: FaultInjector;
  readonly #options: DrillOptions;
  readonly #random: Random;
  readonly #store: Store;
  readonly #settings: StageSettings;
  readonly #stages: readonly StageProcess[];
  #published = 0;
  #drainMs = 0;

  constructor(options: DrillOptions, store: Store, settings: StageSettings, brokers: Brokers) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#store = store;
    this.#settings = settings;
    const reassembler = (n: number) => new StageProcess(`reassembler-${n}`, ['reassembler'], settings);
    const sink = (n: number) => new StageProcess(`sink-${n}`, ['sink', 'clickhouse'], settings);
    const tracker = new StageProcess('tracker-1', ['tracker'], settings);
    this.#stages = [...[1, 2, 3].map(reassembler), ...[1, 2].map(sink), tracker];
    const extra = [reassembler(4), sink(3)];
    this.faults = new FaultInjector(
      { brokers, brokerCount: options.brokers, store, stages: this.#stages, extra },
      this.#random.fork(),
    );
  }

  /** How often a capture was published, and how long the stages took for what was left when the last was. */
  get counts(): { readonly published: number; readonly drainMs: number } {
    return { published: this.#published, drainMs: this.#drainMs };
  }

  /** @returns the differences, a line each */
  async run(): Promise<string[]> {
    for (const stage of this.#stages) stage.start();
    const faults = this.faults.inject(this.#options.kills);
    const rounds = await this.#publishAll();
    await faults;
    for (const stage of this.#stages) stage.start();
    const began = performance.now();
    await this.#drained();
    this.#drainMs = performance.now() - began;
    await Promise.all(this.#stages.map((stage) => stage.kill()));
    const differences = await storyDifferences(this.#store);
    for (const round of rounds) differences.push(...(await this.#compare(round)));
    return differences;
  }

  /** Ends what this drill has started. */
  async end(): Promise<void> {
    await this.faults.end();
    await Promise.all(this.#stages.map((stage) => stage.kill()));
  }

  async #publishAll(): Promise<Round[]> {
    const rounds: Round[] = [];
    const { kills, calls, round: callsARound } = this.#options;
    for (let n = 0; n * callsARound < calls; n++) {
      // Spread over the faults, so that there is traffic at each of them.
      while (this.faults.kills * calls < n * callsARound * kills) await sleep(100);
      const seed = this.#options.seed * 10_000 + n;
      const round = await writeRound(n, seed, callsARound, this.#settings.folder);
      await this.#publish(round);
      // An operator who isn't sure publishes again: nothing may be counted twice.
      if (this.#random.chance(0.2)) await this.#publish(round);
      await removeRound(round);
      rounds.push(round);
    }
    return rounds;
  }

  async #publish(round: Round): Promise<void> {
    const env = { ...this.#settings.env, BITTERN_CAPTURE_NETWORK: round.network };
    for (;;) {
      this.#published++;
      try {
        await runBittern(round.command, { ...this.#settings, env });
        return;
      } catch (error) {
        process.stderr.write(`publishing again: ${(error as Error).message.split('\n')[0]}\n`);
        await sleep(1000);
      }
    }
  }

  /** Waits until every stage has committed everything. */
  async #drained(): Promise<void> {
    let least = Number.POSITIVE_INFINITY;
    let movedAt = performance.now();
    for (;;) {
      const lines = (await runBittern(['lag', '--json', '--sample', '0'], this.#settings)).trim().split('\n');
      const behind = lines.filter((line) => (JSON.parse(line) as { lag: number }).lag > 0);
      const lag = behind.reduce((sum, line) => sum + (JSON.parse(line) as { lag: number }).lag, 0);
      if (lag === 0) return;
      if (lag < least) {
        least = lag;
        movedAt = performance.now();
      }
      if (performance.now() - movedAt > DRAIN_STALL_MS)
        throw new Error(`the stages have not got on for ${DRAIN_STALL_MS / 1000} s:\n${await this.#standing(behind)}`);
      await sleep(1000);
    }
  }

  /** Where the stages stand: lag by partition, and what they say holds them. */
  async #standing(lines: readonly string[]): Promise<string> {
    const told = await Promise.all(
      this.#stages.map(async (stage) => {
        const metrics = await (await fetch(`${await stage.health}/metrics`)).text();
        return `${stage.name}: ${metrics.match(/^bittern_(?:reassembler|consumer|sink)_.*[^ ] [^0].*$/gm)?.join('; ')}`;
      }),
    );
    return [...lines, ...told].join('\n');
  }

  async #compare(round: Round): Promise<string[]> {
    const result = await this.#store.client.query({
      query: 'SELECT * FROM calls WHERE network = {network:String}',
      query_params: { network: round.network },
      format: 'JSONEachRow',
    });
    const { differences } = compare(round.manifest, await result.json<Row>());
    return differences.map((difference) => `${round.network}: ${difference}`);
  }
}
