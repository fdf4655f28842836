/**
 * An HTTP/2 connection (RFC 9113): two directions of frames, and the streams that they make together, each of them one exchange.
 *
 * Its bytes come from the HTTP/1 connection that it began as, which also knows how the connection ends. What a peer would end
 * the connection for is never fatal here: nonsense costs the direction its place, and frames of streams that aren't open are
 * ignored.
 */
import type { CredentialMasker } from '../credentials.ts';
import type { ConnectionInfo, ExchangeEnd } from '../exchange.ts';
import type { OpenExchange } from '../open-exchange.ts';
import { Direction, type DirectionOwner } from './direction.ts';
import { PREFACE } from './frame.ts';
import type { HeaderBlock } from './header-block.ts';
import { isPartial } from './heads.ts';
import type { Field } from './hpack/field.ts';
import { NO_STREAMS, type Snapshot, UNKNOWN_STREAMS } from './snapshot.ts';
import { Streams, type StreamsContext } from './streams.ts';
import type { TunnelResume } from './tunnels.ts';

export interface Http2Context extends StreamsContext {
  readonly masker: CredentialMasker;
}

/** What the connection beneath knows and does. */
export interface Http2Host {
  readonly info: ConnectionInfo;
  /** The bytes tell that it is the other end that is the client. */
  rolesAreReversed(): void;
}

export interface Http2Start {
  readonly clientOffset: number;
  readonly serverOffset: number;
  /** Whether each direction is read from its beginning on; else frames are searched for. */
  readonly clientSynced: boolean;
  readonly serverSynced: boolean;
  /** Bytes of the client's preface that have come. */
  readonly preface: number;
  readonly rolesKnown: boolean;
}

/** How far above the highest stream that is known a stream is believed where frames are searched for. */
const STREAMS_AHEAD_MAX = 20_000;
const STREAM_ID_MAX = 0x7fff_ffff;

/** Where a successor takes a connection up. */
export interface Http2Resume extends Snapshot {
  readonly rolesKnown: boolean;
  /** Of streams that are WebSockets. */
  readonly tunnels: readonly TunnelResume[];
}

export class Http2Connection implements DirectionOwner {
  readonly #host: Http2Host;
  readonly #context: Http2Context;
  #client: Direction;
  #server: Direction;
  readonly #streams: Streams;
  #rolesKnown: boolean;
  /** Before the bytes that are being read, where something may begin in them that no head tells of. */
  #beforeRead: Snapshot | null = null;
  /** Before the header block that is being read. */
  #before: Snapshot | null = null;

