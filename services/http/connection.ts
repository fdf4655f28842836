/** One connection: two message streams, and the exchanges that they make together. */
import type { CloseReason, Frame, Segment, Side } from '../../schemas/frame.ts';
import type { ConnectionContext } from './connection-context.ts';
import { ContentDecoder, DECODER_BYTES, decodedConsumer } from './content-decoding.ts';
import type {
  ConnectionInfo,
  ExchangeEnd,
  ExchangeHandler,
  MessageState,
  RequestHead,
  ResponseHead,
  Tunnel,
} from './exchange.ts';
import { requestFraming, responseFraming } from './framing.ts';
import { Http2Connection, type Http2Host, type Http2Start } from './h2/connection.ts';
import { PREFACE } from './h2/frame.ts';
import type { Http2Sniffer } from './h2/sniffer.ts';
import { isRequestLine, isStatusLine } from './head.ts';
import { type LostCause, MessageStream, type StreamOwner } from './message-stream.ts';
import { begun, emptyMessage, OPEN_EXCHANGE_BYTES, OpenExchange, unfinishedState } from './open-exchange.ts';
import { OpenTunnel } from './open-tunnel.ts';
import type { HttpOptions, HttpStats } from './options.ts';
import { Pairing, type PairingOwner } from './pairing.ts';
import { alsoBy } from './probes.ts';
import { ProtocolSniffers } from './protocol-sniffers.ts';
import {
  type ConnectionStart,
  type Http2Standing,
  http2End,
  http2Point,
  type ResumePoint,
  type Standing,
  tunnelPoint,
} from './standing.ts';
import { UnreadTracker } from './unread-stretch.ts';

export type { Http2Standing, ResumePoint, Standing } from './standing.ts';

/** Offset of the upgrade that wasn't seen: nothing else has it, and every reader gives it the same, whatever it joins behind. */
const BEFORE_ALL = -1;

export class HttpConnection implements StreamOwner, PairingOwner, Http2Host {
  #info: ConnectionInfo;
  readonly #options: HttpOptions;
  readonly #stats: HttpStats;
  readonly #handler: ExchangeHandler;
  readonly #context: ConnectionContext;
  readonly #pairing: Pairing;
  #requests: MessageStream;
  #responses: MessageStream;
  /** All open exchanges in the order of their beginning. */
  #open: OpenExchange[] = [];
  #sending: OpenExchange | null = null;
  readonly #tunnel: OpenTunnel;
  #strayInterim: number[] = [];
  #decoders = 0;
  /** Set once the connection speaks HTTP/2. */
  #http2: Http2Connection | null = null;
  readonly #sniffers: ProtocolSniffers;
  #headSeen = false;
  /** The exchange whose request asked for HTTP/2. */
  #asked: OpenExchange | null = null;
  /** Open exchanges that were told of before their end. */
  #told = 0;
  #nextSequence: number;
  /** Roles were guessed by the probe and nothing has confirmed them. */
  #rolesOpen: boolean;
  #swapped = false;
  /** Its bytes are of more than one probe; `#info` names the one whose bytes are being read. */
  #several = false;
  readonly #unread = new UnreadTracker();
  #firstToClose: Side | null = null;
  #clientEnded = false;
  #serverEnded = false;
  /** Until the last frame comes, bytes don't count any more, but gaps that are known only now still do. */
  #reset = false;
  #closed = false;

