/**
 * Sends one request over OTLP/HTTP until the receiver has it, has refused it for good, or we are closed.
 *
 *     200                   done; `partialSuccess` counts what the receiver refused of it, which must not be sent again
 *     400, 413, 422         it refuses this data: halved until what it refuses stands alone, and counted
 *     429, 502, 503, 504    sent again, after Retry-After or with growing waits (specification, "OTLP/HTTP Response")
 *     all else, no answer   sent again as well: wrong credentials or a wrong path is for the operator to mend, nothing is lost meanwhile
 *
 * The last line is more patient than the specification, which gives such data up so that senders with queues in memory don't fill
 * them. What we send stands in ClickHouse, so waiting costs a delay and nothing else.
 */

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { toldOf } from '../common/errors.ts';
import type { Answer, Post } from './post.ts';

const gzipped = promisify(gzip);
const REFUSED: ReadonlySet<number> = new Set([400, 413, 422]);
/** The longest Retry-After that is believed, ms. */
const RETRY_AFTER_MS_MAX = 600_000;

export type Signal = 'traces' | 'metrics' | 'logs';

export interface SenderOptions {
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
}

const PARTIAL: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
};

export class Sender {
  /** Why nothing can be sent at the moment; '' when all is well. Nothing of what the receiver answered: it may quote. */
  problem = '';
  readonly sent: Record<Signal, number> = { traces: 0, metrics: 0, logs: 0 };
  readonly rejected: Record<Signal, number> = { traces: 0, metrics: 0, logs: 0 };
  retries = 0;
  readonly #post: Post;
  readonly #options: SenderOptions;
  readonly #aborted: AbortSignal;

  constructor(post: Post, options: SenderOptions, aborted: AbortSignal) {
    this.#post = post;
    this.#options = options;
    this.#aborted = aborted;
  }

  /** Resolves when the receiver has these items or has refused them. @throws the reason of the abort */
  async send<T>(signal: Signal, items: readonly T[], encode: (items: readonly T[]) => object): Promise<void> {
    if (items.length === 0) return;
    const body = await gzipped(JSON.stringify(encode(items)));
    const answer = await this.#untilAnswered(signal, body);
    if (answer.status === 200) {
      const refused = Math.min(rejectedOf(answer.body, PARTIAL[signal]), items.length);
      this.sent[signal] += items.length - refused;
      this.rejected[signal] += refused;
      return;
    }
    if (items.length === 1) {
      this.rejected[signal]++;
      return;
    }
    const middle = items.length >> 1;
    await this.send(signal, items.slice(0, middle), encode);
    await this.send(signal, items.slice(middle), encode);
  }

  /** An answer that ends it: 200, or one that refuses the data. */
  async #untilAnswered(signal: Signal, body: Buffer): Promise<Answer> {
    let delayMs = this.#options.retryDelayMs;
    for (;;) {
      this.#aborted.throwIfAborted();
      let waitMs = delayMs * (0.5 + Math.random() / 2);
      try {
        const answer = await this.#post(`/v1/${signal}`, body, this.#aborted);
        if (answer.status === 200 || REFUSED.has(answer.status)) {
          this.problem = '';
          return answer;
        }
        this.problem = `the receiver of ${signal} answers ${answer.status}${HINTS[answer.status] ?? ''}`;
        waitMs = retryAfterMs(answer.retryAfter, Date.now()) ?? waitMs;
      } catch (error) {
        this.#aborted.throwIfAborted();
        this.problem = `sending ${signal}: ${toldOf(error)}`;
      }
      this.retries++;
      await pause(waitMs, this.#aborted);
      delayMs = Math.min(delayMs * 2, this.#options.retryDelayMsMax);
    }
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: ': check the credentials (otlp.headersFile, otlp.headersVariable)',
  403: ': check the credentials (otlp.headersFile, otlp.headersVariable)',
  404: ': check the path in otlp.endpoint',
};

/** Seconds, or a date (RFC 9110, section 10.2.3). */
export function retryAfterMs(value: string, nowMs: number): number | null {
  if (value === '') return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), RETRY_AFTER_MS_MAX);
}

function rejectedOf(body: string, field: string): number {
  try {
    const { partialSuccess } = JSON.parse(body) as { partialSuccess?: Readonly<Record<string, unknown>> };
    const count = Number(partialSuccess?.[field] ?? 0);
    return Number.isFinite(count) && count > 0 ? count : 0;
  } catch {
    // Some answer with nothing, or with protobuf: a 200 is a success.
    return 0;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal.addEventListener('abort', abort, { once: true });
  });
}
