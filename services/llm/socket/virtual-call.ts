/**
 * One response over a WebSocket, shown to the recogniser as an exchange of its own: the request's body is the message that
 * asked for it, the response's a stream of the events that answer it. So everything behind this is the same as for HTTP.
 */
import type { Micros } from '../../common/types.ts';
import type {
  BodyConsumer,
  ConnectionInfo,
  Exchange,
  ExchangeEnd,
  Message,
  MessageState,
  RequestHead,
  ResponseHead,
} from '../../http/exchange.ts';
import { emptyMessage, unfinishedState } from '../../http/open-exchange.ts';
import { alsoBy } from '../../http/probes.ts';
import type { SocketMessage } from '../../websocket/message.ts';
import type { Dialect } from '../dialects/dialect.ts';

/** The recogniser, as far as a socket needs it. */
export interface CallHost {
  beginCall(exchange: Exchange, dialect: Dialect): BodyConsumer;
  onRequestEnd(exchange: Exchange): void;
  onResponse(exchange: Exchange): BodyConsumer | null;
  onEnd(exchange: Exchange): void;
}

/** Of the upgrade: what all calls on the connection have in common. */
export interface SocketOrigin {
  readonly connection: ConnectionInfo;
  readonly requestHead: RequestHead;
  readonly responseHead: ResponseHead;
  readonly dialect: Dialect;
}

const DATA = Buffer.from('data: ');
const END = Buffer.from('\n\n');
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;

/** As an event of an SSE stream. Line ends are white space in JSON, and would end the line. */
function asSse(event: Buffer): Buffer {
  const line = Buffer.concat([DATA, event, END]);
  for (let i = DATA.length; i < line.length - END.length; i++) {
    if (line[i] === NEWLINE || line[i] === RETURN) line[i] = SPACE;
  }
  return line;
}

export class VirtualCall {
  readonly lane: string;
  /** Id of the response, once it is known. */
  responseId = '';
  readonly exchange: Exchange;
  readonly #host: CallHost;
  readonly #origin: SocketOrigin;
  readonly #prewarm: { responseId: string } | null;
  readonly #request: BodyConsumer | null;
  #response: BodyConsumer | null = null;

  /** `first`: the message that asks for it, or the first event where none did. */
  constructor(host: CallHost, origin: SocketOrigin, first: SocketMessage, lane: string, isPrewarm: boolean) {
    const { connection } = origin;
    this.lane = lane;
    this.#host = host;
    this.#origin = origin;
    this.#prewarm = isPrewarm ? { responseId: '' } : null;
    this.exchange = {
      connection,
      offset: first.offset,
      offsetSide: first.side,
      requestHead: origin.requestHead,
      responseHead: null,
      request: emptyMessage(),
      response: emptyMessage(),
      interim: [],
      end: null,
      uncertain: false,
      upgrade: null,
      grpc: null,
      protocol: origin.requestHead.version === '2' ? 'websocket/h2' : 'websocket',
      ...(this.#prewarm === null ? {} : { prewarm: this.#prewarm }),
    };
    this.#request = isPrewarm ? null : host.beginCall(this.exchange, origin.dialect);
  }

  get begun(): boolean {
    return this.exchange.responseHead !== null;
  }

  /** The whole request. `message`: that it came in; null when it wasn't seen. */
  ask(body: Buffer, message: SocketMessage | null): void {
    const { request } = this.exchange;
    if (message === null) request.state = 'lost';
    else {
      request.state = message.problem === '' ? 'complete' : message.problem === 'cut' ? 'cut' : 'lost';
      charge(request, message);
      this.#request?.data(body, message.end);
      if (message.missingBytes > 0) this.#request?.gap(message.missingBytes);
    }
    if (this.#prewarm === null) this.#host.onRequestEnd(this.exchange);
  }

  /** A message of it was seen by this probe. */
  readBy(probe: string): void {
    this.exchange.connection = alsoBy(this.exchange.connection, probe);
  }

  name(responseId: string): void {
    this.responseId = responseId;
    if (this.#prewarm !== null) this.#prewarm.responseId = responseId;
  }

  event(event: Buffer, message: SocketMessage): void {
    this.#begin();
    const { response } = this.exchange;
    charge(response, message);
    if (message.problem === '') this.#response?.data(asSse(event), message.end);
    else {
      // What isn't missing on the wire, but can't be read.
      if (message.missingBytes === 0) response.undecoded = `permessage-deflate:${message.problem}`;
      this.#response?.gap(message.missingBytes);
    }
  }

  /** The connection ended in the middle of an event. */
  cut(message: SocketMessage): void {
    this.#begin();
    charge(this.exchange.response, message);
  }

  /** Events may be missing. */
  gap(missing: number): void {
    this.exchange.response.missingBytes += missing;
    this.exchange.uncertain = true;
    this.#response?.gap(missing);
  }

  end(end: ExchangeEnd): void {
    const { exchange } = this;
    const state: MessageState = end === 'complete' ? 'complete' : unfinishedState(end);
    if (this.begun) exchange.response.state = state;
    exchange.end = end;
    this.#host.onEnd(exchange);
  }

  #begin(): void {
    if (this.begun) return;
    const { exchange } = this;
    const headers = new Map(this.#origin.responseHead.headers).set('content-type', 'text/event-stream');
    exchange.responseHead = { ...this.#origin.responseHead, headers };
    exchange.response.state = 'open';
    if (this.#prewarm === null) this.#response = this.#host.onResponse(exchange);
  }
}

function charge(side: Message, message: SocketMessage): void {
  side.start ??= message.start;
  side.bodyStart ??= message.start;
  side.end = message.end as Micros;
  side.bodyBytes += message.wireBytes;
  side.missingBytes += message.missingBytes;
}
