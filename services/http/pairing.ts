/**
 * Which response belongs to which request: first in, first out (RFC 9112 section 9.3.2), and what a gap does to that.
 *
 * The frames' causal order is what makes it exact. A request's response begins at or behind the server's stream offset at
 * which the request was read. So of the requests that wait when a head is found behind an unread stretch of the server's
 * bytes, only those that were there before the stretch's end may have been answered in it, and the head belongs to one of
 * those that wait: with a single one it is certain.
 *
 * A flight is what a client sends without hearing from the server: one request (as all known LLM clients do), or several
 * (pipelining). A client is taken to wait for all answers of a flight before it begins the next, until it is seen doing
 * otherwise. So a new flight tells that every request of the one before was answered, in what couldn't be read if need be,
 * and whatever was in doubt is over.
 */
import type { ExchangeEnd, MessageState } from './exchange.ts';
import type { OpenExchange } from './open-exchange.ts';
import type { UnreadStretch } from './unread-stretch.ts';

export interface PairingOwner {
  /** The exchange's response is over, in this way. */
  responseOver(open: OpenExchange, end: ExchangeEnd, state: MessageState): void;
  /** The response in progress can't be read on at the moment, and its client has gone on: it is over. */
  giveUpResponse(): void;
}

/** A stretch between messages of more bytes than this held a final response: interim responses aren't that long. */
const INTERIM_BYTES_MAX = 512;

export class Pairing {
  readonly #owner: PairingOwner;
  /** Requests whose final response hasn't begun as far as known, oldest first. */
  #pending: OpenExchange[] = [];
  #answering: OpenExchange | null = null;
  /** Responses to requests that were ended by a limit: they are still to come, and belong to nobody. */
  #unwanted = 0;
  /** So many of the oldest waiting requests may have been answered already, in what couldn't be read. */
  #mayBeAnswered = 0;
  /** Several requests were seen waiting at a time. */
  #pipelines = false;
  /** The client was seen beginning a flight before the one before was answered: flights tell nothing. */
  #neverWaits = false;
  /** How often requests may have been lost. */
  #clientLosses = 0;
  /** Size of gaps between messages of the server that no exchange has been charged with, in bytes. */
  #borderGap = 0;
  /** The server's stream offset when the client's bytes were last read in sync; when some couldn't be read or are missing; and when it was last heard before that. -1: never. */
  #offsetAtRead = -1;
  #offsetAtUnread = -1;
  #offsetBeforeLoss = -1;
  /** The beginning of a request's head was read, and it began a flight. */
  #headHeld = false;
  #heldBeginsFlight = false;

  constructor(owner: PairingOwner) {
    this.#owner = owner;
  }

  get answering(): OpenExchange | null {
    return this.#answering;
  }

