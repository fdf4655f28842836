/** What is kept of one transport connection. Ends are A (sender of the first packet seen) and B; who is the client is told later. */
import type { CloseReason, RolesSource } from '../../schemas/frame.ts';
import type { Packet } from '../decode/packet.ts';
import type { PendingFrame } from '../framer.ts';
import type { Identity } from '../identity.ts';
import { Stream } from './stream.ts';

/** Sniffing: still looking, kept (it is HTTP, or nobody asks), or known not to be HTTP. */
export const SNIFF_OPEN = 0;
export const SNIFF_KEPT = 1;
export const SNIFF_DROPPED = 2;

/** Which end is the client. */
export const CLIENT_UNKNOWN = 0;
export const CLIENT_A = 1;
export const CLIENT_B = 2;

export class Connection {
  readonly version: number;
  readonly a0: number;
  readonly a1: number;
  readonly a2: number;
  readonly a3: number;
  readonly aPort: number;
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
  readonly b3: number;
  readonly bPort: number;
  readonly hash: number;
  /** Virtual network of the first packet. */
  readonly lane: number;
  readonly a = new Stream();
  readonly b = new Stream();

  /** Chain in the table's bucket, and neighbours in the order of last activity. */
  hashNext: Connection | null = null;
  older: Connection | null = null;
  newer: Connection | null = null;
  lastActive: number;
  /** Bytes were sent: until then it is only a handshake, as a flood of SYNs makes many. */
  spoken = false;

  client = CLIENT_UNKNOWN;
  rolesSource: RolesSource = 'guess';
  /** A SYN or SYN+ACK was seen; `isn` is the client's initial sequence number, or the first sequence number seen. */
  handshake = false;
  isn: number;
  /** The server's initial sequence number as int32, or null when no SYN+ACK was seen. */
  serverIsn: number | null = null;
  readonly firstTime: number;

  /** Why it ended; it is then kept a while to tell its late packets from a new connection's. */
  closed: CloseReason | null = null;
  /** The connection ends for this reason as soon as its late packets had time to come. */
  closing: CloseReason | null = null;
  /** `closing` stood already one grace period ago. */
  closingMarked = false;
  /** A check for holes is queued; since when, by capture clock and by packets. */
  checkQueued = false;
  checkSince = 0;
  checkPackets = 0;
  /** The connection that had the same addresses and ports before, while its late packets may come. */
  previous: Connection | null = null;

  sniff: number;
  /** Progress in the request line, or bytes seen of a joined connection. */
  sniffState = 0;

  pending: PendingFrame | null = null;
  frameSequence = 0;
  /** Made with the first frame. */
  identity: Identity | null = null;

  constructor(packet: Packet, hash: number, sniff: boolean, now: number) {
    this.sniff = sniff ? SNIFF_OPEN : SNIFF_KEPT;
    this.version = packet.version;
    this.a0 = packet.source0;
    this.a1 = packet.source1;
    this.a2 = packet.source2;
    this.a3 = packet.source3;
    this.aPort = packet.sourcePort;
    this.b0 = packet.target0;
    this.b1 = packet.target1;
    this.b2 = packet.target2;
    this.b3 = packet.target3;
    this.bPort = packet.targetPort;
    this.hash = hash;
    this.lane = packet.lane;
    this.lastActive = now;
    this.isn = packet.seq;
    this.firstTime = packet.time;
  }

  /** 1: the packet goes from A to B, 2: from B to A, 0: it is another connection's. */
  directionOf(packet: Packet): number {
    if (
      this.a3 === packet.source3 &&
      this.b3 === packet.target3 &&
      this.aPort === packet.sourcePort &&
      this.bPort === packet.targetPort
    ) {
      return this.version === packet.version && (this.version === 4 || this.#sameHigh(packet)) ? 1 : 0;
    }
    if (
      this.a3 === packet.target3 &&
      this.b3 === packet.source3 &&
      this.aPort === packet.targetPort &&
      this.bPort === packet.sourcePort
    ) {
      return this.version === packet.version && (this.version === 4 || this.#sameHighReversed(packet)) ? 2 : 0;
    }
    return 0;
  }

  get fromClient(): Stream {
    return this.client === CLIENT_B ? this.b : this.a;
  }

  get fromServer(): Stream {
    return this.client === CLIENT_B ? this.a : this.b;
  }

  other(stream: Stream): Stream {
    return stream === this.a ? this.b : this.a;
  }

  #sameHigh(packet: Packet): boolean {
    return (
      this.a0 === packet.source0 &&
      this.a1 === packet.source1 &&
      this.a2 === packet.source2 &&
      this.b0 === packet.target0 &&
      this.b1 === packet.target1 &&
      this.b2 === packet.target2
    );
  }

  #sameHighReversed(packet: Packet): boolean {
    return (
      this.a0 === packet.target0 &&
      this.a1 === packet.target1 &&
      this.a2 === packet.target2 &&
      this.b0 === packet.source0 &&
      this.b1 === packet.source1 &&
      this.b2 === packet.source2
    );
  }
}
