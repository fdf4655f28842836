/** Connections by addresses and ports: a hash table on numbers, so that a look-up builds no key. */
import { randomInt } from 'node:crypto';
import type { Packet } from '../decode/packet.ts';
import type { Connection } from './connection.ts';

const BUCKETS_FIRST = 1024;

/** Secret of this process: nobody can choose addresses and ports that all fall into one bucket. */
const KEYS = Array.from({ length: 5 }, () => randomInt(2 ** 32) | 0);
const KEY_ADDRESS = KEYS[0]! | 1;
const KEY_PORT = KEYS[1]! | 1;
const KEY_MIX = KEYS[2]! | 1;
const KEY_V6 = KEYS[3]! | 1;
const KEY_LAST = KEYS[4]!;

/** The same for both directions. Each end is mixed by itself: bits exchanged between the ends must not give the same again. */
export function hashOf(packet: Packet): number {
  let source = endHash(packet.source3, packet.sourcePort);
  let target = endHash(packet.target3, packet.targetPort);
  if (packet.version === 6) {
    source = highHash(source, packet.source0, packet.source1, packet.source2);
    target = highHash(target, packet.target0, packet.target1, packet.target2);
  }
  const hash = (source + target) ^ KEY_LAST;
  return hash ^ (hash >>> 16);
}

/** Each mixing step carries high bits down, since the table looks at the low ones. */
function endHash(address: number, port: number): number {
  let hash = Math.imul(address, KEY_ADDRESS) + Math.imul(port, KEY_PORT);
  hash = Math.imul(hash ^ (hash >>> 15), KEY_MIX);
  return hash ^ (hash >>> 13);
}

function highHash(hash: number, w0: number, w1: number, w2: number): number {
  let mixed = Math.imul(hash ^ w2, KEY_V6);
  mixed = Math.imul(mixed ^ (mixed >>> 16) ^ w1, KEY_ADDRESS);
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ w0, KEY_MIX);
  return mixed ^ (mixed >>> 13);
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
