/** An HTTP/1.1 message as timed bytes (RFC 9112), with the offsets that the manifest needs. */
import { hash } from 'node:crypto';
import { type Coding, codingName, encode } from './body-coding.ts';
import type { Random } from './random.ts';

/** `length`: Content-Length. `close`: until the connection closes. `none`: no body at all. */
export type Framing = 'length' | 'chunked' | 'close' | 'none';

export interface BodyPiece {
  readonly text: string | Buffer;
  /** Since the piece before it, µs. */
  readonly delayUs: number;
}

export interface MessagePlan {
  readonly startLine: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly pieces: readonly BodyPiece[];
  readonly coding: Coding;
  readonly framing: Framing;
  /** Chunks as the pieces are, or of odd lengths that fall anywhere. */
  readonly oddChunks: boolean;
  readonly extensions: boolean;
  readonly trailers: boolean;
  /** Index of the piece with the first token; -1 = none. */
  readonly tokenPiece: number;
  /** Cut the message after this many pieces and half of the next; -1 = don't. */
  readonly cutAfter: number;
  /** The last chunk (`0`) is never sent. */
  readonly withoutLastChunk: boolean;
}

export interface TimedBytes {
  readonly bytes: Buffer;
  /** Since the message's beginning, µs. */
  readonly atUs: number;
}

export interface WireMessage {
  readonly parts: readonly TimedBytes[];
  readonly length: number;
  /** After transfer decoding, before content decoding, as far as sent. */
  readonly bodyBytes: number;
  /** Offset of the last byte of the first token's event; -1 = none. */
  readonly tokenOffset: number;
  /** Offsets [from, to) between which no packet may be cut, so that the moment at which a token can be read is beyond doubt. */
  readonly keep: readonly (readonly [number, number])[];
  /** SHA-256 (hex) of the body before content coding; '' when it is cut. */
  readonly bodySha256: string;
  /** Ends where the connection ends. */
  readonly untilClose: boolean;
  /** What it was built from: other protocols carry the same message in other clothes. Null: it isn't of HTTP. */
  readonly plan: MessagePlan | null;
}

interface Framed {
  readonly parts: TimedBytes[];
  /** Offset on the wire of a body offset, the head not counted. */
  readonly wireOffset: (bodyOffset: number) => number;
}

function plainBody(pieces: readonly TimedBytes[]): Framed {
  return { parts: [...pieces], wireOffset: (offset) => offset };
}

/** When the byte at a body offset is ready. */
function readyAt(pieces: readonly TimedBytes[], offset: number): number {
  let end = 0;
  for (const piece of pieces) {
    end += piece.bytes.length;
    if (offset < end) return piece.atUs;
  }
  return pieces.at(-1)?.atUs ?? 0;
}

/** chunk = size [ext] CRLF data CRLF (RFC 9112 section 7.1). */
function chunkedBody(pieces: readonly TimedBytes[], plan: MessagePlan, random: Random): Framed {
  const body = Buffer.concat(pieces.map((piece) => piece.bytes));
  const lengths = plan.oddChunks ? oddLengths(body.length, random) : pieces.map((piece) => piece.bytes.length);
  const parts: TimedBytes[] = [];
  const starts: { body: number; wire: number }[] = [];
  let at = 0;
  let wire = 0;
  for (const length of lengths) {
    if (length === 0) continue;
    const size = random.chance(0.2) ? length.toString(16).toUpperCase() : length.toString(16);
    const extension = plan.extensions && random.chance(0.3) ? ';sig="a;b"' : '';
    const head = Buffer.from(`${size}${extension}\r\n`);
    starts.push({ body: at, wire: wire + head.length });
    const bytes = Buffer.concat([head, body.subarray(at, at + length), Buffer.from('\r\n')]);
    parts.push({ bytes, atUs: readyAt(pieces, at + length - 1) });
    at += length;
    wire += bytes.length;
  }
  const trailers = plan.trailers ? 'x-checksum: 1234\r\nx-took: 5ms\r\n' : '';
  const lastChunk = Buffer.from(`0\r\n${trailers}\r\n`);
  if (!plan.withoutLastChunk)
    parts.push({ bytes: lastChunk, atUs: (parts.at(-1)?.atUs ?? 0) + (random.chance(0.5) ? 0 : 400) });
  const wireOffset = (offset: number): number => {
    const start = starts.findLast((each) => each.body <= offset) ?? { body: 0, wire: 0 };
    return start.wire + offset - start.body;
  };
  return { parts, wireOffset };
}

function oddLengths(total: number, random: Random): number[] {
  const longest = random.pick([3, 40, 700, 5000]);
  const lengths: number[] = [];
  for (let left = total; left > 0; ) {
    const length = Math.min(left, random.int(1, longest));
    lengths.push(length);
    left -= length;
  }
  return lengths;
}

