/**
 * The streams of a connection: from heads, bodies and ends of streams to exchanges.
 *
 * What is lost between frames may have belonged to any message that was on its way: each of them counts the gap as missing,
 * whole, unless its own length or a head behind the gap tells otherwise. It goes on with what comes of it.
 */
import { ContentDecoder, DECODER_BYTES, decodedConsumer } from '../content-decoding.ts';
import type {
  BodyConsumer,
  ConnectionInfo,
  Exchange,
  ExchangeEnd,
  ExchangeHandler,
  Headers,
  Message,
  MessageState,
  RequestHead,
  ResponseHead,
} from '../exchange.ts';
import { begun, OPEN_EXCHANGE_BYTES, OpenExchange, unfinishedState } from '../open-exchange.ts';
import type { HttpOptions, HttpStats } from '../options.ts';
import { alsoBy } from '../probes.ts';
import { GrpcCounter, isGrpc } from './grpc.ts';
import type { HeaderBlock } from './header-block.ts';
import { requestHeadOf, responseHeadOf } from './heads.ts';
import type { Field } from './hpack/field.ts';
import { answeredStray, mayBeStray, opened, type Snapshot, type StreamsKnown, snapshotBytes } from './snapshot.ts';
import { Http2Stream, isWholeByLength, type StreamSide } from './stream.ts';
import { StreamJoins } from './stream-joins.ts';
import { isBefore, StreamTunnels, type TunnelResume } from './tunnels.ts';

/**
 * A message that lost an unknown part may have lost its end with it: its stream is over when so much time, of the capture's, has
 * passed without a frame of it.
 */
const DOUBTFUL_SILENCE_US = 120_000_000;

export interface StreamsContext {
  readonly options: HttpOptions;
  readonly stats: HttpStats;
  readonly handler: ExchangeHandler;
}

export class Streams {
  known: StreamsKnown;
  readonly tunnels: StreamTunnels;
  readonly joins: StreamJoins;
  readonly #info: () => ConnectionInfo;
  readonly #snapshotNow: () => Snapshot;
  readonly #options: HttpOptions;
  readonly #stats: HttpStats;
  readonly #handler: ExchangeHandler;
  /** Those that are open, in the order in which they were opened. */
  readonly #open = new Map<number, Http2Stream>();
  #decoders = 0;
  #snapshotBytes = 0;
  /** Something of an open stream was lost, and nobody knows what. */
  #doubtful = false;

  /** `now`: where the connection stood before the bytes that are being read. */
  constructor(info: () => ConnectionInfo, now: () => Snapshot, context: StreamsContext, known: StreamsKnown) {
    this.#info = info;
    this.#snapshotNow = now;
    this.#options = context.options;
    this.#stats = context.stats;
    this.#handler = context.handler;
    this.known = known;
    this.tunnels = new StreamTunnels(context.stats);
    this.joins = new StreamJoins(context.handler);
  }

  get size(): number {
    return this.#open.size;
  }

  get heldBytes(): number {
    const open = this.#open.size + this.tunnels.openExchanges;
    return this.#snapshotBytes + open * OPEN_EXCHANGE_BYTES + this.#decoders * DECODER_BYTES + this.tunnels.heldBytes;
  }

  /** Before the oldest stream began that is open and wasn't told of, or what is open in a tunnel; null when there is none. */
  get oldest(): Snapshot | null {
    const tunnel = this.tunnels.oldest;
    for (const { snapshot, exchange } of this.#open.values()) {
      if (exchange?.told !== true) return tunnel !== null && isBefore(tunnel, snapshot) ? tunnel : snapshot;
    }
    return tunnel;
  }