  constructor(host: Http2Host, context: Http2Context, start: Http2Start | Http2Resume) {
    this.#host = host;
    this.#context = context;
    const { clientOffset, serverOffset } = start;
    const isNew = 'preface' in start;
    const client = isNew ? { synced: start.clientSynced, preface: start.preface, table: null } : start.client;
    const server = isNew ? { synced: start.serverSynced, preface: PREFACE.length, table: null } : start.server;
    this.#client = new Direction(true, context, this, clientOffset, client);
    this.#server = new Direction(false, context, this, serverOffset, server);
    const known = isNew ? (start.clientSynced ? NO_STREAMS : UNKNOWN_STREAMS) : start.known;
    this.#streams = new Streams(
      () => host.info,
      () => this.#beforeRead ?? this.#now(),
      context,
      known,
    );
    if (!isNew) this.#streams.tunnels.resume(start.tunnels, host.info, context.handler);
    this.#rolesKnown = start.rolesKnown;
    this.#client.streamMax = this.#server.streamMax = this.#streamMax();
  }

  get openExchanges(): number {
    return this.#streams.size + this.#streams.tunnels.openExchanges;
  }

  get heldBytes(): number {
    return this.#streams.heldBytes + this.#client.heldBytes + this.#server.heldBytes;
  }

  /** Nothing is open, and no part of a frame or a header block is held. */
  get idle(): boolean {
    return this.#streams.size === 0 && this.#client.atBorder && this.#server.atBorder;
  }

  /** Where the oldest open stream began that wasn't told of, or else the present: from there a successor can read on. */
  get resume(): Http2Resume {
    const from = this.#streams.oldest ?? this.#now();
    return { ...from, rolesKnown: this.#rolesKnown, tunnels: this.#streams.tunnelsTold(from) };
  }

  offset(fromClient: boolean): number {
    return this.#direction(fromClient).offset;
  }

  /** The next bytes of a side, one segment. Never throws. */
  read(fromClient: boolean, buffer: Buffer, start: number, end: number, time: number): void {
    const { tunnels, joins, known } = this.#streams;
    this.#beforeRead = tunnels.size > 0 || joins.mayCome(known) ? this.#now() : null;
    this.#direction(fromClient).read(buffer, start, end, time);
    if (tunnels.size > 0) tunnels.moved(this.#beforeRead);
  }

  /** `missing` bytes of a side were not captured. */
  gap(fromClient: boolean, missing: number): void {
    this.#direction(fromClient).gap(missing);
  }

  /** The request that asked for HTTP/2. */
  adopt(open: OpenExchange): void {
    this.#streams.adopt(open, this.#now());
  }

  /** The client sends no more. */
  clientEnded(): void {
    this.#client.end();
    this.#streams.requestsCut();
  }

  /** The server sends no more. What is open ends with the connection: the client may have broken it off before, unseen so far. */
  serverEnded(): void {
    this.#server.end();
  }

  endAll(end: ExchangeEnd): void {
    // The last frame of one may turn them round.
    for (const direction of [this.#client, this.#server]) direction.end();
    this.#streams.endAll(end);
  }

  /** Every open exchange ends by a limit. */
  shed(): void {
    this.#streams.shed();
  }

  /** What is open lasts too long to be waited with: it is told of as it stands, and read on. */
  tellOpen(): void {
    this.#streams.tellOpen();
  }

  #direction(fromClient: boolean): Direction {
    return fromClient ? this.#client : this.#server;
  }

  #now(): Snapshot {
    const [client, server] = [this.#client, this.#server];
    const offsets = { clientOffset: client.border, serverOffset: server.border };
    return { ...offsets, client: client.state, server: server.state, known: this.#streams.known };
  }

  // ---- what the directions tell

  found(direction: Direction, preface: boolean): void {
    if (preface && !direction.fromClient && !this.#rolesKnown) this.#reverse();
  }

  tableSize(direction: Direction, bytes: number): void {
    this.#direction(!direction.fromClient).agreeTableSize(bytes);
  }

  blockEnds(_direction: Direction, block: HeaderBlock): void {
    this.#before = block.isPush || !this.#streams.mayBegin(block.stream) ? null : this.#now();
  }

  block(direction: Direction, block: HeaderBlock, fields: Field[] | null, time: number): void {
    if (fields === null || isPartial(fields)) this.#context.stats.http2Unread++;
    if (block.isPush) this.#context.stats.http2Pushes++;
    // Pushed streams have even numbers, and are not read.
    if (block.isPush || block.stream % 2 === 0) return;
    if (!this.#rolesKnown && fields !== null) this.#checkRoles(direction, fields);
    const before = this.#before ?? this.#now();
    if (direction.fromClient) this.#streams.requestBlock(block, fields, before, time);
    else this.#streams.responseBlock(block, fields, before, time);
    this.#client.streamMax = this.#server.streamMax = this.#streamMax();
  }

  data(direction: Direction, stream: number, bytes: Buffer, time: number, offset: number): void {
    const late = offset < direction.segmentOffset;
    this.#streams.data(direction.fromClient, stream, bytes, time, offset, late);
  }

  dataMissing(direction: Direction, stream: number, missing: number, content: number, offset: number): void {
    this.#streams.dataMissing(direction.fromClient, stream, missing, content, offset);
  }

  dataEnd(direction: Direction, stream: number, last: boolean, time: number): void {
    if (last) this.#streams.streamEnd(direction.fromClient, stream, time);
    else this.#streams.frameEnd(direction.fromClient, stream, time);
  }

  reset(direction: Direction, stream: number): void {
    this.#streams.reset(direction.fromClient, stream);
  }

  /** A client's GOAWAY is about pushed streams. */
  goaway(direction: Direction, lastStream: number): void {
    if (!direction.fromClient) this.#streams.refused(lastStream);
  }

  lost(direction: Direction, missing: number, offset: number): void {
    this.#streams.lost(direction.fromClient, missing, offset);
  }

  /** Which end sends requests the frames tell by themselves. */
  #checkRoles(direction: Direction, fields: readonly Field[]): void {
    const isRequest = fields.some(({ name }) => name === ':method');
    if (!isRequest && !fields.some(({ name }) => name === ':status')) return;
    this.#rolesKnown = true;
    if (isRequest !== direction.fromClient) this.#reverse();
  }

  #reverse(): void {
    this.#rolesKnown = true;
    this.#streams.endAll('gap');
    this.#streams.known = UNKNOWN_STREAMS;
    [this.#client, this.#server] = [this.#server, this.#client];
    this.#client.fromClient = true;
    this.#server.fromClient = false;
    this.#before = this.#before === null ? null : reversed(this.#before);
    this.#host.rolesAreReversed();
  }

  #streamMax(): number {
    const { max } = this.#streams.known;
    return max === 0 ? STREAM_ID_MAX : Math.min(STREAM_ID_MAX, max + STREAMS_AHEAD_MAX);
  }
}

function reversed({ clientOffset, serverOffset, client, server }: Snapshot): Snapshot {
  const offsets = { clientOffset: serverOffset, serverOffset: clientOffset };
  return { ...offsets, client: server, server: client, known: UNKNOWN_STREAMS };
}