const bytesOf = ({ text }: BodyPiece): Buffer => (typeof text === 'string' ? Buffer.from(text) : text);

/** The body as it is sent, content coding applied, piece by piece. */
export function encodedPieces(plan: MessagePlan): TimedBytes[] {
  const encoded = encode(
    plan.pieces.map((piece) => bytesOf(piece)),
    plan.coding,
  );
  let atUs = 0;
  return encoded.map((bytes, index) => {
    atUs += plan.pieces[index]!.delayUs;
    return { bytes, atUs };
  });
}

function head(plan: MessagePlan, bodyBytes: number): Buffer {
  const headers = [...plan.headers];
  if (plan.coding !== 'identity') headers.push(['content-encoding', codingName(plan.coding)]);
  if (plan.framing === 'chunked') headers.push(['transfer-encoding', 'chunked']);
  if (plan.framing === 'length') headers.push(['content-length', String(bodyBytes)]);
  // HTTP/1.0 closes anyway.
  if (plan.framing === 'close' && !plan.startLine.startsWith('HTTP/1.0')) headers.push(['connection', 'close']);
  return Buffer.from(`${plan.startLine}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
}

const lengthOf = (parts: readonly TimedBytes[]): number => parts.reduce((sum, part) => sum + part.bytes.length, 0);

/** Body bytes that are on the wire before the cut: all pieces before it and half of the next. */
function cutOffset(plan: MessagePlan, pieces: readonly TimedBytes[]): number {
  const next = pieces[plan.cutAfter]?.bytes.length ?? 0;
  return lengthOf(pieces.slice(0, plan.cutAfter)) + (next >> 1);
}

/** Bytes of the encoded body that are sent. */
export function sentBytes(plan: MessagePlan): number {
  const pieces = encodedPieces(plan);
  return plan.cutAfter >= 0 ? cutOffset(plan, pieces) : lengthOf(pieces);
}

function truncate(parts: readonly TimedBytes[], length: number): TimedBytes[] {
  const kept: TimedBytes[] = [];
  let left = length;
  for (const part of parts) {
    if (left <= 0) break;
    kept.push({ bytes: part.bytes.subarray(0, left), atUs: part.atUs });
    left -= part.bytes.length;
  }
  return kept;
}

/** Parts between which a range must not be cut become one, at the later one's time. */
function joinWithin(parts: readonly TimedBytes[], keep: WireMessage['keep']): TimedBytes[] {
  const joined: TimedBytes[] = [];
  let border = 0;
  for (const part of parts) {
    const last = joined.at(-1);
    if (last !== undefined && keep.some(([from, to]) => border > from && border < to)) {
      joined[joined.length - 1] = { bytes: Buffer.concat([last.bytes, part.bytes]), atUs: part.atUs };
    } else joined.push(part);
    border += part.bytes.length;
  }
  return joined;
}

export function buildMessage(plan: MessagePlan, random: Random): WireMessage {
  const pieces = encodedPieces(plan);
  const bodyBytes = lengthOf(pieces);
  const start = head(plan, bodyBytes);
  const framed = plan.framing === 'chunked' ? chunkedBody(pieces, plan, random) : plainBody(pieces);
  let parts: TimedBytes[] = [{ bytes: start, atUs: 0 }, ...framed.parts];
  let sent = bodyBytes;
  if (plan.cutAfter >= 0) {
    sent = cutOffset(plan, pieces);
    parts = truncate(parts, start.length + framed.wireOffset(sent - 1) + 1);
  }
  if (parts.length > 1 && parts[1]!.atUs === 0) {
    const first = { bytes: Buffer.concat([parts[0]!.bytes, parts[1]!.bytes]), atUs: 0 };
    parts = [first, ...parts.slice(2)];
  }
  const bodySha256 = plan.cutAfter >= 0 ? '' : hash('sha256', Buffer.concat(plan.pieces.map(bytesOf)));
  const known = {
    parts,
    length: lengthOf(parts),
    bodyBytes: sent,
    bodySha256,
    untilClose: plan.framing === 'close',
    plan,
  };
  if (plan.tokenPiece < 0) return { ...known, tokenOffset: -1, keep: [] };
  const offset = (bodyOffset: number): number => start.length + framed.wireOffset(bodyOffset);
  const from = lengthOf(pieces.slice(0, plan.tokenPiece));
  const to = from + pieces[plan.tokenPiece]!.bytes.length;
  const keepFrom = plan.coding === 'identity' ? Math.max(from, to - 2) : from;
  const keep: readonly (readonly [number, number])[] = [[offset(keepFrom), offset(to - 1) + 1]];
  return { ...known, parts: joinWithin(parts, keep), tokenOffset: offset(to - 1), keep };
}
