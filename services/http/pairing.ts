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
  #clientLosses = 0;
  /** Size of a gap between messages of the server that no exchange has been charged with, in bytes. */
  #borderGap = 0;
  /** The server's stream offset when the client was last heard before that loss. */
  #serverOffsetAtLoss = 0;
  #serverOffsetAtClient = 0;
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

  /** Client bytes were read. `serverOffset`: of the next server byte. */
  clientSpoke(serverOffset: number): void {
    this.#serverOffsetAtClient = serverOffset;
  }

  /** A request's head was read. `serverOffset`: of the next server byte. */
  request(open: OpenExchange, serverInSync: boolean, serverOffset: number): void {
    if (!serverInSync) this.endAnswered(serverOffset);
    // A client that waits for its responses sends nothing while the server is still to answer a request that we lost.
    const silent = serverOffset <= this.#serverOffsetAtLoss;
    const lostMayWait = this.#requestsInDoubt && (serverInSync || silent || this.#pipelines);
    open.exchange.uncertain = lostMayWait || this.#responsesInDoubt;
    open.clientLosses = this.#clientLosses;
    this.#pending.push(open);
  }

  /** The request that the next response is for, without taking it; null when none waits or the response is for nobody. */
  get next(): OpenExchange | null {
    return this.#unwanted > 0 ? null : (this.#pending[0] ?? null);
  }

  /** Whole messages of the server are missing before the next head. Of several waiting requests the first was answered by them. */
  messagesLost(): void {
    if (this.#unwanted === 0 && this.#pending.length > 1) this.#endFirst('gap', 'lost', this.#takeGap());
  }

  /** Another gap of the server's while it was without sync. */
  serverLostMore(missing: number): void {
    this.#borderGap += missing;
  }

  /**
   * A final response's head was read. Null: no request is known for it. `isUnwanted` tells beforehand whether it is for an
   * exchange that a limit has ended. `resynced`: it is the first since the direction lost sync. `straightAfterGap`: only
   * interim responses stand between the gap and it. `offsetAfterGap`: of the first byte after that gap.
   */
  response(resynced: boolean, straightAfterGap: boolean, offsetAfterGap: number): OpenExchange | null {
    const gap = this.#takeGap();
    // With pipelining not even one waiting request is sure: what was lost may have been interim, or several responses.
    if (resynced && this.#pending.length > (this.#pipelines ? 0 : 1)) this.#doubtAll();
    const open = this.#pending.shift() ?? null;
    // Requests lost after this one: the response may be theirs, and this one's be lost.
    const overtaken = open !== null && resynced && open.clientLosses !== this.#clientLosses;
    // What is missing between a request and its response's head can only have been interim responses.
    if (open !== null && straightAfterGap) {
      open.exchange.response.missingBytes += Math.max(0, Math.min(gap, offsetAfterGap - open.serverOffset));
    }
    if (open !== null && overtaken) open.exchange.uncertain = true;
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
    this.#clientLosses++;
    this.#serverOffsetAtLoss = this.#serverOffsetAtClient;
  }

  /** The response in progress, if any, can't be read on. */
  serverLostSync(end: ExchangeEnd, missing: number): void {
    const open = this.#answering;
    this.#borderGap = open === null ? missing : 0;
    this.#answering = null;
    if (open !== null) this.#owner.responseOver(open, end, 'lost');
    this.#settle();
  }

  /** The next response's head can't be read: the oldest request gets no answer. */
  headLost(end: ExchangeEnd): void {
    if (this.#unwanted > 0) this.#unwanted--;
    else this.#endFirst(end, 'lost', this.#takeGap());
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
    while (this.#pending.length > 0 && this.#pending[0]!.serverOffset < serverOffset)
      this.#endFirst('gap', 'lost', this.#takeGap());
  }

  #takeGap(): number {
    const gap = this.#borderGap;
    this.#borderGap = 0;
    return gap;
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
