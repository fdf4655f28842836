/**
 * Streams that became WebSockets (RFC 8441 section 4: extended CONNECT with `:protocol`), each read by a tunnel as after an upgrade
 * of HTTP/1. Its bytes are the content of DATA frames, and have the offsets of the connection, so that what is found in them
 * has an id of its own.
 *
 * A successor takes a tunnel up where it stands, between two messages, but must read the connection from a border of frames
 * before it: content that the tunnel had read is passed over.
 */
import type { Side } from '../../../schemas/frame.ts';
import type { ConnectionInfo, ExchangeEnd, ExchangeHandler, Tunnel, TunnelState } from '../exchange.ts';
import type { HttpStats } from '../options.ts';
import { type Snapshot, snapshotBytes } from './snapshot.ts';

/** Where a successor takes the tunnel of a stream up. */
export interface TunnelResume {
  readonly stream: number;
  /** Stream offsets of the connection; content before them was read. */
  readonly client: number;
  readonly server: number;
  /** The side that sends no more on the stream; null: both may. */
  readonly ended: Side | null;
  readonly state: TunnelState;
}

interface StreamTunnel {
  readonly tunnel: Tunnel;
  readonly client: number;
  readonly server: number;
  /** The first side that has ended. */
  ended: Side | null;
  /** Before the oldest of its bytes that a successor must see; null: that is yet to come. */
  since: Snapshot | null;
}

export class StreamTunnels {
  readonly #stats: HttpStats;
  readonly #open = new Map<number, StreamTunnel>();

  constructor(stats: HttpStats) {
    this.#stats = stats;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Calls and other exchanges that are open in them. */
  get openExchanges(): number {
    let open = 0;
    for (const { tunnel } of this.#open.values()) open += tunnel.open;
    return open;
  }

  get heldBytes(): number {
    let bytes = 0;
    for (const { tunnel, since } of this.#open.values()) {
      bytes += tunnel.heldBytes + (since === null ? 0 : snapshotBytes(since));
    }
    return bytes;
  }

  /** Before the oldest byte of any of them that a successor must see; null: all of that is yet to come. */
  get oldest(): Snapshot | null {
    let oldest: Snapshot | null = null;
    for (const { since } of this.#open.values()) {
      if (since !== null && (oldest === null || isBefore(since, oldest))) oldest = since;
    }
    return oldest;
  }

  has(stream: number): boolean {
    return this.#open.has(stream);
  }

  get(stream: number): Tunnel | null {
    return this.#open.get(stream)?.tunnel ?? null;
  }

  /** `before`: where the connection stood before the head that opened it; null: none did. */
  open(stream: number, tunnel: Tunnel, before: Snapshot | null): void {
    const [client, server] = [before?.clientOffset ?? 0, before?.serverOffset ?? 0];
    this.#open.set(stream, { tunnel, client, server, ended: null, since: before });
  }

  resume(known: readonly TunnelResume[], info: ConnectionInfo, handler: ExchangeHandler): void {
    for (const { stream, client, server, ended, state } of known) {
      const tunnel = handler.onResume?.(info, client, server, state.encode(Number.POSITIVE_INFINITY)) ?? null;
      if (tunnel !== null) this.#open.set(stream, { tunnel, client, server, ended, since: null });
    }
  }

  /** What a successor must know that reads from `from` on: tunnels of later streams it sees from their beginning. */
  told(from: Snapshot): TunnelResume[] {
    const told: TunnelResume[] = [];
    for (const [stream, { tunnel, ended }] of this.#open) {
      if (stream <= from.known.max && tunnel.carriesCalls) told.push({ stream, ended, ...tunnel.standing });
    }
    return told;
  }

  /** The connection was read on. `before`: where it stood before that. */
  moved(before: Snapshot | null): void {
    for (const each of this.#open.values()) {
      if (each.tunnel.atRest) each.since = null;
      else each.since ??= before;
    }
  }

  /** `offset`: stream offset of the first of the bytes, which this probe saw. */
  data(fromClient: boolean, stream: number, bytes: Buffer, offset: number, time: number, probe: string): void {
    const each = this.#open.get(stream);
    if (each === undefined) return;
    const { tunnel } = each;
    const read = (fromClient ? each.client : each.server) - offset;
    if (read >= bytes.length) return;
    const before = tunnel.skippedBytes;
    tunnel.readBy(probe);
    const rest = read > 0 ? bytes.subarray(read) : bytes;
    tunnel.data(fromClient ? 'client' : 'server', rest, offset + Math.max(0, read), time);
    const skipped = tunnel.skippedBytes - before;
    this.#stats.bodyBytes -= bytes.length;
    this.#stats.tunnelBytes += bytes.length - skipped;
    this.#stats.skippedBytes += skipped;
  }

  /** Content that is read when the answer to it may have been read already, or what it answers: which is which nobody knows. */
  late(fromClient: boolean, stream: number, length: number, offset: number): void {
    const each = this.#open.get(stream);
    if (each === undefined || offset + length <= (fromClient ? each.client : each.server)) return;
    each.tunnel.lose(fromClient ? 'client' : 'server', 0, offset + length);
    this.#stats.bodyBytes -= length;
    this.#stats.skippedBytes += length;
  }

  /** So many bytes of the content weren't captured. */
  gap(fromClient: boolean, stream: number, missing: number, offset: number): void {
    const each = this.#open.get(stream);
    if (each === undefined) return;
    const rest = missing - Math.max(0, (fromClient ? each.client : each.server) - offset);
    if (rest > 0) each.tunnel.gap(fromClient ? 'client' : 'server', rest);
  }

  /** Bytes of the direction are missing that may have been of any stream. `offset`: behind them. */
  lost(fromClient: boolean, missing: number, offset: number): void {
    for (const { tunnel, client, server } of this.#open.values()) {
      if (offset > (fromClient ? client : server)) tunnel.lose(fromClient ? 'client' : 'server', missing, offset);
    }
  }

  /** One side sends no more on the stream: where the other doesn't either, the tunnel is over. */
  sideEnds(fromClient: boolean, stream: number): void {
    const each = this.#open.get(stream);
    const side = fromClient ? 'client' : 'server';
    if (each === undefined || each.ended === side) return;
    if (each.ended === null) each.ended = side;
    else this.end(stream, each.ended === 'client' ? 'client_close' : 'server_close');
  }

  end(stream: number, end: ExchangeEnd): void {
    const each = this.#open.get(stream);
    this.#open.delete(stream);
    each?.tunnel.end(end);
  }

  endAll(end: ExchangeEnd): void {
    for (const stream of [...this.#open.keys()]) this.end(stream, end);
  }

  endAbove(last: number, end: ExchangeEnd): void {
    for (const stream of [...this.#open.keys()]) if (stream > last) this.end(stream, end);
  }

  shed(forMemory: boolean): void {
    for (const each of this.#open.values()) {
      each.tunnel.shed(forMemory);
      if (each.tunnel.atRest) each.since = null;
    }
  }
}

/** Whether one moment of a connection comes before another: no offset ever falls. */
export function isBefore(one: Snapshot, other: Snapshot): boolean {
  return one.clientOffset + one.serverOffset < other.clientOffset + other.serverOffset;
}
