/**
 * Sends what is stored over OTLP: turns, calls and tool calls as spans, findings as log events, histograms of the calls.
 *
 *     ClickHouse ─► ready since the last look (position.ts) ─► spans (reader.ts) ─► one request (sender.ts) ─► the position goes on
 *
 * ClickHouse is the source and keeps the position. One batch is in memory at a time, and the next is read when the receiver has it, so an
 * outage costs a delay and holds nothing back.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { toldOf } from '../common/errors.ts';
import type { Micros } from '../common/types.ts';
import { encodeSpans } from './encode.ts';
import { encodeFindings } from './findings.ts';
import { MetricWindows } from './metric-windows.ts';
import { OTLP_DEFAULTS, type OtlpOptions } from './options.ts';
import { Position } from './position.ts';
import type { Post } from './post.ts';
import { askable, OtlpReader, type Source } from './reader.ts';
import { Sender, type Signal } from './sender.ts';

/** For so long a close waits for what is under way to be written down, ms. */
const CLOSE_SAVE_MS = 1000;

export interface OtlpStats {
  /** Spans, points and log records that the receiver has taken; those of one that is sent again count again. */
  readonly sent: Readonly<Record<Signal, number>>;
  /** Those that it refused. */
  readonly rejected: Readonly<Record<Signal, number>>;
  readonly retries: number;
  /** When all that was ready was sent last, ms since the epoch; 0: not yet. */
  readonly caughtUpMs: number;
  /** Why nothing can be sent at the moment; '' when all is well. No text of the traffic, no credential. */
  readonly problem: string;
}

export class OtlpExporter {
  readonly #options: OtlpOptions;
  readonly #reader: OtlpReader;
  readonly #sender: Sender;
  readonly #positions: ReadonlyMap<Source, Position>;
  readonly #windows: MetricWindows | null;
  readonly #abort = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #problem = '';
  #caughtUpMs = 0;

  constructor(client: ClickHouseClient, post: Post, options: Partial<OtlpOptions> = {}) {
    this.#options = { ...OTLP_DEFAULTS, ...options };
    const { name, quietMs, content, traces, logs, metrics } = this.#options;
    this.#reader = new OtlpReader(client, quietMs, content, this.#abort.signal);
    this.#sender = new Sender(post, this.#options, this.#abort.signal);
    const sources: Source[] = [
      ...(traces ? (['turn', 'call', 'tool'] as const) : []),
      ...(logs ? (['finding'] as const) : []),
    ];
    this.#positions = new Map(
      sources.map((source) => {
        const find = this.#reader.ready.bind(this.#reader, source);
        return [source, new Position(client, name, source, find)];
      }),
    );
    this.#windows = metrics ? new MetricWindows(client, this.#sender, this.#options) : null;
  }

  get stats(): OtlpStats {
    const { sent, rejected, retries, problem } = this.#sender;
    return { sent, rejected, retries, caughtUpMs: this.#caughtUpMs, problem: problem || this.#problem };
  }

  /** Sends what becomes ready from now on, until `close`. */
  start(): void {
    const again = (): void => {
      if (this.#abort.signal.aborted) return;
      this.#timer = setTimeout(() => {
        void this.catchUp()
          .catch(() => {})
          .then(again);
      }, this.#options.pollMs);
    };
    again();
  }

  /** Sends all that is ready. One at a time: a second call waits for the first. */
  catchUp(): Promise<void> {
    const work = this.#running.then(() => this.#catchUp());
    this.#running = work.catch(() => {});
    return work;
  }

  /** Gives up what is under way: it is sent again by the next one. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#abort.abort(new Error('The exporter is closed.'));
    await this.#running;
    const saved = Promise.all([...this.#positions.values()].map((position) => position.save()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_SAVE_MS);
    });
    await Promise.race([saved.catch(() => {}), late]);
    clearTimeout(timer);
  }

  async #catchUp(): Promise<void> {
    try {
      const now = await this.#reader.now();
      const until = now - this.#options.settleMs * 1000;
      for (const [source, position] of this.#positions) {
        await position.load(this.#options.backfill ? 0 : now);
        while (await this.#step(source, position, until)) {
          // As long as there is more than one batch.
        }
      }
      await this.#windows?.catchUp(now, until);
      this.#problem = '';
      this.#caughtUpMs = Date.now();
    } catch (error) {
      this.#problem = this.#abort.signal.aborted ? '' : toldOf(error);
      if (!this.#abort.signal.aborted) for (const position of this.#positions.values()) position.reset();
      throw error;
    }
  }

  /** One batch. True when there may be more. */
  async #step(source: Source, position: Position, until: Micros): Promise<boolean> {
    this.#abort.signal.throwIfAborted();
    const taken = await position.take(until, this.#options.batchMax);
    for (const part of askable(taken.rows)) {
      if (source === 'finding') await this.#sender.send('logs', await this.#reader.findings(part), encodeFindings);
      else await this.#sender.send('traces', await this.#reader.spans(source, part), encodeSpans);
    }
    await position.done(taken);
    return taken.more;
  }
}
