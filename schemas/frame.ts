/**
 * A frame: a piece of the ordered bytes of one connection, both directions, as a probe publishes it.
 *
 * The probe has already done TCP (order, retransmits, overlap), so a consumer only ever sees bytes in stream order, and
 * what is missing as a value (`gap`). The segments of both directions stand in causal order: bytes that a peer had
 * acknowledged before it sent its own come first. The Avro schema is `avro/frame.v1.avsc`; this is its shape in memory.
 */
import type { ConnectionId, Micros } from '../services/common/types.ts';

/** Who sent the bytes. */
export type Side = 'client' | 'server';

/**
 * `data`: `length` bytes of the payload. `fin`: this side sends no more. `rst`: this side tore the connection down.
 * Each may follow a `gap`.
 */
export type SegmentKind = 'data' | 'fin' | 'rst';

export interface Segment {
  readonly side: Side;
  readonly kind: SegmentKind;
  /** When the probe saw it. */
  readonly time: Micros;
  /** Bytes of this side that were sent directly before this segment and that the probe never saw. 0 = none. */
  readonly gap: number;
  /** Bytes of `payload` that belong to this segment; segments follow each other in the payload. 0 unless `data` (a `data` segment of 0 bytes carries a gap alone). */
  readonly length: number;
}

export interface Endpoint {
  /** IPv4 dotted or IPv6 in RFC 5952 form. */
  readonly address: string;
  readonly port: number;
}

/** How the probe knows which end is the client: it saw the handshake, or the bytes say so (an HTTP request line), or the port numbers suggest it. */
export type RolesSource = 'handshake' | 'content' | 'guess';

/** `packets`: mirrored packets; `tls`: plain text from TLS library hooks; `tap`: a gateway's tap. */
export type Origin = 'packets' | 'tls' | 'tap';

export interface Process {
  readonly pid: number;
  /** Start time, which makes a re-used pid unique. */
  readonly started: Micros;
  readonly name: string;
}

/** Why bytes or packets were not passed on. Open set: consumers keep reasons that they don't know. */
export type LossReason =
  /** A hole in a stream: acknowledged by the peer, or waited for in vain. */
  | 'gap'
  /** Cut off by the capture's snap length. */
  | 'snap'
  /** Dropped to stay within a memory limit. */
  | 'memory'
  /** Dropped by the kernel or the capture tool before Bittern saw it (packets only, no bytes known). */
  | 'kernel'
  /** A damaged record, header or checksum-less nonsense. */
  | 'malformed'
  /** A link type or protocol that isn't decoded. */
  | 'unsupported'
  /** The rest of a connection that isn't HTTP (TLS, a database, …): not lost, not wanted. */
  | 'not_http'
  /** Segments of a connection that ended or whose sequence number lies outside any window. */
  | 'out_of_window'
  /** IP fragments of a datagram that never became whole, or whose overlapping fragments disagree. */
  | 'fragment'
  /** Times that the capture tool ended and was started again: `packets` counts these, what they cost isn't known. */
  | 'outage'
  /** New connections came faster than they are taken up: beginnings that were dropped. Known connections aren't touched. */
  | 'flood';

export interface Loss {
  readonly reason: LossReason;
  readonly packets: number;
  readonly bytes: number;
}

/** Why a connection's last frame is its last. `stopped`: the capture ended while the connection was open. `replaced`: the same 4-tuple came again. */
export type CloseReason = 'fin' | 'rst' | 'idle' | 'evicted' | 'replaced' | 'stopped' | 'not_http';

export interface Frame {
  readonly connection: ConnectionId;
  /** 0, 1, 2 … within the connection. A consumer that sees a jump lost a frame. */
  readonly sequence: number;
  /** Label of the network that the addresses belong to (two networks may use the same ones). */
  readonly network: string;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly rolesSource: RolesSource;
  /** True: the probe saw the connection begin, so both streams start at offset 0. False: it joined in the middle. */
  readonly fromStart: boolean;
  readonly origin: Origin;
  readonly probe: string;
  readonly process: Process | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Stream offset (bytes since the connection's start or the join, gaps included) of the first segment of each side, before that segment's gap. */
  readonly clientOffset: number;
  readonly serverOffset: number;
  readonly segments: readonly Segment[];
  /** The bytes of all `data` segments in their order. Owned by the frame: it may be kept and sliced. */
  readonly payload: Buffer;
  readonly close: CloseReason | null;
  /** What this connection lost since its last frame. */
  readonly losses: readonly Loss[];
}

/**
 * What a probe saw and lost that belongs to no connection, and its totals. Published at the end of a capture and every
 * few seconds while one runs; each report covers the time since the one before it.
 */
export interface ProbeReport {
  readonly probe: string;
  /** File name, `-`, or `live:eth0`. */
  readonly source: string;
  /** Capture clock at the first and last packet of this report; 0 when there was none. */
  readonly from: Micros;
  readonly to: Micros;
  readonly packets: number;
  readonly bytes: number;
  readonly connections: number;
  readonly frames: number;
  readonly payloadBytes: number;
  readonly retransmittedBytes: number;
  readonly losses: readonly Loss[];
  /** Sentences for people: a truncated file, an unknown link type, a child that died. */
  readonly notes: readonly string[];
}
