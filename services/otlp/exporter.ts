/**
 * Sends what is stored over OTLP: turns, calls and tool calls as spans, findings as log events, histograms of the calls.
 *
 *     ClickHouse ─► ready since the last look (position.ts) ─► spans (reader.ts) ─► one request (sender.ts) ─► the position goes on
 *
 * ClickHouse is the source and keeps the position. Each signal goes its own way: what the receiver of one refuses keeps no other back. One batch
 * of each is in memory at a time, and the next is read when the receiver has it, so an outage costs a delay and holds nothing back.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Micros } from '../common/types.ts';
import { encodeSpans } from './encode.ts';
import { encodeFindings } from './findings.ts';
import { Lane, type Round } from './lane.ts';
import type { Signal } from './messages.ts';
import { MetricWindows } from './metric-windows.ts';
import { OTLP_DEFAULTS, type OtlpOptions } from './options.ts';
import { Position } from './position.ts';
import type { Post } from './post.ts';
import { askable, OtlpReader, type Source } from './reader.ts';
import { Sender } from './sender.ts';

/** For so long a close waits for what is under way to be written down, ms. */
const CLOSE_SAVE_MS = 1000;

export interface SignalStats {
  /** Spans, points and log records that the receiver has taken; those of one that is sent again count again. */
  readonly sent: number;
  /** Those that it refused. */
  readonly rejected: number;
  readonly retries: number;
  /** Requests that it answered with anything but success, by status. */
  readonly refusals: ReadonlyMap<number, number>;
  /** It refuses whatever is sent. */
  readonly held: boolean;
  /** When all that was ready was sent last, ms since the epoch; before the first time: when the exporter began. */
  readonly caughtUpMs: number;
  /** Since when the oldest of what waits has been ready, ms since the epoch; null: nothing waits. */
  readonly oldestMs: number | null;
  /** Why nothing can be sent at the moment; '' when all is well. No text of the traffic, no credential. */
  readonly problem: string;
}

interface Way {
  readonly lane: Lane;
  readonly sender: Sender;
}

export class OtlpExporter {
  readonly #client: ClickHouseClient;
  readonly #options: OtlpOptions;
  readonly #reader: OtlpReader;
  readonly #positions = new Map<Source, Position>();
  readonly #ways: ReadonlyMap<Signal, Way>;
  readonly #abort = new AbortController();

  /** `tell`: a line for the log, when something waits or is dropped. */
  constructor(
    client: ClickHouseClient,
    post: Post,
    options: Partial<OtlpOptions> = {},
    tell: (line: string) => void = () => {},
  ) {
    this.#client = client;
    this.#options = { ...OTLP_DEFAULTS, ...options };
    const { signal } = this.#abort;
    this.#reader = new OtlpReader(client, this.#options.quietMs, this.#options.content, signal);
    const rounds: readonly [Signal, (sender: Sender) => Round][] = [
      ['traces', (sender) => this.#rows(sender, ['turn', 'call', 'tool'])],
      ['logs', (sender) => this.#rows(sender, ['finding'])],
      ['metrics', (sender) => this.#windows(sender)],
    ];
    this.#ways = new Map(
      rounds
        .filter(([name]) => this.#options[name])
        .map(([name, round]) => {
          const sender = new Sender(name, post, this.#options, signal, tell);
          return [name, { sender, lane: new Lane(round(sender), signal) }];
        }),
    );
  }

  /** Of the signals that are sent. */
  get stats(): ReadonlyMap<Signal, SignalStats> {
    const ways = [...this.#ways].map(([signal, { lane, sender }]): [Signal, SignalStats] => {
      const { sent, rejected, retries, refusals, held, problem } = sender;
      const { caughtUpMs, oldestMs } = lane;
      const told = problem || lane.problem;
      return [signal, { sent, rejected, retries, refusals, held, caughtUpMs, oldestMs, problem: told }];
    });
    return new Map(ways);
  }

  /** Sends what becomes ready from now on, until `close`. */
  start(): void {
    for (const { lane } of this.#ways.values()) lane.start(this.#options.pollMs);
  }

  /** Sends all that is ready. */
  async catchUp(): Promise<void> {
    await Promise.all([...this.#ways.values()].map(({ lane }) => lane.catchUp()));
  }

  /** Gives up what is under way: it is sent again by the next one. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('The exporter is closed.'));
    await Promise.all([...this.#ways.values()].map(({ lane }) => lane.close()));
    const saved = Promise.all([...this.#positions.values()].map((position) => position.save()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_SAVE_MS);
    });
    await Promise.race([saved.catch(() => {}), late]);
    clearTimeout(timer);
  }

  /** Rounds of rows that are sent one by one. */
  #rows(sender: Sender, sources: readonly Source[]): Round {
    const positions = sources.map((source): [Source, Position] => {
      const find = this.#reader.ready.bind(this.#reader, source);
      return [source, new Position(this.#client, this.#options.name, source, find)];
    });
    for (const [source, position] of positions) this.#positions.set(source, position);
    return async (sending) => {
      const now = await this.#reader.now();
      const failures: unknown[] = [];
      for (const [source, position] of positions) {
        try {
          await position.load(this.#options.backfill ? 0 : now);
          while (await this.#step(sender, source, position, now - this.#options.settleMs * 1000, sending)) {
            // As long as there is more than one batch.
          }
        } catch (error) {
          this.#abort.signal.throwIfAborted();
          // What it took may not have been sent. The others go on from where they are.
          position.reset();
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    };
  }

  #windows(sender: Sender): Round {
    const windows = new MetricWindows(this.#client, sender, this.#options);
    return async (sending) => {
      const now = await this.#reader.now();
      await windows.catchUp(now, now - this.#options.settleMs * 1000, sending);
    };
  }

  /** One batch. True when there may be more. */
  async #step(
    sender: Sender,
    source: Source,
    position: Position,
    until: Micros,
    sending: (oldest: Micros) => void,
  ): Promise<boolean> {
    this.#abort.signal.throwIfAborted();
    const taken = await position.take(until, this.#options.batchMax);
    const [oldest] = taken.rows;
    if (oldest !== undefined) sending(oldest.at);
    for (const part of askable(taken.rows)) {
      if (source === 'finding') await sender.send(await this.#reader.findings(part), encodeFindings);
      else await sender.send(await this.#reader.spans(source, part), encodeSpans);
    }
    await position.done(taken);
    return taken.more;
  }
}
