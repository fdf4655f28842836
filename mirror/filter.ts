/**
 * Between reassembly and frames: finds out who is the client where no handshake told, keeps HTTP and drops the rest.
 */
import {
  IS_REQUEST,
  NOT_REQUEST,
  requestLineState,
  startsFrames,
  startsRequestLine,
  startsResponse,
  startsServerPreface,
  startsStatusLine,
} from './content.ts';
import type { Framer } from './framer.ts';
import { LOSS_NOT_HTTP, type LossCounter } from './losses.ts';
import type { CaptureOptions } from './options.ts';
import {
  CLIENT_A,
  CLIENT_B,
  CLIENT_UNKNOWN,
  type Connection,
  SNIFF_DROPPED,
  SNIFF_KEPT,
  SNIFF_OPEN,
} from './tcp/connection.ts';
import type { SegmentSink } from './tcp/delivery.ts';
import type { Stream } from './tcp/stream.ts';

export class HttpFilter implements SegmentSink {
  /** Capture clock, set by the tracker before anything is delivered. */
  now = 0;
  readonly #framer: Framer;
  readonly #losses: LossCounter;
  readonly #joinedBytesMax: number;

  constructor(options: CaptureOptions, framer: Framer, losses: LossCounter) {
    this.#framer = framer;
    this.#losses = losses;
    this.#joinedBytesMax = options.sniffJoinedBytesMax;
  }

  data(c: Connection, from: Stream, bytes: Buffer, start: number, length: number, time: number, gap: number): void {
    if (c.sniff === SNIFF_DROPPED) {
      this.#losses.add(LOSS_NOT_HTTP, 1, length);
      return;
    }
    const wanted =
      (c.sniff === SNIFF_KEPT && c.client !== CLIENT_UNKNOWN) || this.#inspect(c, from, bytes, start, length, gap);
    this.#framer.data(c, from, bytes, start, length, time, gap, this.now);
    if (!wanted) this.#drop(c);
  }

  end(c: Connection, from: Stream, kind: 'fin' | 'rst', time: number, gap: number): void {
    if (c.sniff !== SNIFF_DROPPED) this.#framer.end(c, from, kind, time, gap, this.now);
  }

  loss(c: Connection, reason: number, packets: number, bytes: number): void {
    if (c.sniff === SNIFF_DROPPED) return; // What is missing of something unwanted isn't missed.
    this.#losses.add(reason, packets, bytes);
    this.#framer.loss(c, reason, packets, bytes, this.now);
  }

  #inspect(c: Connection, from: Stream, bytes: Buffer, start: number, length: number, gap: number): boolean {
    if (!c.handshake) return this.#inspectJoined(c, from, bytes, start, length);
    // With its first bytes missing nothing can be said about a connection.
    if (gap > 0) c.sniff = SNIFF_KEPT;
    if (c.sniff === SNIFF_KEPT) return true;
    if (from !== c.fromClient) return c.sniffState > 0 || serverBegins(from, bytes, start, length);
    c.sniffState = requestLineState(c.sniffState, bytes, start, length);
    if (c.sniffState === IS_REQUEST) c.sniff = SNIFF_KEPT;
    return c.sniffState !== NOT_REQUEST;
  }

  /** In the middle of a connection any segment may be the first that begins like HTTP. */
  #inspectJoined(c: Connection, from: Stream, bytes: Buffer, start: number, length: number): boolean {
    const request = startsRequestLine(bytes, start, length);
    if (request || startsStatusLine(bytes, start, length)) {
      c.sniff = SNIFF_KEPT;
      if (c.client === CLIENT_UNKNOWN) {
        c.client = request === (from === c.a) ? CLIENT_A : CLIENT_B;
        c.rolesSource = 'content';
      }
    }
    // Which side it is, the frames tell those who read them.
    if (c.sniff === SNIFF_OPEN && startsFrames(bytes, start, length)) c.sniff = SNIFF_KEPT;
    if (c.sniff !== SNIFF_OPEN) return true;
    c.sniffState += length;
    return c.sniffState <= this.#joinedBytesMax || c.a.emitted === 0 || c.b.emitted === 0;
  }

  #drop(c: Connection): void {
    c.sniff = SNIFF_DROPPED;
    const packets = c.pending === null ? 0 : c.pending.segments.length;
    const bytes = this.#framer.abandon(c, LOSS_NOT_HTTP, this.now);
    this.#losses.add(LOSS_NOT_HTTP, packets, bytes);
  }
}

/** A server that speaks before its client may only say what HTTP/2 servers say; once it has begun, the client's first bytes decide. */
function serverBegins(from: Stream, bytes: Buffer, start: number, length: number): boolean {
  if (startsResponse(bytes, start, length)) return true;
  return from.emitted > length || startsServerPreface(bytes, start, length);
}
