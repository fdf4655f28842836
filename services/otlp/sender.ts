/**
 * Sends requests of one signal over OTLP/HTTP, each until the receiver has it, has refused its data, or we are closed.
 *
 *     2xx                       done; a partial success counts what the receiver refused of it, which must not be sent again
 *     429, 502, 503, 504        sent again, after Retry-After or with growing waits (specification, "OTLP/HTTP Response"); so is
 *     no answer                   what got no answer
 *     400, 413, 422             a request without data is tried. Taken: it is this data that the receiver refuses, which is halved until what it
 *                                 refuses stands alone; that is dropped and counted, until too much was in a row. Refused too: held
 *     all else                  held
 *
 * Held: the receiver refuses whatever we send, which is for the operator to mend (credentials, path, encoding). It is told once, and
 * tried again at long intervals only. The specification gives such data up, so that senders with queues in memory don't fill them; ours stands
 * in ClickHouse, where waiting costs a delay and nothing else as long as the rows are kept.
 */

import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { toldOf } from '../common/errors.ts';
import { rejectedOf, rpcCodeOf } from './answer.ts';
import { type Encoding, emptyRequest, encodeRequest } from './encoding.ts';
import { hintOf } from './hints.ts';
import type { Signal } from './messages.ts';
import type { Answer, Post } from './post.ts';

const gzipped = promisify(gzip);
const AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const BAD_DATA: ReadonlySet<number> = new Set([400, 413, 422]);
/** The longest Retry-After that is believed, ms. */
const RETRY_AFTER_MS_MAX = 600_000;
/** After so many items that were refused each alone, with none taken between, it isn't about the items: each further one waits and is tried again. */
const REFUSED_IN_A_ROW_MAX = 100;
/** An outage is told after so many attempts in a row: about a quarter of a minute by default. */
const TELL_AFTER_ATTEMPTS = 5;

export interface SenderOptions {
  readonly encoding: Encoding;
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
  readonly refusedDelayMs: number;
}

type Verdict = 'taken' | 'bad' | 'again' | 'held';

export class Sender {
  /** Why nothing can be sent at the moment; '' when all is well. Nothing of what the receiver answered: it may quote. */
  problem = '';
  /** The receiver refuses whatever is sent. */
  held = false;
  sent = 0;
  rejected = 0;
  retries = 0;
  /** Requests that were answered with anything but success, by status. */
  readonly refusals = new Map<number, number>();
  readonly #signal: Signal;
  readonly #post: Post;
  readonly #options: SenderOptions;
  readonly #aborted: AbortSignal;
  readonly #tell: (line: string) => void;
  readonly #told = new Set<string>();
  #refusedInARow = 0;

  /** `tell`: a line for the log, no more than one for each cause. */
  constructor(signal: Signal, post: Post, options: SenderOptions, aborted: AbortSignal, tell: (line: string) => void) {
    this.#signal = signal;
    this.#post = post;
    this.#options = options;
    this.#aborted = aborted;
    this.#tell = tell;
  }

  /** Resolves when the receiver has these items or has refused them. @throws the reason of the abort */
  async send<T>(items: readonly T[], encode: (items: readonly T[]) => object): Promise<void> {
    if (items.length > 0) await this.#send(items, encode, false);
  }

  /** `takesOthers`: the receiver has just taken a request without data. */
  async #send<T>(items: readonly T[], encode: (items: readonly T[]) => object, takesOthers: boolean): Promise<void> {
    const body = await gzipped(encodeRequest(this.#options.encoding, this.#signal, encode(items)));
    const { answer, verdict } = await this.#untilJudged(body, takesOthers);
    if (verdict === 'taken') {
      this.#taken(items.length, answer);
      return;
    }
    if (items.length === 1) {
      await this.#refusedAlone(answer, body);
      return;
    }
    const middle = items.length >> 1;
    await this.#send(items.slice(0, middle), encode, true);
    await this.#send(items.slice(middle), encode, true);
  }

  async #refusedAlone(answer: Answer, body: Buffer): Promise<void> {
    const how = `answered ${answer.status}${named(rpcCodeOf(answer))}`;
    if (++this.#refusedInARow > REFUSED_IN_A_ROW_MAX) {
      this.held = true;
      this.problem = `the receiver of ${this.#signal} refuses all data (it ${how})`;
      this.#tellOnce('waits', `${this.problem}. The data waits in ClickHouse.`);
      this.retries++;
      await pause(this.#options.refusedDelayMs, this.#aborted);
      const again = await this.#untilJudged(body, true);
      if (again.verdict === 'taken') {
        this.#taken(1, again.answer);
        return;
      }
    }
    this.rejected++;
    this.#tellDropped(how);
  }

  #taken(items: number, answer: Answer): void {
    const refused = Math.min(rejectedOf(this.#signal, answer), items);
    this.sent += items - refused;
    this.rejected += refused;
    if (refused > 0) this.#tellDropped('took a request in part');
  }

  #tellDropped(how: string): void {
    this.#tellOnce(
      'dropped',
      `the receiver of ${this.#signal} refuses some of the data (it ${how}): that is dropped, and counted in bittern_otlp_rejected_total`,
    );
  }

