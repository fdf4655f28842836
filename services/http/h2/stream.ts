/** A stream while it is open: the exchange that it carries, and what only this layer needs to know of it. */
import type { BodyConsumer, Message, Tunnel } from '../exchange.ts';
import type { OpenExchange } from '../open-exchange.ts';
import type { GrpcCounter } from './grpc.ts';
import type { Snapshot } from './snapshot.ts';

/** One message of a stream, on its way. */
export class StreamSide {
  sink: BodyConsumer | null = null;
  grpc: GrpcCounter | null = null;
  /** Length of the body that its head tells; -1 = none told. */
  contentLength = -1;
  /** Bytes that are known to be missing of this body. */
  missing = 0;
  /** Something of it may have been lost, its end as well. */
  doubt = false;
  /** … and its consumer doesn't know yet. */
  untold = false;
}

export class Http2Stream {
  readonly id: number;
  /** Where the connection stood before the stream began. */
  readonly snapshot: Snapshot;
  /** Null while neither head could be read. */
  exchange: OpenExchange | null = null;
  readonly request = new StreamSide();
  readonly response = new StreamSide();
  /** Reads the stream, once it is a WebSocket. */
  tunnel: Tunnel | null = null;
  /** Bytes are missing in which one side may have broken it off. */
  mayBeReset = false;
  /** When its last frame came, of either side, µs. */
  seen = 0;

  constructor(id: number, snapshot: Snapshot) {
    this.id = id;
    this.snapshot = snapshot;
  }
}

/** The body's length is told, and all of it has come or is known to be missing. */
export function isWholeByLength({ contentLength, missing }: StreamSide, { bodyBytes }: Message): boolean {
  return contentLength >= 0 && bodyBytes + missing >= contentLength;
}
