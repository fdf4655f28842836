/** Frames of many connections in, HTTP exchanges out. */
import type { Frame } from '../../schemas/frame.ts';
import type { ConnectionId } from '../common/types.ts';
import { HttpConnection, type ResumePoint, type Standing } from './connection.ts';
import { type ConnectionContext, createConnectionContext } from './connection-context.ts';
import type { CredentialMasker } from './credentials.ts';
import type { ExchangeHandler } from './exchange.ts';
import type { HttpOptions, HttpStats } from './options.ts';
import type { Carried } from './standing.ts';

/** Keeps the connections by id and drops each at its last frame. Takes any frame in any state; never throws because of traffic. */
export class HttpAssembler {
  readonly #context: ConnectionContext;
  readonly #options: HttpOptions;
  readonly #connections = new Map<ConnectionId, HttpConnection>();
  #heldBytes = 0;
  #openExchanges = 0;

  constructor(options: HttpOptions, handler: ExchangeHandler, masker: CredentialMasker) {
    this.#options = options;
    this.#context = createConnectionContext(options, handler, masker);
  }

  get stats(): HttpStats {
    return this.#context.stats;
  }

  get openExchanges(): number {
    return this.#openExchanges;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Memory held for open exchanges and partial heads, in bytes (estimated). */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * `synced`: a connection that isn't known yet stands between two messages where this frame begins, whatever the frame's
   * number: its earlier frames were read by another assembler, up to a resume point of its own. `carried`: what that told of a
   * connection that doesn't speak HTTP/1 there.
   */
  feed(frame: Frame, synced = false, carried: Carried = {}): void {
    const connection = this.#connections.get(frame.connection) ?? this.#add(frame, synced, carried);
    const held = connection.heldBytes;
    const open = connection.openExchanges;
    connection.feed(frame);
    this.#heldBytes += connection.heldBytes - held;
    this.#openExchanges += connection.openExchanges - open;
    if (frame.close !== null) this.#connections.delete(frame.connection);
    if (this.#heldBytes > this.#options.memoryBytesMax) this.#shedLargest();
  }

  /** No frame of it comes any more: what is open on it ends as `timeout`. */
  expire(id: ConnectionId): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    this.#heldBytes -= connection.heldBytes;
    this.#openExchanges -= connection.openExchanges;
    connection.close('idle');
    this.#connections.delete(id);
  }

  /** What is open on it has lasted too long to be waited with: it is told of as it stands, and read on. */
  tellOpen(id: ConnectionId): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    const held = connection.heldBytes;
    const open = connection.openExchanges;
    connection.tellOpen();
    this.#heldBytes += connection.heldBytes - held;
    this.#openExchanges += connection.openExchanges - open;
  }

  /** The capture has ended: closes every connection as `stopped`. */
  end(): void {
    for (const connection of this.#connections.values()) connection.close('stopped');
    this.#connections.clear();
    this.#heldBytes = 0;
    this.#openExchanges = 0;
  }

  /** Where another assembler could take a connection up; null when it isn't known (any more). */
  resumePoint(id: ConnectionId): ResumePoint | null {
    return this.#connections.get(id)?.resumePoint ?? null;
  }

  /** What was read of a connection: stream offsets, and the number that its next frame must have; null when it isn't known. */
  standing(id: ConnectionId): Standing | null {
    return this.#connections.get(id)?.standing ?? null;
  }

  #add(frame: Frame, synced: boolean, { http2, tunnel }: Carried): HttpConnection {
    if (this.#connections.size >= this.#options.connectionsMax) this.#evictOldest();
    // A first frame with a later number: the frames before it are lost, so this is a join in the middle.
    const fromStart = synced || (frame.fromStart && frame.sequence === 0);
    const info = {
      id: frame.connection,
      network: frame.network,
      client: frame.client,
      server: frame.server,
      origin: frame.origin,
      probe: frame.probe,
      process: frame.process,
      labels: frame.labels,
    };
    const { rolesSource, clientOffset, serverOffset, sequence } = frame;
    const start = { fromStart, rolesSource, clientOffset, serverOffset, sequence, http2, tunnel };
    const connection = new HttpConnection(info, start, this.#context);
    this.#connections.set(frame.connection, connection);
    return connection;
  }

  #evictOldest(): void {
    for (const [id, connection] of this.#connections) {
      this.#shed(connection);
      connection.close('evicted');
      this.#connections.delete(id);
      return;
    }
  }

  #shedLargest(): void {
    let largest: HttpConnection | null = null;
    for (const connection of this.#connections.values()) {
      if (largest === null || connection.heldBytes > largest.heldBytes) largest = connection;
    }
    if (largest !== null) this.#shed(largest);
  }

  #shed(connection: HttpConnection, forMemory = true): void {
    const held = connection.heldBytes;
    const open = connection.openExchanges;
    connection.shed(forMemory);
    this.#heldBytes += connection.heldBytes - held;
    this.#openExchanges += connection.openExchanges - open;
  }
}