  /** Server bytes were read in sync. */
  serverSpoke(): void {
    if (this.#mayBeAnswered === 0 && this.#pending.length > (this.#answering === null ? 1 : 0)) this.#pipelines = true;
  }

  /**
   * Client bytes were read, or skipped when it isn't `inSync`. `serverOffset`: of the next server byte. `headHeld`: they end
   * with the beginning of a head.
   */
  clientSpoke(serverOffset: number, inSync: boolean, headHeld: boolean): void {
    if (headHeld && !this.#headHeld) this.#heldBeginsFlight = serverOffset > this.#lastHeard;
    this.#headHeld = headHeld;
    if (inSync) this.#offsetAtRead = serverOffset;
    else if (!headHeld) this.#offsetAtUnread = serverOffset;
  }

  /** The server's offset when the client was last heard. Bytes that weren't read are no flight of their own unless the client pipelines. */
  get #lastHeard(): number {
    return this.#pipelines ? Math.max(this.#offsetAtRead, this.#offsetAtUnread) : this.#offsetAtRead;
  }

  /** Requests may have been lost. */
  clientLostSync(serverOffset: number): void {
    this.#clientLosses++;
    this.#offsetBeforeLoss = Math.max(0, this.#offsetAtRead, this.#offsetAtUnread);
    this.#offsetAtUnread = serverOffset;
  }

  /** A request's head was read. `serverInSync`: where in a message the server is, is known. */
  request(open: OpenExchange, serverInSync: boolean): void {
    const offset = open.serverOffset;
    if (this.#headHeld ? this.#heldBeginsFlight : offset > this.#lastHeard) this.#newFlight(serverInSync);
    this.#headHeld = false;
    this.#offsetAtRead = offset;
    if (this.#pending.length === 0) this.#borderGap = 0;
    // A client that doesn't pipeline sends nothing while a request that we lost waits for its answer.
    const lossAt = this.#pipelines ? this.#offsetAtUnread : this.#offsetBeforeLoss;
    open.exchange.uncertain = this.#clientLosses > 0 && (lossAt >= offset || this.#neverWaits);
    open.clientLosses = this.#clientLosses;
    this.#pending.push(open);
  }

  /** The request that the next response is for, without taking it; null when none waits or the response is for nobody. */
  get next(): OpenExchange | null {
    return this.#unwanted > 0 ? null : (this.#pending[0] ?? null);
  }

  /**
   * A final response's head was read. Null: no request is known for it. `isUnwanted` tells beforehand whether it is for an
   * exchange that a limit has ended. `unread`: what couldn't be read since the final response before, if anything.
   */
  response(unread: UnreadStretch | null): OpenExchange | null {
    const { surely, maybe } = this.#answeredBefore(unread);
    for (let n = 0; n < surely; n++) this.#endFirst('gap', 'lost');
    const open = this.#pending.shift() ?? null;
    this.#mayBeAnswered = Math.min(maybe - surely, this.#pending.length);
    if (open !== null && maybe > surely) open.exchange.uncertain = true;
    // How many answers an unread stretch held is a guess when several requests wait: those behind it share the doubt.
    if (unread !== null && surely > 0) {
      for (const other of this.#pending) if (other.serverOffset < unread.end) other.exchange.uncertain = true;
    }
    // What is missing between a request and its response's head can only have been interim responses.
    if (open !== null && unread?.betweenMessages === true) open.exchange.response.missingBytes += this.#takeGap();
    this.#borderGap = 0;
    this.#answering = open;
    return open;
  }

  /** How many of the waiting requests were answered before this head at least, and at most. */
  #answeredBefore(unread: UnreadStretch | null): { readonly surely: number; readonly maybe: number } {
    const waiting = this.#pending.length;
    if (waiting === 0 || (unread === null && this.#mayBeAnswered === 0)) return { surely: 0, maybe: 0 };
    // One of them is answered now, unless a request was lost behind them that this head may be for.
    const lostBehind = this.#pending[waiting - 1]!.clientLosses !== this.#clientLosses;
    const inStretch = unread === null ? 0 : this.#waitingBefore(unread.end);
    const maybe = Math.min(Math.max(this.#mayBeAnswered, inStretch), lostBehind ? waiting : waiting - 1);
    const messageLost = unread?.betweenMessages === true && unread.bytes > INTERIM_BYTES_MAX;
    return { surely: messageLost ? Math.min(1, maybe) : 0, maybe };
  }

  /** Waiting requests that were read before the server's bytes at this offset. */
  #waitingBefore(serverOffset: number): number {
    let count = 0;
    while (count < this.#pending.length && this.#pending[count]!.serverOffset < serverOffset) count++;
    return count;
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
  }

  /** The response in progress, if any, can't be read on. `missing`: bytes of the gap that no message is charged with. */
  serverLostSync(end: ExchangeEnd, missing: number): void {
    const open = this.#answering;
    this.#borderGap = open === null ? this.#borderGap + missing : 0;
    this.#answering = null;
    if (open !== null) this.#owner.responseOver(open, end, 'lost');
  }

  /** Another gap of the server's while it was without sync. */
  serverLostMore(missing: number): void {
    this.#borderGap += missing;
  }

  /** The response in progress goes on behind an unread stretch that ended at this offset of the server's: it may be another one by now. */
  resumed(serverOffset: number): void {
    this.#mayBeAnswered = Math.max(this.#mayBeAnswered, this.#waitingBefore(serverOffset));
  }

  /** The next response's head came and can't be read: the oldest request gets no answer. */
  headLost(end: ExchangeEnd): void {
    if (this.#unwanted > 0) this.#unwanted--;
    else this.#endFirst(end, 'lost');
  }

  /** Takes an exchange out that a limit has ended; if its response is still to come, it will be for nobody. */
  drop(open: OpenExchange): void {
    if (this.#answering === open) this.#answering = null;
    const index = this.#pending.indexOf(open);
    if (index < 0) return;
    this.#pending.splice(index, 1);
    if (index < this.#mayBeAnswered) this.#mayBeAnswered--;
    this.#unwanted++;
  }

  /** The server's direction has ended. `unread`: it was without sync, so that what came since a request may be its answer. */
  serverEnded(end: ExchangeEnd, unread: boolean, serverOffset: number): void {
    this.endUnread(unread ? serverOffset : -1);
    while (this.#pending.length > 0) this.#endFirst(end, 'none');
  }

  /** No more is read: requests whose answers may be among what couldn't be read end as gaps. `serverOffset`: of the end of an unread stretch, -1 if there is none. */
  endUnread(serverOffset: number): void {
    while (this.#mayBeAnswered > 0) this.#endFirst('gap', 'lost');
    while (this.#pending.length > 0 && this.#pending[0]!.serverOffset < serverOffset) this.#endFirst('gap', 'lost');
  }

  /** Forgets everything without a word. */
  clear(): void {
    this.#pending = [];
    this.#answering = null;
    this.#unwanted = 0;
    this.#mayBeAnswered = 0;
  }

  /** The client begins a flight, though not all is answered as far as was read: the rest was, or the client doesn't wait. */
  #newFlight(serverInSync: boolean): void {
    const answering = this.#answering !== null;
    if (this.#neverWaits || (!answering && this.#pending.length === 0)) return;
    if (serverInSync && (answering || this.#mayBeAnswered === 0)) {
      this.#neverWaits = true;
      return;
    }
    if (answering) this.#owner.giveUpResponse();
    while (this.#pending.length > 0) this.#endFirst('gap', 'lost');
    this.#unwanted = 0;
  }

  #takeGap(): number {
    const gap = this.#borderGap;
    this.#borderGap = 0;
    return gap;
  }

  #endFirst(end: ExchangeEnd, state: MessageState): void {
    const open = this.#pending.shift();
    if (this.#mayBeAnswered > 0) this.#mayBeAnswered--;
    if (open === undefined) return;
    if (end === 'gap') open.exchange.response.missingBytes += this.#takeGap();
    this.#owner.responseOver(open, end, state);
  }
}
