/**
 * IP datagrams put together from their fragments (RFC 791 section 3.2, RFC 8200 section 4.5).
 *
 * A fragment that repeats bytes is ignored when they are the same, as a mirror that sees a packet twice makes them. When they
 * aren't, nobody can know what the receiver made of it, and the whole datagram is dropped (as RFC 5722 wants, and Linux does),
 * with all that still comes of it. What is dropped or never becomes whole is counted; its bytes are a gap in their stream.
 */
import { DOUBLES, INTS, Newcomers } from '../newcomers.ts';
import type { DecodeOptions } from './decode-options.ts';
import type { Packet } from './packet.ts';

/** Incomplete datagrams kept, of which one fragment has come (a power of two) and of which more have; the oldest goes first. */
const FIRSTS_MAX = 4096;
const DATAGRAMS_MAX = 4096;
/** Fragments of one datagram: 64 KB in the smallest pieces that real networks make (576 bytes) are 120. */
const PIECES_MAX = 256;
/** Payload of an IP datagram. */
const DATAGRAM_BYTES_MAX = 65_535;
/** What a datagram and a piece of it weigh besides the bytes. */
const OVERHEAD_BYTES = 192;

/** Numbers of a datagram's first fragment to come. */
const OFFSET = 0;
const MORE = 1;
const PROTOCOL = 2;
const DEADLINE = 0;
/** Stands in keys where IPv4 has its protocol. */
const IPV6 = 256;

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
}

interface Datagram {
  readonly key: Int32Array;
  readonly hash: number;
  /** Capture clock, µs, at which it is given up. */
  readonly deadline: number;
  /** By offset, without overlap. Empty when it was dropped: it is then kept to recognise its rest. */
  pieces: Piece[];
  /** Length, once the last fragment was seen. */
  total: number;
  /** Protocol of the first fragment (IPv6); -1 until it came. */
  protocol: number;
  held: number;
  weight: number;
  dropped: boolean;
}

/** A complete datagram's payload. */
export interface Whole {
  readonly bytes: Buffer;
  readonly protocol: number;
}

export class Fragments {
  /** Counted since the last `takeLost`. */
  #lostPackets = 0;
  #lostBytes = 0;
  #weight = 0;
  /** Datagrams of which one fragment has come: many never have another, so that they get no objects. */
  readonly #firsts: Newcomers;
  #firstBytes = 0;
  /** The others, by the hash of their keys. */
  readonly #datagrams = new Map<number, Datagram>();
  readonly #timeout: number;
  readonly #bytesMax: number;

