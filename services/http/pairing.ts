/**
 * Which response belongs to which request: first in, first out (RFC 9112 section 9.3.2), and what a gap does to that.
 *
 * The frames' causal order is what makes it exact: a response's bytes never come before its request's. A client that
 * doesn't pipeline (none of the known LLM clients does) sends a request only after it has read the response before, so
 * when a request comes while the server's direction is without sync, the requests before it were answered in what we
 * couldn't read. A connection counts as pipelining once server bytes were read in sync with two requests unanswered.
 */
import type { ExchangeEnd, MessageState } from './exchange.ts';
import type { OpenExchange } from './open-exchange.ts';

export interface PairingOwner {
  /** The exchange's response is over, in this way. */
  responseOver(open: OpenExchange, end: ExchangeEnd, state: MessageState): void;
}

export class Pairing {
  readonly #owner: PairingOwner;
  /** Requests whose final response hasn't begun, oldest first. */
  #pending: OpenExchange[] = [];
  #answering: OpenExchange | null = null;
  /** Responses to requests that were ended by a limit: they are still to come, and belong to nobody. */
  #unwanted = 0;
  #pipelines = false;
  /** Requests may have been lost since the server last finished something: the order of those that come now isn't known. */
  #requestsInDoubt = false;
  /** Responses may have been lost while several requests waited: all pairs are doubtful until none waits. */
  #responsesInDoubt = false;

  constructor(owner: PairingOwner) {
    this.#owner = owner;
  }

  get answering(): OpenExchange | null {
    return this.#answering;
  }

  get pending(): readonly OpenExchange[] {
    return this.#pending;
  }

  /** Server bytes were read in sync. */
  serverSpoke(): void {
    if (this.#pending.length > (this.#answering === null ? 1 : 0)) this.#pipelines = true;
  }

  /** A request's head was read. `serverOffset`: of the next server byte. */
  request(open: OpenExchange, serverInSync: boolean, serverOffset: number): void {
    if (!serverInSync) this.endAnswered(serverOffset);
    open.exchange.uncertain = this.#requestsInDoubt || this.#responsesInDoubt;
    this.#pending.push(open);
  }

  /** The request that the next response is for, without taking it; null when none waits or the response is for nobody. */
  get next(): OpenExchange | null {
    return this.#unwanted > 0 ? null : (this.#pending[0] ?? null);
  }

  /**
   * A final response's head was read. Null: no request is known for it. `isUnwanted` tells beforehand whether it is for an
   * exchange that a limit has ended. `resynced`: it is the first since the direction lost sync. `gap`: bytes missing
   * directly before it, when `straightAfterGap`.
   */
  response(resynced: boolean, straightAfterGap: boolean, gap: number): OpenExchange | null {
    if (straightAfterGap && this.#pending.length > 1) this.#endFirst('gap', 'lost', gap);
    if (resynced && this.#pending.length > 1) this.#doubtAll();
    const open = this.#pending.shift() ?? null;
    if (open !== null && straightAfterGap && (this.#pipelines || this.#requestsInDoubt)) open.exchange.uncertain = true;
    this.#answering = open;
    return open;
  }

  get isUnwanted(): boolean {
    return this.#unwanted > 0;
  }

  unwantedAnswered(): void {
    this.#unwanted--;
  }

  /** A response for which no request is known; it is answered like any other. */
  orphan(open: OpenExchange): void {
    this.#answering = open;
  }

  /** The response in progress is over. */
  answered(): void {
    this.#answering = null;
    this.#settle();
  }

  /** Requests may have been lost. */
  clientLostSync(): void {
    this.#requestsInDoubt = true;
  }

  /** The response in progress, if any, can't be read on. */
  serverLostSync(end: ExchangeEnd): void {
    const open = this.#answering;
    this.#answering = null;
    if (open !== null) this.#owner.responseOver(open, end, 'lost');
    this.#settle();
  }

  /** The next response's head can't be read: the oldest request gets no answer. */
  headLost(end: ExchangeEnd, missing: number): void {
    if (this.#unwanted > 0) this.#unwanted--;
    else this.#endFirst(end, 'lost', missing);
    this.#settle();
  }

  /** Takes an exchange out that a limit has ended; if its response is still to come, it will be for nobody. */
  drop(open: OpenExchange): void {
    if (this.#answering === open) this.#answering = null;
    const index = this.#pending.indexOf(open);
    if (index < 0) return;
    this.#pending.splice(index, 1);
    this.#unwanted++;
  }

  /** The server's direction has ended. `unread`: it was without sync, so that what came since a request may be its answer. */
  serverEnded(end: ExchangeEnd, unread: boolean, serverOffset: number): void {
    if (unread) this.endAnswered(serverOffset);
    while (this.#pending.length > 0) this.#endFirst(end, 'none', 0);
  }

  /** Forgets everything without a word. */
  clear(): void {
    this.#pending = [];
    this.#answering = null;
    this.#unwanted = 0;
  }

  /** The server's direction is without sync: requests after which it sent something were answered in what wasn't read. */
  endAnswered(serverOffset: number): void {
    if (this.#pipelines) return;
    while (this.#pending.length > 0 && this.#pending[0]!.serverOffset < serverOffset) this.#endFirst('gap', 'lost', 0);
  }

  #endFirst(end: ExchangeEnd, state: MessageState, missing: number): void {
    const open = this.#pending.shift();
    if (open === undefined) return;
    open.exchange.response.missingBytes += missing;
    this.#owner.responseOver(open, end, state);
  }

  #doubtAll(): void {
    this.#responsesInDoubt = true;
    for (const open of this.#pending) open.exchange.uncertain = true;
  }

  /** Nothing waits and the server has finished: whatever was lost before no longer matters. */
  #settle(): void {
    if (this.#pending.length > 0 || this.#answering !== null) return;
    this.#requestsInDoubt = false;
    this.#responsesInDoubt = false;
  }
}
