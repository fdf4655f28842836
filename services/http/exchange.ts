/**
 * What the HTTP layer tells the layer above: exchanges, and the bytes of their bodies as they arrive.
 *
 * Times are capture times of bytes. A thing that wasn't seen is null, never guessed.
 */
import type { Endpoint, Origin, Process, Side } from '../../schemas/frame.ts';
import type { ConnectionId, Micros } from '../common/types.ts';
import type { BodyPieces } from './body-pieces.ts';

/** What is constant for a connection and known to every exchange on it. */
export interface ConnectionInfo {
  readonly id: ConnectionId;
  readonly network: string;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly origin: Origin;
  /** Of an exchange that several probes have parts of: their names, sorted, with commas. */
  readonly probe: string;
  readonly process: Process | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** Header fields by lower-case name. Repeated fields are joined with `, ` (RFC 9110 section 5.3). Credentials are already replaced. */
export type Headers = ReadonlyMap<string, string>;

/** The credential of a request, as it may be stored: never the value itself. */
export interface Credential {
  /** Where it was: `authorization`, `x-api-key`, `query:key`, … */
  readonly field: string;
  /** Keyed HMAC of the secret part (after `Bearer `, …): equal keys give equal fingerprints. Form `fp_` + 16 hex digits. */
  readonly fingerprint: string;
}

export interface RequestHead {
  readonly method: string;
  /** Path and query as sent, credentials in the query replaced. Absolute-form and authority-form targets are kept as sent. */
  readonly target: string;
  /** The path alone, without query, scheme and authority. */
  readonly path: string;
  readonly version: '1.0' | '1.1' | '2';
  readonly headers: Headers;
  readonly credential: Credential | null;
  /** HTTP/2: some fields are unknown, since the capture missed where they were sent first. `target` and `path` may be empty then. */
  readonly partial: boolean;
}

export interface ResponseHead {
  readonly status: number;
  readonly version: '1.0' | '1.1' | '2';
  readonly headers: Headers;
  /** As of a request's head. */
  readonly partial: boolean;
}

/**
 * How much of a message (request or response) was seen.
 * `none`: nothing at all. `open`: it went on when the exchange was closed. `complete`: to the end that HTTP gives it.
 * `cut`: its sender stopped in the middle (connection closed, reset). `lost`: its rest fell into a gap, or the capture ended.
 */
export type MessageState = 'none' | 'open' | 'complete' | 'cut' | 'lost';

export interface Message {
  state: MessageState;
  /** Bytes of the body after transfer decoding, before content decoding, as far as seen. */
  bodyBytes: number;
  /** Bytes of this message that the capture missed, as far as known. A gap over a chunk's border counts whole, with the framing in it; bytes skipped behind it don't count. */
  missingBytes: number;
  /** First byte of the start line. */
  start: Micros | null;
  /** First byte of the body. */
  bodyStart: Micros | null;
  /** Last byte of the message that was seen. */
  end: Micros | null;
  /** `content-encoding` that couldn't be undone (unknown, damaged, over the limit): the body consumer got no (or not all) bytes. Empty otherwise. */
  undecoded: string;
}

/** Why an exchange ended as it did. */
export type ExchangeEnd =
  /** Response complete (by HTTP's rules). */
  | 'complete'
  /** The client closed or reset the connection before the response's end. */
  | 'client_close'
  /** The server closed or reset the connection before the response's end. */
  | 'server_close'
  /** The connection went idle, was evicted or the 4-tuple was re-used while the exchange was open. */
  | 'timeout'
  /** The capture ended while the exchange was open. */
  | 'capture_end'
  /** A gap made the rest unreadable. */
  | 'gap'
  /** A limit of ours cut it (head too large, too many open exchanges). */
  | 'limit';

export interface Exchange {
  /** Changes only when another probe brings bytes of it: `probe` names them all. */
  connection: ConnectionInfo;
  /** Stream offset of the request's first byte, or of the response's when `request` is null. Unique per connection and `side`. */
  readonly offset: number;
  /** Null when the request's head was never seen (join in mid-stream, gap). */
  readonly requestHead: RequestHead | null;
  /** The final response's head; interim (1xx) responses only count in `interim`. */
  responseHead: ResponseHead | null;
  readonly request: Message;
  readonly response: Message;
  /** Status codes of interim responses, in order. */
  readonly interim: number[];
  /** Set once, before `onEnd`. */
  end: ExchangeEnd | null;
  /** True when a gap made the pairing of this request with this response uncertain. */
  uncertain: boolean;
  /** Set for 101 and CONNECT: what follows is another protocol; its bytes are counted here, and messages where a tunnel reads them. */
  upgrade: { protocol: string; clientBytes: number; serverBytes: number; counts: TunnelCounts | null } | null;
  /** Set for gRPC: whole messages of each side as far as seen, and the status code that ended it, as sent ('' = none). */
  grpc: { requestMessages: number; responseMessages: number; status: string } | null;
  /** Set where it isn't the heads that tell how it was carried. */
  readonly protocol?: 'websocket' | 'websocket/h2';
  /** Whose stream `offset` counts, where that isn't told by the presence of a request's head. */
  readonly offsetSide?: Side;
  /** Set for what only prepares a call and isn't counted as one. */
  readonly prewarm?: { responseId: string };
}

/** What went through a tunnel that was read. */
export interface TunnelCounts {
  readonly clientMessages: number;
  readonly serverMessages: number;
  /** Payload as it was sent. */
  readonly clientMessageBytes: number;
  readonly serverMessageBytes: number;
  /** Not understood, after a loss. */
  readonly skippedBytes: number;
  /** 0: none was seen. */
  readonly closeCode: number;
}

/** What a successor must know to take a tunnel up. */
export interface TunnelState {
  /** As much as fits into so many bytes. Empty: too little to take it up. */
  encode(bytesMax: number): Buffer;
}

/** Where a tunnel can be taken up: stream offsets, and what is known there. */
export interface TunnelStanding {
  readonly client: number;
  readonly server: number;
  readonly state: TunnelState;
}

/** Takes what follows an upgrade, in order. Never throws. */
export interface Tunnel {
  /** Whether calls may be in it, so that a successor must take it up; else it is read to count messages. */
  readonly carriesCalls: boolean;
  /** Calls or other exchanges that are open in it. */
  readonly open: number;
  readonly heldBytes: number;
  readonly counts: TunnelCounts;
  /** Not understood so far. */
  readonly skippedBytes: number;
  readonly standing: TunnelStanding;
  /** Nothing is open, and both sides stand between two messages. */
  readonly atRest: boolean;
  /** What follows are bytes of this probe; without a word, of the connection's. */
  readBy(probe: string): void;
  /** `bytes` is a view that is only valid during the call, of one segment. `offset`: of its first byte in the side's stream. */
  data(side: Side, bytes: Buffer, offset: number, time: Micros): void;
  gap(side: Side, missing: number): void;
  /** Bytes of this side may be missing, `missing` at most as far as known; where isn't known, but before `offset`. */
  lose(side: Side, missing: number, offset: number): void;
  /** What is open ends as `limit`; `forMemory`: and all memory is given back that can be. */
  shed(forMemory: boolean): void;
  /** The connection has ended, in this way. */
  end(reason: ExchangeEnd): void;
}

/** Looks for a tunnel in a connection of which the beginning wasn't seen, while nothing tells what it speaks. */
export interface TunnelSniffer {
  /** The next segment of a side. `reversed`: it is one, and the other end is the client; only where `rolesOpen`. */
  sees(side: Side, bytes: Buffer, rolesOpen: boolean): 'no' | 'socket' | 'reversed';
}

/** Takes the decoded (transfer and content coding undone) bytes of one body, in order. */
export interface BodyConsumer {
  /** `bytes` is a view that is only valid during the call unless it is copied. */
  data(bytes: Buffer, time: Micros): void;
  /** Several pieces of a frame, in the place of `data` for each of them. Absent: it is given each. */
  pieces?(pieces: BodyPieces): void;
  /** `missing` bytes of the body were not captured (0: unknown number). With a content coding nothing more follows. */
  gap(missing: number): void;
}

/** The layer above HTTP. Calls come in stream order; a handler never throws. */
export interface ExchangeHandler {
  /** The request's head is known. Return null to have the body skipped (its bytes are still counted). */
  onRequest(exchange: Exchange): BodyConsumer | null;
  /** The request's last byte was seen (or its end is known to be lost). Always before `onEnd`, not always before `onResponse`. */
  onRequestEnd(exchange: Exchange): void;
  /** The final response's head is known. Also called for an exchange whose request was never seen. */
  onResponse(exchange: Exchange): BodyConsumer | null;
  /** It lasts too long to be waited with: it may be told of as it stands, with its end as a limit's. What comes is read on. Before `onEnd`. */
  onProvisional?(exchange: Exchange): void;
  /** Nothing more will come. Called exactly once for every exchange. */
  onEnd(exchange: Exchange): void;
  /** The connection changes its protocol with this exchange. Returns who reads what follows from these stream offsets on; null: nobody. */
  onUpgrade?(exchange: Exchange, client: number, server: number): Tunnel | null;
  /** For a connection that is joined in its middle. */
  sniffer?(): TunnelSniffer;
  /** The connection is a WebSocket that was joined in its middle. As `onUpgrade`. */
  onJoin?(connection: ConnectionInfo, client: number, server: number, version: '1.1' | '2'): Tunnel | null;
  /** A tunnel goes on that another handler has read up to these stream offsets. `state`: as that one encoded it. */
  onResume?(connection: ConnectionInfo, client: number, server: number, state: Buffer): Tunnel | null;
}
