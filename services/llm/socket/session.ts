/** The calls of one WebSocket connection: which message belongs to which response, and where each one ends. */
import type { Side } from '../../../schemas/frame.ts';
import type { ExchangeEnd } from '../../http/exchange.ts';
import type { MessageConsumer, SocketMessage } from '../../websocket/message.ts';
import type { Conversation, ServerStep } from '../dialects/dialect.ts';
import { type CallHost, type SocketOrigin, VirtualCall } from './virtual-call.ts';

/** Responses that are open at a time; with more the oldest ends as `limit`. */
const OPEN_MAX = 64;

export class SocketSession implements MessageConsumer {
  readonly #host: CallHost;
  /** Names the probe whose bytes are being read. */
  #origin: SocketOrigin;
  readonly #conversation: Conversation;
  readonly #sequential: boolean;
  /** Responses may be going on of which nothing was seen. */
  readonly #joined: boolean;
  /** In the order in which they were asked for. */
  #open: VirtualCall[] = [];
  /** Lanes in which the rest of a response comes that a limit has ended. */
  readonly #leftover = new Set<string>();
  /** Events of the server may be missing since the oldest open response began. */
  #serverLost = false;

  /** `joined`: the connection was joined in its middle. */
  constructor(host: CallHost, origin: SocketOrigin, memory: unknown, joined = false) {
    const { socket } = origin.dialect;
    if (socket === undefined) throw new TypeError(`${origin.dialect.name} has no WebSocket form`);
    this.#host = host;
    this.#origin = origin;
    this.#sequential = socket.sequential;
    this.#joined = joined;
    this.#conversation = socket.open(origin.requestHead.target, memory);
  }

  get busy(): boolean {
    return this.#open.length > 0 || this.#conversation.pending;
  }

  get open(): number {
    return this.#open.length;
  }

  get heldBytes(): number {
    return this.#conversation.heldBytes;
  }

  get memory(): object | null {
    return this.#conversation.memory;
  }

  readBy(probe: string): void {
    const { connection } = this.#origin;
    if (connection.probe !== probe) this.#origin = { ...this.#origin, connection: { ...connection, probe } };
  }

  message(message: SocketMessage): void {
    if (message.side === 'client') this.#fromClient(message);
    else this.#fromServer(message);
  }

  lost(side: Side, missing: number): void {
    // What the server sent before a request isn't of its answer.
    if (side === 'client' || this.#open.length === 0) return;
    this.#serverLost = true;
    if (this.#sequential) this.#endPassed();
    const [oldest] = this.#open;
    oldest?.gap(missing);
    for (const call of this.#open) if (call !== oldest) call.exchange.uncertain = true;
  }

  end(reason: ExchangeEnd): void {
    if (reason === 'limit') for (const call of this.#open) this.#leaves(call);
    // Its end may be among what couldn't be read.
    for (const call of this.#open) call.end(this.#serverLost ? 'gap' : reason);
    this.#open = [];
    this.#serverLost = false;
    this.#conversation.forget();
  }

  // ---- client

  #fromClient(message: SocketMessage): void {
    const step = this.#conversation.client(message.data);
    if (step.kind === 'none') return;
    // A client waits for the end of a response; when it goes on and we missed some, the end was among that.
    if (this.#sequential && this.#serverLost) this.#endLane(step.lane);
    const call = this.#add(message, step.lane, step.prewarm);
    call.ask(step.body, message);
  }

  #add(first: SocketMessage, lane: string, isPrewarm: boolean): VirtualCall {
    const [oldest] = this.#open;
    if (oldest !== undefined && this.#open.length >= OPEN_MAX) this.#end(oldest, 'limit');
    const call = new VirtualCall(this.#host, this.#origin, first, lane, isPrewarm);
    this.#open.push(call);
    return call;
  }

  // ---- server

  #fromServer(message: SocketMessage): void {
    if (message.problem === 'cut') {
      this.#open[0]?.cut(message);
      return;
    }
    if (message.problem !== '') {
      // Which response it is of can't be read.
      this.#open[0]?.event(message.data, message);
      this.#serverLost = true;
      return;
    }
    const step = this.#conversation.server(message.data);
    if (!step.isOfResponse) return;
    const call = step.begins ? this.#beginning(step, message) : this.#called(step);
    if (call === null) return;
    call.readBy(this.#origin.connection.probe);
    call.event(step.event, message);
    if (step.ends) this.#end(call, 'complete');
  }

  /** Of an event that doesn't begin a response. */
  #called({ response, lane, ends }: ServerStep): VirtualCall | null {
    if (this.#leftover.has(lane)) {
      if (ends) this.#leftover.delete(lane);
      return null;
    }
    const named = response === '' ? undefined : this.#open.find((call) => call.responseId === response);
    if (named !== undefined || (response !== '' && !this.#sequential)) return named ?? null;
    const call = this.#open.find((each) => each.lane === lane && (this.#sequential || !each.begun)) ?? null;
    // Of one that was asked for before the join, unless it is an error that refuses this one.
    const refuses = ends && response === '';
    return this.#joined && this.#sequential && call?.begun === false && !refuses ? null : call;
  }

  #beginning(step: ServerStep, message: SocketMessage): VirtualCall {
    this.#leftover.delete(step.lane);
    // Those that have begun before are over, their ends were missed.
    if (this.#sequential)
      for (const call of [...this.#open]) if (call.begun && call.lane === step.lane) this.#end(call, 'gap');
    let call = this.#open.find(({ begun, lane }) => !begun && (lane === step.lane || !this.#sequential));
    if (call === undefined) {
      call = this.#add(message, step.lane, false);
      const body = this.#conversation.unasked();
      call.ask(body, body.length === 0 ? null : { ...message, wireBytes: body.length, end: message.start });
    }
    call.name(step.response);
    return call;
  }

  /** A limit ends it: what still comes of it is for nobody. */
  #leaves({ begun, lane }: VirtualCall): void {
    if (!begun || !this.#sequential) return;
    if (this.#leftover.size >= OPEN_MAX) this.#leftover.clear();
    this.#leftover.add(lane);
  }

  /** Its client has gone on to another one in the same lane: the end was among what is lost. */
  #endPassed(): void {
    const newest = new Map(this.#open.map((call) => [call.lane, call]));
    for (const call of [...this.#open]) if (newest.get(call.lane) !== call) this.#end(call, 'gap');
    this.#serverLost = true;
  }

  #endLane(lane: string): void {
    for (const call of [...this.#open]) if (call.lane === lane) this.#end(call, 'gap');
  }

  #end(call: VirtualCall, end: ExchangeEnd): void {
    this.#open.splice(this.#open.indexOf(call), 1);
    if (this.#open.length === 0) this.#serverLost = false;
    if (end === 'limit') this.#leaves(call);
    call.end(end);
  }
}