  async #untilJudged(
    body: Buffer,
    takesOthers: boolean,
  ): Promise<{ readonly answer: Answer; readonly verdict: 'taken' | 'bad' }> {
    let delayMs = this.#options.retryDelayMs;
    for (let attempt = 1; ; attempt++) {
      this.#aborted.throwIfAborted();
      let waitMs = delayMs * (0.5 + Math.random() / 2);
      try {
        const answer = await this.#request(body);
        const verdict = await this.#judge(answer, takesOthers);
        if (verdict === 'taken' || verdict === 'bad') {
          this.#answered(verdict);
          return { answer, verdict };
        }
        this.held = verdict === 'held';
        if (this.held) waitMs = this.#options.refusedDelayMs;
        this.problem = `the receiver of ${this.#signal} answers ${answer.status}${named(rpcCodeOf(answer))}${this.held ? hintOf(answer.status, this.#signal, this.#options.encoding) : ''}`;
        waitMs = Math.max(waitMs, retryAfterMs(answer.retryAfter, Date.now()) ?? 0);
      } catch (error) {
        this.#aborted.throwIfAborted();
        this.held = false;
        this.problem = `sending ${this.#signal}: ${toldOf(error)}`;
      }
      if (this.held || attempt >= TELL_AFTER_ATTEMPTS)
        this.#tellOnce('waits', `${this.problem}. The data waits in ClickHouse.`);
      this.retries++;
      await pause(waitMs, this.#aborted);
      delayMs = Math.min(delayMs * 2, this.#options.retryDelayMsMax);
    }
  }

  async #judge({ status }: Answer, takesOthers: boolean): Promise<Verdict> {
    if (!BAD_DATA.has(status)) return verdictOf(status);
    if (takesOthers) return 'bad';
    const empty = await this.#request(await gzipped(emptyRequest(this.#options.encoding, this.#signal)));
    const verdict = verdictOf(empty.status);
    return verdict === 'taken' ? 'bad' : verdict;
  }

  async #request(body: Buffer): Promise<Answer> {
    const answer = await this.#post(`/v1/${this.#signal}`, body, this.#aborted);
    const { status } = answer;
    if (verdictOf(status) !== 'taken') this.refusals.set(status, (this.refusals.get(status) ?? 0) + 1);
    return answer;
  }

  #answered(verdict: 'taken' | 'bad'): void {
    if (verdict === 'taken') this.#refusedInARow = 0;
    else if (this.#refusedInARow > REFUSED_IN_A_ROW_MAX) return;
    this.problem = '';
    this.held = false;
    if (this.#told.delete('waits')) this.#tell(`otlp: ${this.#signal} are sent again`);
  }

  #tellOnce(cause: string, line: string): void {
    if (this.#told.has(cause)) return;
    this.#told.add(cause);
    this.#tell(`otlp: ${line}`);
  }
}

function verdictOf(status: number): Exclude<Verdict, 'bad'> {
  if (status >= 200 && status < 300) return 'taken';
  return AGAIN.has(status) ? 'again' : 'held';
}

const named = (code: string): string => (code === '' ? '' : ` (${code})`);

/** Seconds, or a date (RFC 9110, section 10.2.3). */
export function retryAfterMs(value: string, nowMs: number): number | null {
  if (value === '') return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), RETRY_AFTER_MS_MAX);
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
