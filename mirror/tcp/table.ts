/** Connections by addresses and ports: a hash table on numbers, so that a look-up builds no key. */
import type { Packet } from '../decode/packet.ts';
import type { Connection } from './connection.ts';

const BUCKETS_FIRST = 1024;

/** The same for both directions. Each mixing step carries high bits down, since the table looks at the low ones. */
export function hashOf(packet: Packet): number {
  let hash = mix(packet.source3 ^ packet.target3, (packet.source3 + packet.target3) | 0);
  hash = mix(hash ^ (packet.sourcePort ^ packet.targetPort), packet.sourcePort + packet.targetPort);
  if (packet.version === 6) {
    hash = mix(
      hash ^ packet.source2 ^ packet.target2,
      (packet.source1 ^ packet.target1) + (packet.source0 ^ packet.target0),
    );
  }
  return hash;
}

/** Steps of MurmurHash3's finalizer. */
function mix(a: number, b: number): number {
  let hash = Math.imul(a ^ (a >>> 16), 0x85ebca6b) + b;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

export class ConnectionTable {
  #buckets = emptyBuckets(BUCKETS_FIRST);
  #mask = BUCKETS_FIRST - 1;
  #last: Connection | null = null;
  size = 0;

  find(packet: Packet): Connection | null {
    const last = this.#last;
    if (last !== null && last.directionOf(packet) !== 0) return last;
    let connection: Connection | null = this.#buckets[hashOf(packet) & this.#mask] ?? null;
    while (connection !== null && connection.directionOf(packet) === 0) connection = connection.hashNext;
    if (connection !== null) this.#last = connection;
    return connection;
  }

  /** All connections with the packet's addresses and ports, in whatever virtual network: the first one, or the one after `previous`. */
  next(packet: Packet, previous: Connection | null): Connection | null {
    let at: Connection | null =
      previous === null ? (this.#buckets[hashOf(packet) & this.#mask] ?? null) : previous.hashNext;
    while (at !== null && at.directionOf(packet) === 0) at = at.hashNext;
    return at;
  }

  add(connection: Connection): void {
    if (this.size >= this.#buckets.length) this.#grow();
    const bucket = connection.hash & this.#mask;
    connection.hashNext = this.#buckets[bucket] ?? null;
    this.#buckets[bucket] = connection;
    this.#last = connection;
    this.size++;
  }

  /** Does nothing when the connection isn't in the table (another has taken its place). */
  remove(connection: Connection): void {
    const bucket = connection.hash & this.#mask;
    let at: Connection | null = this.#buckets[bucket] ?? null;
    if (at === connection) this.#buckets[bucket] = connection.hashNext;
    else {
      while (at !== null && at.hashNext !== connection) at = at.hashNext;
      if (at === null) return;
      at.hashNext = connection.hashNext;
    }
    connection.hashNext = null;
    if (this.#last === connection) this.#last = null;
    this.size--;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = emptyBuckets(old.length * 2);
    this.#mask = this.#buckets.length - 1;
    for (const first of old) {
      for (let connection = first; connection !== null; ) {
        const next: Connection | null = connection.hashNext;
        const bucket = connection.hash & this.#mask;
        connection.hashNext = this.#buckets[bucket] ?? null;
        this.#buckets[bucket] = connection;
        connection = next;
      }
    }
  }
}

function emptyBuckets(count: number): (Connection | null)[] {
  return new Array<Connection | null>(count).fill(null);
}