  constructor(info: ConnectionInfo, start: ConnectionStart, context: ConnectionContext) {
    this.#info = info;
    this.#context = context;
    this.#options = context.options;
    this.#stats = context.stats;
    this.#handler = context.handler;
    this.#pairing = new Pairing(this);
    this.#tunnel = new OpenTunnel(context.stats);
    this.#sniffers = new ProtocolSniffers(context.handler);
    this.#nextSequence = start.sequence;
    this.#rolesOpen = start.rolesSource === 'guess';
    this.#requests = new MessageStream(true, context, this, start.clientOffset, start.fromStart);
    this.#responses = new MessageStream(false, context, this, start.serverOffset, start.fromStart);
    if (!start.fromStart) {
      this.#unread.begin(start.serverOffset, false);
      this.#sniffers.begin();
    }
    this.#stats.connections++;
    if (start.http2 !== undefined) this.#resumeHttp2(start.http2);
    if (start.tunnel !== undefined) this.#resumeTunnel(start.tunnel.encode(Number.POSITIVE_INFINITY));
  }

  get info(): ConnectionInfo {
    return this.#info;
  }

  get openExchanges(): number {
    return this.#open.length + (this.#http2?.openExchanges ?? 0) + this.#tunnel.open;
  }

  /** Memory held for this connection, in bytes (estimated). */
  get heldBytes(): number {
    const heads = this.#requests.heldBytes + this.#responses.heldBytes;
    const http2 = (this.#http2?.heldBytes ?? 0) + this.#sniffers.heldBytes;
    const tunnel = this.#tunnel.heldBytes;
    // HTTP/2 counts its own.
    const open = this.#open.length + this.#tunnel.open;
    return http2 + heads + tunnel + open * OPEN_EXCHANGE_BYTES + this.#decoders * DECODER_BYTES;
  }

  /** Where another assembler could take this connection up: everything before has ended and was emitted. */
  get resumePoint(): ResumePoint {
    if (this.#http2 !== null)
      return this.#closed ? http2End(this.#http2, this.#swapped) : http2Point(this.#http2, this.#asked, this.#swapped);
    const { reader, exchange: upgraded } = this.#tunnel;
    if (reader !== null && upgraded === null) return tunnelPoint(reader, this.#swapped);
    const [requests, responses] = [this.#requests, this.#responses];
    if (this.#told > 0) return this.#behindAll;
    let request = Math.min(requests.messageOffset, requests.offset - this.#sniffers.length(true));
    let response = Math.min(responses.messageOffset, responses.offset - this.#sniffers.length(false));
    for (const { exchange, responseOffset } of this.#open) {
      if (exchange.requestHead !== null) request = Math.min(request, exchange.offset);
      if (responseOffset >= 0) response = Math.min(response, responseOffset);
    }
    const [client, server] = this.#swapped ? [response, request] : [request, response];
    if (this.#closed || (requests.opaque && upgraded === null)) return { client, server, state: 'ignored' };
    // A message without an open exchange (its exchange ended by a limit) can't be taken up in its middle.
    const known = this.#open.length > 0 || (requests.atBoundary && responses.atBoundary);
    return { client, server, state: requests.inSync && responses.inSync && known ? 'synced' : 'unsynced' };
  }

  /** Behind everything read: what is open was told of as it stood, and who takes over doesn't see its beginning again. */
  get #behindAll(): ResumePoint {
    const { client, server } = this.standing.position;
    return { client, server, state: 'unsynced' };
  }

  /** What is open lasts too long to be waited with: it is told of as it stands, and read on. In a tunnel it ends. */
  tellOpen(): void {
    if (this.#http2 !== null) {
      this.#http2.tellOpen();
      return;
    }
    // A head that doesn't end is nothing to be told of.
    if (this.#open.length === 0 || this.#tunnel.reader !== null) this.shed(false);
    for (const open of this.#open) {
      if (open.told) continue;
      open.told = true;
      this.#told++;
      this.#handler.onProvisional?.(open.exchange);
    }
  }

  get standing(): Standing {
    const position = { client: this.#offset(!this.#swapped), server: this.#offset(this.#swapped) };
    return { position, sequence: this.#nextSequence };
  }

  /** How far a direction has been read. */
  #offset(fromClient: boolean): number {
    return this.#http2?.offset(fromClient) ?? (fromClient ? this.#requests : this.#responses).offset;
  }

  feed(frame: Frame): void {
    if (this.#closed || !this.#inSequence(frame)) {
      this.#stats.duplicateBytes += frame.payload.length;
      return;
    }
    if (frame.probe !== this.#info.probe && frame.payload.length > 0) this.#seenBy(frame.probe);
    let at = 0;
    const { segments, payload } = frame;
    const { pieces } = this.#context;
    let side: Side = 'client';
    for (let n = 0; n < segments.length; n++) {
      const segment = segments[n]!;
      const end = Math.min(payload.length, at + Math.max(0, segment.length));
      // What one direction brought is told before anything of the other.
      if (segment.side !== side || segment.kind !== 'data') pieces.flush();
      side = segment.side;
      this.#segment(segment, payload, at, end);
      at = end;
    }
    pieces.flush();
    // More payload than the segments tell of: not to be read, but not to be lost from the books either.
    this.#stats.skippedBytes += payload.length - at;
    if (frame.close !== null) this.close(frame.close);
  }

  /** Ends every open exchange. Bytes that come later are not read. */
  close(reason: CloseReason): void {
    this.#endAll(this.#endBy(reason));
  }

  /**
   * Gives the connection's memory back: open exchanges end as `limit`, and both directions look for the next head. `forMemory`
   * false: it is for their age, and a tunnel goes on.
   */
  shed(forMemory = true): void {
    this.#http2?.shed();
    if (this.#http2 !== null) return;
    for (const open of [...this.#open]) this.#endNow(open, 'limit');
    this.#tunnel.shed(forMemory);
    this.#pairing.clear();
    this.#requests.desync();
    this.#responses.desync();
    this.#unread.begin(this.#responses.offset, false);
  }

  // ---- frames and segments

  /** False for a frame that was here before. A frame that was missed is a gap, of the size that the offsets tell. */
  #inSequence(frame: Frame): boolean {
    if (frame.sequence < this.#nextSequence) {
      this.#stats.framesDuplicate++;
      return false;
    }
    if (frame.sequence > this.#nextSequence) {
      this.#stats.framesMissed += frame.sequence - this.#nextSequence;
      const { position } = this.standing;
      const client = frame.clientOffset - position.client;
      const server = frame.serverOffset - position.server;
      if (client > 0) this.#gap(!this.#swapped, client);
      if (server > 0) this.#gap(this.#swapped, server);
    }
    this.#nextSequence = frame.sequence + 1;
    return true;
  }

  /** Bytes of the client, or of the server, were sent and not captured. */
  #gap(fromClient: boolean, missing: number): void {
    this.#sniffers.gap(fromClient);
    if (this.#http2 !== null) this.#http2.gap(fromClient, missing);
    else if (fromClient) this.#requests.gap(missing);
    else this.#responses.gap(missing);
  }

  /** Bytes of another probe than those before follow. */
  #seenBy(probe: string): void {
    this.#several = true;
    this.#info = { ...this.#info, probe };
    this.#tunnel.readBy(probe);
  }

  /** The probe whose bytes are being read has its part in this exchange. */
  #partOf(open: OpenExchange | null): void {
    if (open !== null) open.exchange.connection = alsoBy(open.exchange.connection, this.#info.probe);
  }

  #segment(segment: Segment, payload: Buffer, start: number, end: number): void {
    const isData = segment.kind === 'data';
    const known = !this.#rolesOpen || this.#http2 !== null;
    if (!known && isData && end > start) this.#checkRoles(segment.side, payload, start, end);
    if (isData && end > start && this.#sniffers.lookForSockets) this.#sniffSocket(segment, payload, start, end);
    const fromClient = (segment.side === 'client') !== this.#swapped;
    const stream = fromClient ? this.#requests : this.#responses;
    if (segment.gap > 0) this.#gap(fromClient, segment.gap);
    if (this.#reset) this.#stats.skippedBytes += end - start;
    else if (end > start && !this.#readHttp2(fromClient, payload, start, end, segment.time)) {
      if (this.#several) this.#partOf(fromClient ? this.#sending : this.#pairing.answering);
      if (!fromClient && stream.inSync && segment.gap === 0) this.#pairing.serverSpoke();
      stream.data(payload, start, end, segment.time);
      if (fromClient) this.#pairing.clientSpoke(this.#responses.offset, stream.inSync, stream.heldLength > 0);
    }
    if (!isData && !this.#reset) this.#ended(fromClient ? 'client' : 'server', segment.kind === 'rst');
  }

  /** Content beats port numbers: a request line from the `server`, or a status line from the `client`, turns the roles round. */
  #checkRoles(side: Side, payload: Buffer, start: number, end: number): void {
    const client = (side === 'client') !== this.#swapped;
    const request = isRequestLine(payload, start, end);
    const response = !request && isStatusLine(payload, start, end);
    if (!request && !response) return;
    this.#rolesOpen = false;
    if (request === client) return;
    this.#turnRound();
  }

  /** Before anything was read of it. */
  #turnRound(): void {
    this.#swapRoles();
    const [requests, responses] = [this.#requests, this.#responses];
    requests.close(false);
    responses.close(false);
    this.#requests = new MessageStream(true, this.#context, this, responses.offset, false);
    this.#responses = new MessageStream(false, this.#context, this, requests.offset, false);
    this.#unread.begin(requests.offset, false);
  }

  #swapRoles(): void {
    this.#swapped = !this.#swapped;
    this.#stats.rolesSwapped++;
    this.#info = { ...this.#info, client: this.#info.server, server: this.#info.client };
    this.#sniffers.swap();
    if (this.#firstToClose !== null) this.#firstToClose = this.#firstToClose === 'client' ? 'server' : 'client';
    [this.#clientEnded, this.#serverEnded] = [this.#serverEnded, this.#clientEnded];
  }

  // ---- requests

  requestHead(head: RequestHead, offset: number, start: number, end: number): void {
    this.#isHttp1();
    const open = new OpenExchange(this.#info, offset, head, this.#responses.offset);
    const { exchange } = open;
    begun(exchange.request, start, end);
    this.#endBodilessOrphan();
    this.#pairing.request(open, this.#responses.inSync);
    this.#add(open);
    this.#sending = open;
    const consumer = this.#handler.onRequest(exchange);
    const sink = decodedConsumer(head.headers, exchange.request, consumer, this.#options);
    open.requestDecoder = sink instanceof ContentDecoder ? sink : null;
    if (open.requestDecoder !== null) this.#decoders++;
    const framing = head.method === 'CONNECT' ? ({ kind: 'none' } as const) : requestFraming(head.headers);
    this.#requests.begin(framing, exchange.request, sink);
  }

  /** A response whose request was lost may be one to HEAD: if its client goes on without a byte of a body, there is none. */
  #endBodilessOrphan(): void {
    const exchange = this.#pairing.answering?.exchange;
    if (exchange === undefined || exchange.requestHead !== null || exchange.response.bodyStart !== null) return;
    this.#responses.endWithoutBody();
  }

  #requestOver(open: OpenExchange, state: MessageState): void {
    if (open.requestDone) return;
    open.requestDone = true;
    open.exchange.request.state = state;
    if (state === 'complete') open.requestDecoder?.end();
    if (this.#sending === open) this.#sending = null;
    if (open.exchange.requestHead !== null) this.#handler.onRequestEnd(open.exchange);
    if (open.responseDone) this.#emit(open);
  }

  // ---- responses

  responseHead(head: ResponseHead, offset: number, start: number, end: number): void {
    this.#isHttp1();
    this.#unread.headAt(offset);
    if (head.status < 200 && head.status !== 101) this.#interim(head.status, offset);
    else if (this.#pairing.isUnwanted) this.#unwanted(head);
    else {
      const open = this.#pairing.response(this.#unread.take()) ?? this.#orphan(offset);
      if (open.responseOffset < 0) open.responseOffset = offset;
      this.#finalResponse(open, head, start, end);
    }
  }

  #finalResponse(open: OpenExchange, head: ResponseHead, start: number, end: number): void {
    const { exchange } = open;
    if (this.#several) this.#partOf(open);
    if (head.status === 101 && head.headers.get('upgrade')?.toLowerCase() === 'h2c') {
      this.#upgradeToHttp2(open);
      return;
    }
    begun(exchange.response, start, end);
    exchange.responseHead = head;
    const consumer = this.#handler.onResponse(exchange);
    const method = exchange.requestHead?.method ?? null;
    if (head.status === 101 || (method === 'CONNECT' && head.status < 300)) {
      this.#upgrade(open, head);
      return;
    }
    const sink = decodedConsumer(head.headers, exchange.response, consumer, this.#options);
    open.responseDecoder = sink instanceof ContentDecoder ? sink : null;
    if (open.responseDecoder !== null) this.#decoders++;
    const framing = responseFraming(head.status, head.headers, method);
    this.#responses.begin(framing, exchange.response, sink, method !== null);
  }

  #interim(status: number, offset: number): void {
    this.#stats.interim++;
    if (!this.#pairing.isUnwanted) {
      const { next } = this.#pairing;
      if (next !== null && next.responseOffset < 0) next.responseOffset = offset;
      const interim = next?.exchange.interim ?? this.#strayInterim;
      if (interim.length < this.#options.interimMax) interim.push(status);
    }
    this.#responses.begin({ kind: 'none' }, emptyMessage(), null);
  }

  /** The response to a request whose exchange a limit has ended. */
  #unwanted(head: ResponseHead): void {
    this.#pairing.unwantedAnswered();
    this.#responses.begin(responseFraming(head.status, head.headers, null), emptyMessage(), null);
  }

  #orphan(offset: number): OpenExchange {
    const open = new OpenExchange(this.#info, offset, null, offset);
    open.requestDone = true;
    open.exchange.interim.push(...this.#strayInterim);
    this.#strayInterim = [];
    this.#stats.headMissing++;
    this.#pairing.orphan(open);
    this.#add(open);
    return open;
  }

  /** 101 or CONNECT. */
  #upgrade(open: OpenExchange, head: ResponseHead): void {
    const protocol = head.status === 101 ? (head.headers.get('upgrade') ?? '').toLowerCase() : 'connect';
    this.#pairing.answered();
    this.#requestOver(open, 'complete');
    this.#tunnelBegins(open, protocol);
    const [client, server] = [this.#requests.offset, this.#responses.offset];
    this.#readTunnel(open, this.#handler.onUpgrade?.(open.exchange, client, server) ?? null);
  }

  #tunnelBegins(open: OpenExchange, protocol: string): void {
    const { exchange } = open;
    exchange.upgrade = { protocol, clientBytes: 0, serverBytes: 0, counts: null };
    exchange.response.state = 'complete';
    this.#stats.upgrades++;
    for (const other of [...this.#open]) if (other !== open) this.#endNow(other, 'gap');
    this.#pairing.clear();
    this.#sending = null;
    this.#requests.goOpaque();
    this.#responses.goOpaque();
  }

  #readTunnel(open: OpenExchange, reader: Tunnel | null): void {
    const endsAtOnce = this.#options.endUpgradesAtOnce === true;
    if (endsAtOnce) this.#endNow(open, 'complete');
    this.#tunnel.begin(endsAtOnce ? null : open, reader, this.#info);
  }

  /** A WebSocket whose upgrade wasn't seen: there is one row of it, without heads, as long as it lasts. */
  #sniffSocket({ side, time }: Segment, payload: Buffer, start: number, end: number): void {
    const from = (side === 'client') !== this.#swapped ? 'client' : 'server';
    const sniffed = this.#sniffers.seesSocket(from, payload.subarray(start, end), this.#rolesOpen);
    if (sniffed === 'no') return;
    if (sniffed === 'reversed') this.#turnRound();
    this.#isHttp1();
    for (const open of [...this.#open]) this.#endNow(open, 'gap');
    this.#stats.headMissing++;
    const open = new OpenExchange(this.#info, BEFORE_ALL, null, 0);
    begun(open.exchange.response, time, time);
    open.requestDone = true;
    this.#open.push(open);
    this.#tunnelBegins(open, 'websocket');
    const [client, server] = [this.#requests.offset, this.#responses.offset];
    this.#readTunnel(open, this.#handler.onJoin?.(this.#info, client, server, '1.1') ?? null);
  }

  #resumeTunnel(encoded: Buffer): void {
    this.#isHttp1();
    this.#swapped = encoded[0] === 1;
    if (this.#swapped) {
      this.#info = { ...this.#info, client: this.#info.server, server: this.#info.client };
      const [requests, responses] = [this.#requests, this.#responses];
      this.#requests = new MessageStream(true, this.#context, this, responses.offset, false);
      this.#responses = new MessageStream(false, this.#context, this, requests.offset, false);
    }
    this.#requests.goOpaque();
    this.#responses.goOpaque();
    const [client, server] = [this.#requests.offset, this.#responses.offset];
    this.#tunnel.reader = this.#handler.onResume?.(this.#info, client, server, encoded.subarray(1)) ?? null;
  }

  /** What follows an upgrade, of a tunnel or of HTTP/2. */
  opaque(stream: MessageStream, bytes: Buffer, offset: number, time: number): boolean {
    if (this.#http2 !== null) {
      this.#http2.read(stream.isRequests, bytes, 0, bytes.length, time);
      return true;
    }
    return this.#tunnel.data(stream.isRequests, bytes, offset, time);
  }

  opaqueGap(stream: MessageStream, missing: number): void {
    this.#tunnel.gap(stream.isRequests, missing);
  }

  // ---- HTTP/2

  #isHttp1(): void {
    this.#rolesOpen = false;
    this.#headSeen = true;
    this.#sniffers.end();
  }

  /** True when the bytes are HTTP/2, which are read by it. */
  #readHttp2(fromClient: boolean, payload: Buffer, start: number, end: number, time: number): boolean {
    if (this.#http2 !== null) this.#http2.read(fromClient, payload, start, end, time);
    else if (this.#sniffers.http2 !== null) this.#sniff(this.#sniffers.http2, fromClient, payload, start, end, time);
    return this.#http2 !== null;
  }

  /** What the sniffer held was read before, and skipped; now it is read again. */
  #sniff(sniffer: Http2Sniffer, fromClient: boolean, payload: Buffer, start: number, end: number, time: number): void {
    if (!sniffer.sees(fromClient, payload, start, end, time)) return;
    const own = fromClient ? this.#requests : this.#responses;
    const offset = own.offset + end - start;
    const other = fromClient ? this.#responses : this.#requests;
    const at = { own: offset - sniffer.length(fromClient), other: other.offset - sniffer.length(!fromClient) };
    this.#stats.skippedBytes += end - start - sniffer.length(true) - sniffer.length(false);
    this.#requests.desync();
    this.#responses.desync();
    const [clientOffset, serverOffset] = fromClient ? [at.own, at.other] : [at.other, at.own];
    this.#beginHttp2({ clientOffset, serverOffset, clientSynced: false, serverSynced: false, preface: PREFACE.length });
    for (const side of [!fromClient, fromClient]) {
      for (const piece of sniffer.take(side)) this.#http2?.read(side, piece.bytes, 0, piece.bytes.length, piece.time);
    }
  }

  #beginHttp2(start: Omit<Http2Start, 'rolesKnown'>): void {
    this.#stats.http2Connections++;
    this.#sniffers.end();
    for (const open of [...this.#open]) this.#endNow(open, 'gap');
    this.#pairing.clear();
    const held = { client: this.#requests.handOver(), server: this.#responses.handOver() };
    const http2 = new Http2Connection(this, this.#context, { ...start, rolesKnown: !this.#rolesOpen });
    this.#http2 = http2;
    http2.read(true, held.client.bytes, 0, held.client.bytes.length, held.client.time);
    http2.read(false, held.server.bytes, 0, held.server.bytes.length, held.server.time);
  }

  #resumeHttp2({ resume, swapped }: Http2Standing): void {
    if (swapped) this.#swapRoles();
    this.#sniffers.end();
    this.#requests.handOver();
    this.#responses.handOver();
    this.#http2 = new Http2Connection(this, this.#context, resume);
  }

  /** The client's preface was read (RFC 9113 section 3.4), up to where a head would end; or the server's. */
  http2(stream: MessageStream): void {
    this.#rolesOpen = false;
    const [requests, responses] = [this.#requests, this.#responses];
    const byClient = stream.isRequests;
    this.#beginHttp2({
      clientOffset: byClient ? requests.headEnd : requests.messageOffset,
      serverOffset: responses.messageOffset,
      clientSynced: requests.inSync,
      serverSynced: responses.inSync,
      preface: byClient ? requests.headEnd - requests.headStart : 0,
    });
  }

  /** RFC 7540 section 3.2: what the client sends next is the preface, the answer comes on stream 1. */
  #upgradeToHttp2(open: OpenExchange): void {
    const [requests, responses] = [this.#requests, this.#responses];
    if (open.exchange.interim.length < this.#options.interimMax) open.exchange.interim.push(101);
    this.#stats.interim++;
    this.#stats.upgrades++;
    this.#requestOver(open, 'complete');
    this.#pairing.answered();
    this.#open = this.#open.filter((other) => other !== open);
    this.#decoders -= open.decoders;
    if (open.told) this.#told--;
    const clientSynced = requests.inSync && requests.atBoundary;
    const offsets = { clientOffset: requests.messageOffset, serverOffset: responses.headEnd };
    this.#beginHttp2({ ...offsets, clientSynced, serverSynced: true, preface: 0 });
    this.#http2?.adopt(open);
    // Nothing waits any more for what was told of: it isn't read again.
    if (!open.told) this.#asked = open;
  }

  rolesAreReversed(): void {
    this.#rolesOpen = false;
    this.#swapRoles();
  }

  messageEnd(stream: MessageStream): void {
    if (stream.isRequests) {
      if (this.#sending !== null) this.#requestOver(this.#sending, 'complete');
      return;
    }
    const open = this.#pairing.answering;
    if (open === null) return;
    this.#pairing.answered();
    open.responseDecoder?.end();
    this.responseOver(open, 'complete', 'complete');
  }

  responseOver(open: OpenExchange, end: ExchangeEnd, state: MessageState): void {
    if (open.responseDone) return;
    open.responseDone = true;
    open.plannedEnd = end;
    open.exchange.response.state = state;
    if (open.requestDone) this.#emit(open);
  }

  // ---- loss

  syncLost(stream: MessageStream, cause: LostCause, missing: number, betweenMessages: boolean): void {
    if (!this.#headSeen && this.#http2 === null && this.#tunnel.reader === null) this.#sniffers.begin();
    if (stream.isRequests) {
      this.#pairing.clientLostSync(this.#responses.offset);
      if (this.#sending !== null) this.#requestOver(this.#sending, 'lost');
      return;
    }
    this.#unread.begin(stream.offset - missing, betweenMessages && cause === 'gap');
    const end = cause === 'limit' ? 'limit' : 'gap';
    this.#pairing.serverLostSync(end, missing);
    if (betweenMessages && cause !== 'gap') this.#pairing.headLost(end);
  }

  lostMore(stream: MessageStream, missing: number): void {
    if (stream.isRequests) this.#pairing.clientSpoke(this.#responses.offset, false, false);
    else this.#pairing.serverLostMore(missing);
  }

  resumed(stream: MessageStream, offset: number): void {
    if (!stream.isRequests) this.#pairing.resumed(offset);
  }

  giveUpResponse(): void {
    this.#responses.giveUp();
  }

  // ---- ends

  /** A direction ended (`fin`), or both did at once (`rst`). */
  #ended(side: Side, reset: boolean): void {
    this.#firstToClose ??= side;
    const end = this.#firstToClose === 'client' ? 'client_close' : 'server_close';
    if (reset) this.#reset = true;
    else if (side === 'client') this.#clientFin();
    else this.#serverFin(end);
    if (this.#clientEnded && this.#serverEnded) this.#endAll(end);
  }

  #clientFin(): void {
    this.#clientEnded = true;
    if (this.#sending !== null) this.#requestOver(this.#sending, 'cut');
    this.#http2?.clientEnded();
    this.#requests.close(false);
  }

  #serverFin(end: ExchangeEnd): void {
    this.#serverEnded = true;
    this.#http2?.serverEnded();
    this.#responses.giveUp();
    const unread = !this.#responses.inSync;
    const offset = this.#responses.offset;
    this.#responses.close(true);
    const open = this.#pairing.answering;
    if (open !== null) {
      this.#pairing.answered();
      this.responseOver(open, end, 'cut');
    }
    this.#pairing.serverEnded(end, unread, offset);
  }

  #endBy(reason: CloseReason): ExchangeEnd {
    // A client that hung up as the last thing seen has hung up, whatever the probe waited for afterwards.
    if (this.#firstToClose !== null) return this.#firstToClose === 'client' ? 'client_close' : 'server_close';
    return reason === 'stopped' || reason === 'not_http' ? 'capture_end' : 'timeout';
  }

  #endAll(end: ExchangeEnd): void {
    this.#closed = true;
    this.#http2?.endAll(end);
    this.#responses.giveUp();
    this.#pairing.endUnread(this.#responses.inSync ? -1 : this.#responses.offset);
    this.#tunnel.end(end);
    for (const open of [...this.#open]) this.#endNow(open, open === this.#tunnel.exchange ? 'complete' : end);
    this.#pairing.clear();
    this.#requests.close(false);
    this.#responses.close(false);
  }

  /** Ends an exchange whatever state it is in. */
  #endNow(open: OpenExchange, end: ExchangeEnd): void {
    const { response } = open.exchange;
    if (this.#sending === open) this.#requests.detach();
    if (this.#pairing.answering === open) this.#responses.detach();
    this.#pairing.drop(open);
    if (!open.responseDone) {
      const state = response.state === 'complete' || response.start === null ? response.state : unfinishedState(end);
      this.responseOver(open, end, state);
    }
    this.#requestOver(open, unfinishedState(end));
  }

  #add(open: OpenExchange): void {
    this.#open.push(open);
    if (this.#open.length > this.#options.pipelineMax) this.#endNow(this.#open[0]!, 'limit');
  }

  #emit(open: OpenExchange): void {
    const { exchange } = open;
    if (open.told) this.#told--;
    this.#decoders -= open.decoders;
    open.requestDecoder?.dispose();
    open.responseDecoder?.dispose();
    if (open === this.#tunnel.exchange) this.#tunnel.count(this.#requests.opaqueBytes, this.#responses.opaqueBytes);
    const index = this.#open.indexOf(open);
    if (index === 0) this.#open.shift();
    else if (index > 0) this.#open.splice(index, 1);
    exchange.end = open.plannedEnd;
    this.#stats.exchanges++;
    if (exchange.uncertain) this.#stats.uncertain++;
    this.#handler.onEnd(exchange);
  }
}