  constructor(options: DecodeOptions) {
    this.#timeout = options.fragmentTimeoutMs * 1000;
    this.#bytesMax = options.fragmentBytesMax;
    const firstBytesMax = Math.max(DATAGRAM_BYTES_MAX + 1, Math.floor(options.fragmentBytesMax / 2));
    this.#firsts = new Newcomers(FIRSTS_MAX, firstBytesMax, (entry) => {
      const length = this.#firsts.lengthOf(entry);
      this.#firstBytes -= length;
      this.#lose(1, length);
    });
  }

  get size(): number {
    return this.#datagrams.size + this.#firsts.size;
  }

  /** Memory held, in bytes. */
  get weight(): number {
    return this.#weight + this.#firstBytes;
  }

  /**
   * Takes the fragment whose payload is `packet.bytes[start … end)`, at `offset` of its datagram, and gives the datagram when that
   * made it whole. Addresses and time are those in `packet`. A last fragment has `more` false.
   */
  add(
    packet: Packet,
    id: number,
    protocol: number,
    offset: number,
    more: boolean,
    start: number,
    end: number,
  ): Whole | null {
    this.expire(packet.time);
    this.#look(packet, id, protocol);
    const length = end - start;
    const isWhole = offset === 0 && !more;
    const datagram = this.#known() ?? (isWhole ? this.#begin(packet.time + this.#timeout) : null);
    if (datagram === null) this.#first(packet, protocol, offset, more, start, length);
    else if (datagram.dropped) this.#lose(1, length);
    else if (!fits(datagram, offset, offset + length, more)) this.#drop(datagram, length);
    else {
      if (!more) datagram.total = offset + length;
      if (offset === 0) datagram.protocol = protocol;
      this.#place(datagram, packet.bytes, start, offset, offset + length);
      if (datagram.held === datagram.total && !datagram.dropped) return this.#whole(datagram);
      this.#makeRoom();
    }
    return null;
  }

  /** The first fragment to come of a datagram. */
  #first(packet: Packet, protocol: number, offset: number, more: boolean, start: number, length: number): void {
    if (!isPossible(offset, offset + length, more)) {
      this.#drop(this.#begin(packet.time + this.#timeout), length);
      this.#makeRoom();
      return;
    }
    const entry = this.#firsts.add(packet.bytes, start, length);
    const { ints, doubles } = this.#firsts;
    ints[entry * INTS + OFFSET] = offset;
    ints[entry * INTS + MORE] = more ? 1 : 0;
    ints[entry * INTS + PROTOCOL] = protocol;
    doubles[entry * DOUBLES + DEADLINE] = packet.time + this.#timeout;
    this.#firstBytes += length;
  }

  /** Gives up what has waited too long by `now`, in µs. */
  expire(now: number): void {
    const firsts = this.#firsts;
    while (firsts.oldest >= 0) {
      const deadline = firsts.doubles[firsts.oldest * DOUBLES + DEADLINE]!;
      if (deadline > now && deadline <= now + this.#timeout) break;
      firsts.loseOldest();
    }
    for (const datagram of this.#datagrams.values()) {
      if (datagram.deadline > now && datagram.deadline <= now + this.#timeout) return;
      this.#remove(datagram);
    }
  }

  /** Gives up everything: the capture ends. */
  end(): void {
    this.#firsts.clear();
    for (const datagram of this.#datagrams.values()) this.#remove(datagram);
  }

  /** Fragments and bytes that were given up since the last call. */
  takeLost(): { readonly packets: number; readonly bytes: number } {
    const lost = { packets: this.#lostPackets, bytes: this.#lostBytes };
    this.#lostPackets = this.#lostBytes = 0;
    return lost;
  }

  /** The datagram of the key, when two fragments of it or more have come, this one counted; else null. */
  #known(): Datagram | null {
    const firsts = this.#firsts;
    const known = this.#datagrams.get(firsts.hash());
    if (known !== undefined && isSameKey(known.key, firsts.key)) return known;
    const entry = firsts.find();
    if (entry < 0) return null;
    const { ints } = firsts;
    const offset = ints[entry * INTS + OFFSET]!;
    const end = offset + firsts.lengthOf(entry);
    const datagram = this.#begin(firsts.doubles[entry * DOUBLES + DEADLINE]!);
    if (ints[entry * INTS + MORE] === 0) datagram.total = end;
    if (offset === 0) datagram.protocol = ints[entry * INTS + PROTOCOL]!;
    this.#place(datagram, firsts.bytes, firsts.offsetOf(entry), offset, end);
    this.#firstBytes -= end - offset;
    firsts.remove(entry);
    return datagram;
  }

  #begin(deadline: number): Datagram {
    const { key } = this.#firsts;
    const hash = this.#firsts.hash();
    // Two datagrams of one hash: a coincidence that is hardly ever seen, and can't be brought about.
    const other = this.#datagrams.get(hash);
    if (other !== undefined) this.#remove(other);
    const state = { total: -1, protocol: -1, held: 0, weight: OVERHEAD_BYTES, dropped: false };
    const datagram: Datagram = { key: key.slice(), hash, deadline, pieces: [], ...state };
    this.#datagrams.set(hash, datagram);
    this.#weight += OVERHEAD_BYTES;
    return datagram;
  }

  /** Fills in the key. IPv4 tells datagrams of several protocols apart by the same number; IPv6 has the protocol in the first fragment only. */
  #look(packet: Packet, id: number, protocol: number): void {
    const { key } = this.#firsts;
    key[0] = packet.source0;
    key[1] = packet.source1;
    key[2] = packet.source2;
    key[3] = packet.source3;
    key[4] = packet.target0;
    key[5] = packet.target1;
    key[6] = packet.target2;
    key[7] = packet.target3;
    key[8] = id;
    key[9] = packet.version === 4 ? protocol : IPV6;
    key[10] = packet.lane;
  }

  #place(datagram: Datagram, bytes: Buffer, start: number, from: number, to: number): void {
    const { pieces } = datagram;
    let at = pieces.length;
    while (at > 0 && pieces[at - 1]!.end > from) at--;
    // From here on pieces may overlap.
    let position = from;
    while (position < to) {
      const next = pieces[at];
      const end = next === undefined ? to : Math.min(to, next.start);
      if (end > position) {
        const copy = Buffer.from(bytes.subarray(start + position - from, start + end - from));
        pieces.splice(at++, 0, { start: position, end, bytes: copy });
        datagram.held += end - position;
        this.#weigh(datagram, end - position + OVERHEAD_BYTES);
        position = end;
      }
      if (position >= to || next === undefined) break;
      const overlap = Math.min(to, next.end);
      if (!same(next, bytes, start + position - from, position, overlap)) {
        this.#drop(datagram, to - from);
        return;
      }
      position = overlap;
      at++;
    }
    if (pieces.length > PIECES_MAX) this.#drop(datagram, 0);
  }

  #whole(datagram: Datagram): Whole {
    const bytes = Buffer.concat(datagram.pieces.map((piece) => piece.bytes));
    datagram.pieces = [];
    const { protocol } = datagram;
    this.#remove(datagram);
    return { bytes, protocol };
  }

  /** `bytes`: of the fragment that was the reason, and isn't among the pieces. */
  #drop(datagram: Datagram, bytes: number): void {
    this.#lose(datagram.pieces.length + 1, datagram.held + bytes);
    datagram.pieces = [];
    datagram.held = 0;
    datagram.dropped = true;
    this.#weigh(datagram, OVERHEAD_BYTES - datagram.weight);
  }

  #remove(datagram: Datagram): void {
    this.#datagrams.delete(datagram.hash);
    this.#weight -= datagram.weight;
    if (datagram.pieces.length > 0) this.#lose(datagram.pieces.length, datagram.held);
  }

  #makeRoom(): void {
    if (this.#weight <= this.#bytesMax && this.#datagrams.size <= DATAGRAMS_MAX) return;
    for (const oldest of this.#datagrams.values()) {
      this.#remove(oldest);
      if (this.#weight <= this.#bytesMax && this.#datagrams.size <= DATAGRAMS_MAX) return;
    }
  }

  #weigh(datagram: Datagram, bytes: number): void {
    datagram.weight += bytes;
    this.#weight += bytes;
  }

  #lose(packets: number, bytes: number): void {
    this.#lostPackets += packets;
    this.#lostBytes += bytes;
  }
}

/** Whether a fragment agrees with what is known of the datagram's length. Only the last one may have an odd length. */
function fits(datagram: Datagram, from: number, to: number, more: boolean): boolean {
  if (!isPossible(from, to, more)) return false;
  if (datagram.total < 0) return more || (datagram.pieces.at(-1)?.end ?? 0) <= to;
  return more ? to <= datagram.total : to === datagram.total;
}

function same(piece: Piece, bytes: Buffer, start: number, from: number, to: number): boolean {
  return piece.bytes.compare(bytes, start, start + to - from, from - piece.start, to - piece.start) === 0;
}

function isPossible(from: number, to: number, more: boolean): boolean {
  return to <= DATAGRAM_BYTES_MAX && to > from && (!more || (to - from) % 8 === 0);
}

function isSameKey(left: Int32Array, right: Int32Array): boolean {
  return left.every((word, at) => word === right[at]);
}