  /** Tunnels that a successor must be told of which reads from `from` on: it sees those of open exchanges by itself. */
  tunnelsTold(from: Snapshot): TunnelResume[] {
    if (this.tunnels.size === 0) return [];
    return this.tunnels.told(from).filter(({ stream }) => !this.#open.has(stream));
  }

  /** Whether the next head on this stream may begin an exchange or a tunnel. */
  mayBegin(id: number): boolean {
    const exchange = this.#open.get(id)?.exchange?.exchange;
    return !this.#open.has(id) || (exchange?.upgrade != null && exchange.responseHead === null);
  }

  /** The request that asked for HTTP/2 (RFC 7540 section 3.2): its answer comes on stream 1. */
  adopt(open: OpenExchange, snapshot: Snapshot): void {
    const stream = new Http2Stream(1, snapshot);
    stream.exchange = open;
    this.#decoders += open.decoders;
    this.known = opened(this.known, 1);
    this.#add(stream);
  }

  // ---- heads

  /** `fields`: null when the block can't be read. `before`: where the connection stood before it. */
  requestBlock(block: HeaderBlock, fields: readonly Field[] | null, before: Snapshot, time: number): void {
    const stream = this.#open.get(block.stream);
    if (stream !== undefined) this.#requestTrailers(stream, block, time);
    else if (this.tunnels.has(block.stream) && block.endStream) this.tunnels.sideEnds(true, block.stream);
    else if (block.stream > this.known.max) this.#request(block, fields, before, time);
  }

  #request(block: HeaderBlock, fields: readonly Field[] | null, before: Snapshot, time: number): void {
    if (this.#doubtful) this.#endSilent(time);
    const { strays } = this.known;
    this.known = opened(this.known, block.stream);
    // Frames that were searched for are read late: its answer was told already, without it.
    if (strays.includes(block.stream)) return;
    const stream = new Http2Stream(block.stream, before);
    stream.seen = time;
    const head = fields === null ? null : requestHeadOf(fields);
    this.#add(stream);
    // Without a head there is nothing to tell until an answer comes.
    if (head !== null) this.#begin(stream, head, block, time);
  }

  #begin(stream: Http2Stream, head: RequestHead, block: HeaderBlock, time: number): void {
    const open = new OpenExchange(this.#info(), block.offset, head, 0);
    stream.exchange = open;
    const { exchange } = open;
    begun(exchange.request, block.startTime, time);
    const consumer = this.#handler.onRequest(exchange);
    if (head.method === 'CONNECT') {
      const protocol = head.headers.get(':protocol')?.toLowerCase() ?? 'connect';
      exchange.upgrade = { protocol, clientBytes: 0, serverBytes: 0, counts: null };
    }
    stream.request.contentLength = lengthOf(head.headers);
    stream.request.sink = decodedConsumer(head.headers, exchange.request, consumer, this.#options);
    open.requestDecoder = decoderOf(stream.request.sink);
    this.#decoders += open.decoders;
    if (isGrpc(head.headers.get('content-type'))) beginGrpc(stream, exchange);
    if (block.endStream) this.#requestOver(stream, 'complete');
  }

  #requestTrailers(stream: Http2Stream, block: HeaderBlock, time: number): void {
    stream.seen = time;
    const message = stream.exchange?.exchange.request;
    if (message !== undefined && message.start !== null) message.end = time;
    if (block.endStream) this.streamEnd(true, block.stream, time);
  }

  responseBlock(block: HeaderBlock, fields: readonly Field[] | null, before: Snapshot, time: number): void {
    let stream = this.#open.get(block.stream);
    if (stream === undefined) {
      if (this.tunnels.has(block.stream)) {
        if (block.endStream) this.tunnels.sideEnds(false, block.stream);
        return;
      }
      if (!mayBeStray(this.known, block.stream)) return;
      stream = new Http2Stream(block.stream, before);
      this.known = answeredStray(this.known, block.stream);
      this.#add(stream);
    }
    stream.seen = time;
    const head = fields === null ? null : responseHeadOf(fields);
    const message = stream.exchange?.exchange.response;
    if (head === null || stream.exchange?.exchange.responseHead != null) {
      if (fields !== null) grpcStatus(stream, fields);
      if (message !== undefined && message.start !== null) message.end = time;
      if (block.endStream) this.streamEnd(false, block.stream, time);
    } else if (head.status < 200 && !block.endStream) this.#interim(stream, head.status);
    else this.#response(stream, head, block, before, time);
  }

  #interim(stream: Http2Stream, status: number): void {
    this.#stats.interim++;
    const interim = stream.exchange?.exchange.interim;
    if (interim !== undefined && interim.length < this.#options.interimMax) interim.push(status);
  }

  #response(stream: Http2Stream, head: ResponseHead, block: HeaderBlock, before: Snapshot, time: number): void {
    const open = stream.exchange ?? this.#orphan(stream, block.offset);
    const { exchange } = open;
    exchange.connection = alsoBy(exchange.connection, this.#info().probe);
    begun(exchange.response, block.startTime, time);
    // Whatever was lost before the head wasn't of this answer.
    exchange.response.missingBytes = 0;
    stream.response.doubt = stream.response.untold = false;
    exchange.responseHead = head;
    const consumer = this.#handler.onResponse(exchange);
    const bodiless = exchange.requestHead?.method === 'HEAD' || head.status === 204 || head.status === 304;
    stream.response.contentLength = bodiless ? 0 : lengthOf(head.headers);
    stream.response.sink = decodedConsumer(head.headers, exchange.response, consumer, this.#options);
    open.responseDecoder = decoderOf(stream.response.sink);
    if (open.responseDecoder !== null) this.#decoders++;
    if (isGrpc(head.headers.get('content-type'))) beginGrpc(stream, exchange);
    if (exchange.grpc !== null) exchange.grpc.status = head.headers.get('grpc-status') ?? '';
    if (exchange.upgrade !== null && head.status >= 300) exchange.upgrade = null;
    if (exchange.upgrade !== null) this.#tunnel(stream, open, before);
    if (block.endStream) this.streamEnd(false, block.stream, time);
  }

  /** What follows is another protocol (RFC 9113 section 8.5, RFC 8441): read where a tunnel can, else counted. */
  #tunnel(stream: Http2Stream, open: OpenExchange, before: Snapshot): void {
    this.#stats.upgrades++;
    stream.request.sink = stream.response.sink = null;
    const atOnce = this.#options.endUpgradesAtOnce === true;
    // A client that didn't wait has sent what nobody has read.
    const isWhole = open.exchange.request.bodyBytes === 0 && open.exchange.request.missingBytes === 0;
    const { clientOffset, serverOffset } = before;
    const tunnel = isWhole ? (this.#handler.onUpgrade?.(open.exchange, clientOffset, serverOffset) ?? null) : null;
    stream.tunnel = tunnel;
    if (tunnel !== null && (tunnel.carriesCalls || !atOnce)) this.tunnels.open(stream.id, tunnel, before);
    if (atOnce) {
      open.exchange.response.state = 'complete';
      this.#requestOver(stream, 'complete');
      this.#responseOver(stream, 'complete', 'complete');
    }
  }

  /** A WebSocket of which no head was seen. */
  #join(fromClient: boolean, id: number, bytes: Buffer, time: number, offset: number): void {
    const tunnel = this.#handler.onJoin?.(this.#info(), offset, offset, '2') ?? null;
    if (tunnel === null) return;
    const atOnce = this.#options.endUpgradesAtOnce === true;
    const stream = new Http2Stream(id, this.#snapshotNow());
    // No byte of the connection has an offset below 0, and every reader gives it the same.
    const open = new OpenExchange(this.#info(), -id, null, 0);
    open.requestDone = true;
    open.exchange.upgrade = { protocol: 'websocket', clientBytes: 0, serverBytes: 0, counts: null };
    begun(open.exchange.response, time, time);
    stream.exchange = open;
    stream.tunnel = tunnel;
    this.#stats.headMissing++;
    this.#stats.upgrades++;
    this.known = answeredStray(this.known, id);
    this.tunnels.open(id, tunnel, null);
    this.#add(stream);
    if (atOnce) this.#responseOver(stream, 'complete', 'complete');
    this.data(fromClient, id, bytes, time, offset, false);
  }

  #orphan(stream: Http2Stream, offset: number): OpenExchange {
    const open = new OpenExchange(this.#info(), offset, null, offset);
    open.requestDone = true;
    stream.exchange = open;
    this.#stats.headMissing++;
    return open;
  }

  #drop(stream: Http2Stream): void {
    if (this.#open.delete(stream.id)) this.#snapshotBytes -= snapshotBytes(stream.snapshot);
  }

  #add(stream: Http2Stream): void {
    this.#open.set(stream.id, stream);
    this.#snapshotBytes += snapshotBytes(stream.snapshot);
    if (this.#open.size <= this.#options.pipelineMax) return;
    for (const oldest of this.#open.values()) {
      this.end(oldest, 'limit');
      return;
    }
  }

  // ---- bodies

  /** `offset`: stream offset of the connection. `late`: the other direction was read further before. */
  data(fromClient: boolean, id: number, bytes: Buffer, time: number, offset: number, late: boolean): void {
    if (late) this.tunnels.late(fromClient, id, bytes.length, offset);
    else if (this.tunnels.has(id)) this.tunnels.data(fromClient, id, bytes, offset, time, this.#info().probe);
    const stream = this.#open.get(id);
    if (stream === undefined) {
      if (!late && this.joins.sees(fromClient, id, bytes, this.known)) this.#join(fromClient, id, bytes, time, offset);
      return;
    }
    stream.seen = time;
    const open = stream.exchange;
    if (open === null) return;
    open.exchange.connection = alsoBy(open.exchange.connection, this.#info().probe);
    const message = fromClient ? open.exchange.request : open.exchange.response;
    const side = fromClient ? stream.request : stream.response;
    message.bodyBytes += bytes.length;
    if (message.bodyStart === null) message.bodyStart = time;
    message.end = time;
    const { upgrade } = open.exchange;
    if (upgrade !== null && fromClient) upgrade.clientBytes += bytes.length;
    else if (upgrade !== null) upgrade.serverBytes += bytes.length;
    if (side.untold) {
      side.untold = false;
      side.sink?.gap(0);
    }
    side.grpc?.data(bytes);
    side.sink?.data(bytes, time);
  }

  /** A DATA frame is over, its padding with it. */
  frameEnd(fromClient: boolean, id: number, time: number): void {
    const exchange = this.#open.get(id)?.exchange?.exchange;
    if (exchange === undefined) return;
    const message = fromClient ? exchange.request : exchange.response;
    if (message.start !== null) message.end = time;
  }

  /** So many bytes weren't captured, from `offset` on, `content` of them of the body. */
  dataMissing(fromClient: boolean, id: number, missing: number, content: number, offset: number): void {
    if (content > 0) this.tunnels.gap(fromClient, id, content, offset);
    const stream = this.#open.get(id);
    const exchange = stream?.exchange?.exchange;
    if (stream === undefined || exchange === undefined) return;
    const side = fromClient ? stream.request : stream.response;
    (fromClient ? exchange.request : exchange.response).missingBytes += missing;
    if (content === 0) return;
    side.missing += content;
    side.grpc?.gap();
    side.sink?.gap(content);
  }

  /** Bytes of a direction are missing, and nobody knows of which streams. 0: their number isn't known either. `offset`: behind them. */
  lost(fromClient: boolean, missing: number, offset: number): void {
    this.tunnels.lost(fromClient, missing, offset);
    if (fromClient) this.known = { ...this.known, doubt: true };
    for (const stream of this.#open.values()) {
      const open = stream.exchange;
      stream.mayBeReset = true;
      if (open === null || (fromClient ? open.requestDone : open.responseDone)) continue;
      if (this.tunnels.has(stream.id)) continue;
      const side = fromClient ? stream.request : stream.response;
      (fromClient ? open.exchange.request : open.exchange.response).missingBytes += missing;
      side.doubt = side.untold = true;
      side.grpc?.gap();
      this.#doubtful = true;
    }
  }

  // ---- ends

  streamEnd(fromClient: boolean, id: number, time: number): void {
    this.tunnels.sideEnds(fromClient, id);
    const stream = this.#open.get(id);
    if (stream === undefined) return;
    stream.seen = time;
    const open = stream.exchange;
    if (open === null) {
      // Neither head could be read: there is nothing to tell of it.
      if (!fromClient) this.#drop(stream);
      return;
    }
    const message = fromClient ? open.exchange.request : open.exchange.response;
    if (message.start !== null) message.end = time;
    settle(fromClient ? stream.request : stream.response, message);
    if (fromClient) {
      open.requestDecoder?.end();
      this.#requestOver(stream, 'complete');
      return;
    }
    open.responseDecoder?.end();
    this.#responseOver(stream, 'complete', message.start === null ? 'lost' : 'complete');
    // The end of a request that lost something may be what it lost.
    if (stream.request.doubt) this.#requestOver(stream, 'lost');
  }

  /** RFC 9113 section 6.4: nothing more comes on the stream, from either side. */
  reset(fromClient: boolean, id: number): void {
    const stream = this.#open.get(id);
    const end = fromClient ? 'client_close' : 'server_close';
    this.tunnels.end(id, end);
    if (stream !== undefined) this.end(stream, end);
  }

  /** Section 6.8: the server takes no streams above this one. */
  refused(lastStream: number): void {
    this.tunnels.endAbove(lastStream, 'server_close');
    for (const [id, stream] of [...this.#open]) if (id > lastStream) this.end(stream, 'server_close');
  }

  requestsCut(): void {
    for (const stream of [...this.#open.values()]) this.#requestOver(stream, 'cut');
  }

  endAll(end: ExchangeEnd): void {
    this.tunnels.endAll(end);
    const byClose = end === 'client_close' || end === 'server_close' || end === 'timeout';
    // What closes the connection only ends a stream that nobody has ended before.
    for (const stream of [...this.#open.values()]) this.end(stream, byClose && stream.mayBeReset ? 'gap' : end);
  }

  /** What is open ends by a limit; tunnels go on. */
  shed(): void {
    this.tunnels.shed(true);
    for (const stream of [...this.#open.values()]) this.end(stream, 'limit');
  }

  /** Ends the exchange whatever state it is in. */
  end(stream: Http2Stream, end: ExchangeEnd): void {
    const open = stream.exchange;
    if (open === null) {
      this.#drop(stream);
      return;
    }
    const { request, response, upgrade } = open.exchange;
    const whole = isWholeByLength(stream.response, response);
    if (stream.request.doubt && isWholeByLength(stream.request, request)) this.#requestOver(stream, 'complete');
    if (upgrade !== null && response.start !== null) this.#responseOver(stream, 'complete', 'complete');
    else if (stream.response.doubt && whole) this.#responseOver(stream, 'complete', 'complete');
    else this.#responseOver(stream, end, response.start === null ? response.state : unfinishedState(end));
    this.#requestOver(stream, unfinishedState(end));
  }

  /** Open exchanges are told of as they stand; of a stream of which neither head could be read there is nothing to tell. In tunnels they end. */
  tellOpen(): void {
    this.tunnels.shed(false);
    for (const stream of [...this.#open.values()]) {
      const open = stream.exchange;
      if (open === null) this.#drop(stream);
      else if (!open.told) {
        open.told = true;
        this.#handler.onProvisional?.(open.exchange);
      }
    }
  }

  #endSilent(now: number): void {
    this.#doubtful = false;
    for (const stream of [...this.#open.values()]) {
      if (!stream.request.doubt && !stream.response.doubt) continue;
      if (now - stream.seen > DOUBTFUL_SILENCE_US) this.end(stream, 'gap');
      else this.#doubtful = true;
    }
  }

  #requestOver(stream: Http2Stream, state: MessageState): void {
    const open = stream.exchange;
    if (open === null || open.requestDone) return;
    open.requestDone = true;
    open.exchange.request.state = state;
    if (open.exchange.requestHead !== null) this.#handler.onRequestEnd(open.exchange);
    if (open.responseDone) this.#emit(stream, open);
  }

  #responseOver(stream: Http2Stream, end: ExchangeEnd, state: MessageState): void {
    const open = stream.exchange;
    if (open === null || open.responseDone) return;
    open.responseDone = true;
    open.plannedEnd = end;
    open.exchange.response.state = state;
    if (open.requestDone) this.#emit(stream, open);
  }

  #emit(stream: Http2Stream, open: OpenExchange): void {
    const { exchange } = open;
    this.#drop(stream);
    this.#decoders -= open.decoders;
    open.requestDecoder?.dispose();
    open.responseDecoder?.dispose();
    exchange.end = open.plannedEnd;
    if (exchange.upgrade !== null && stream.tunnel !== null) exchange.upgrade.counts = stream.tunnel.counts;
    if (exchange.grpc !== null) {
      exchange.grpc.requestMessages = stream.request.grpc?.messages ?? 0;
      exchange.grpc.responseMessages = stream.response.grpc?.messages ?? 0;
    }
    this.#stats.exchanges++;
    if (exchange.uncertain) this.#stats.uncertain++;
    this.#handler.onEnd(exchange);
  }
}

function decoderOf(sink: BodyConsumer | null): ContentDecoder | null {
  return sink instanceof ContentDecoder ? sink : null;
}

/** One of the heads says that it is gRPC: both bodies are. */
function beginGrpc(stream: Http2Stream, exchange: Exchange): void {
  if (exchange.grpc !== null) return;
  exchange.grpc = { requestMessages: 0, responseMessages: 0, status: '' };
  if (exchange.request.bodyBytes === 0) stream.request.grpc = new GrpcCounter();
  stream.response.grpc = new GrpcCounter();
}

/** A trailer section tells how gRPC ended. */
function grpcStatus({ exchange }: Http2Stream, fields: readonly Field[]): void {
  const grpc = exchange?.exchange.grpc;
  if (grpc == null) return;
  grpc.status = fields.find(({ name }) => name === 'grpc-status')?.value ?? grpc.status;
}

/** -1 when the head doesn't tell. */
function lengthOf(headers: Headers): number {
  const text = headers.get('content-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : -1;
}

/** The message has ended: what it lost is known now, if its length was told. Its reader may have been told of more already. */
function settle(side: StreamSide, message: Message): void {
  if (!side.doubt || side.contentLength < 0) return;
  const missing = Math.max(0, side.contentLength - message.bodyBytes);
  if (missing > 0 || side.untold) message.missingBytes = missing;
}
