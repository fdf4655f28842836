/**
 * Is it HTTP? Judged by the first bytes of a side, or in the middle of a connection by those of a segment.
 *
 *   request line (RFC 9112 section 3): method SP request-target SP HTTP-version; an empty line before it is tolerated
 *   status line  (RFC 9112 section 4): "HTTP/1." …
 *   HTTP/2 preface (RFC 9113 section 3.4): "PRI * HTTP/2.0", which has the form of a request line; its server begins with
 *   SETTINGS, perhaps before it has heard anything
 *   HTTP/2 frames (RFC 9113 section 4.1), in the middle
 */
import {
  DATA,
  FRAME_HEAD_BYTES,
  frameEnd,
  HEADERS,
  judgeHead,
  PING,
  PLAUSIBLE,
  WINDOW_UPDATE,
} from '../services/http/h2/frame.ts';
import { mayBeServerPreface, SERVER_PREFACE_BYTES } from '../services/http/h2/server-preface.ts';

const METHOD_CHARS_MAX = 32;
/** States of RequestLine besides the number of method characters seen. */
const AFTER_METHOD = 100;
export const IS_REQUEST = 1000;
export const NOT_REQUEST = -1;

/** One step over the beginning of a client's bytes. Begin with state 0; IS_REQUEST and NOT_REQUEST are final. */
export function requestLineStep(state: number, byte: number): number {
  if (state === AFTER_METHOD) return isTargetStart(byte) ? IS_REQUEST : NOT_REQUEST;
  if (state === 0 && (byte === 13 || byte === 10)) return 0;
  if (byte === 32) return state > 0 ? AFTER_METHOD : NOT_REQUEST;
  // Methods are upper case; "-" and "_" are in a few (M-SEARCH).
  const isMethodChar = (byte >= 65 && byte <= 90) || byte === 45 || byte === 95;
  return isMethodChar && state < METHOD_CHARS_MAX ? state + 1 : NOT_REQUEST;
}

/** "/", "*", the host of CONNECT or the scheme of a proxy request. */
function isTargetStart(byte: number): boolean {
  return (
    byte === 47 ||
    byte === 42 ||
    byte === 91 ||
    (byte >= 48 && byte <= 57) ||
    (byte >= 65 && byte <= 90) ||
    (byte >= 97 && byte <= 122)
  );
}

/** Runs over `bytes[start … start + length)` from `state`. */
export function requestLineState(state: number, bytes: Buffer, start: number, length: number): number {
  let current = state;
  for (let at = start; at < start + length; at++) {
    current = requestLineStep(current, bytes[at]!);
    if (current === IS_REQUEST || current === NOT_REQUEST) return current;
  }
  return current;
}

/** True when a segment begins like a request, all of it within the segment. */
export function startsRequest(bytes: Buffer, start: number, length: number): boolean {
  return requestLineState(0, bytes, start, length) === IS_REQUEST;
}

/** Longest request line that is looked through. */
const LINE_BYTES_MAX = 16 * 1024;
const VERSION = Buffer.from(' HTTP/', 'latin1');

/**
 * True when a segment begins with a whole request line, its version included. For the middle of a connection, where any text may
 * begin a segment: "I am" looks like a method and a target.
 */
export function startsRequestLine(bytes: Buffer, start: number, length: number): boolean {
  if (!startsRequest(bytes, start, length)) return false;
  const lineEnd = bytes.indexOf(10, start);
  if (lineEnd < 0 || lineEnd >= start + Math.min(length, LINE_BYTES_MAX)) return false;
  // " HTTP/1.1", perhaps with a CR behind it.
  const version = lineEnd - (bytes[lineEnd - 1] === 13 ? 1 : 0) - VERSION.length - 3;
  return version > start && bytes.compare(VERSION, 0, VERSION.length, version, version + VERSION.length) === 0;
}

const STATUS_LINE = Buffer.from('HTTP/1.', 'latin1');

/** True when a segment begins with a status line, or could (it is shorter). */
export function startsResponse(bytes: Buffer, start: number, length: number): boolean {
  const compared = Math.min(length, STATUS_LINE.length);
  for (let at = 0; at < compared; at++) if (bytes[start + at] !== STATUS_LINE[at]) return false;
  return compared > 0;
}

/** "HTTP/1.1 200" */
const STATUS_LINE_BYTES_MIN = 12;

/** True when a segment begins with a status line, its status code included: a cut request line may begin a segment with "HTTP/1.1", too. */
export function startsStatusLine(bytes: Buffer, start: number, length: number): boolean {
  if (length < STATUS_LINE_BYTES_MIN || !startsResponse(bytes, start, length) || bytes[start + 8] !== 32) return false;
  for (let at = start + 9; at < start + STATUS_LINE_BYTES_MIN; at++)
    if (bytes[at]! < 48 || bytes[at]! > 57) return false;
  return true;
}

/** True when a server's first bytes are HTTP/2's, or could be. */
export function startsServerPreface(bytes: Buffer, start: number, length: number): boolean {
  const compared = Math.min(length, SERVER_PREFACE_BYTES);
  return mayBeServerPreface(bytes.subarray(start, start + compared), compared);
}

const STREAM_ID_MAX = 0x7fff_ffff;
/** Types of which one frame that fills a segment exactly is no coincidence. */
const TELLING: ReadonlySet<number> = new Set([DATA, HEADERS, PING, WINDOW_UPDATE]);

/** True when a segment begins with HTTP/2 frames: a telling one that fills it, or two in a row. */
export function startsFrames(bytes: Buffer, start: number, length: number): boolean {
  const end = start + length;
  if (length < FRAME_HEAD_BYTES || judgeHead(bytes, start, end, STREAM_ID_MAX) !== PLAUSIBLE) return false;
  const next = frameEnd(bytes, start);
  if (next === end) return length > FRAME_HEAD_BYTES && TELLING.has(bytes[start + 3]!);
  return next + FRAME_HEAD_BYTES <= end && judgeHead(bytes, next, end, STREAM_ID_MAX) === PLAUSIBLE;
}

const OPENINGS = [
  'GET ',
  'POST ',
  'PUT ',
  'PATCH ',
  'DELETE ',
  'HEAD ',
  'OPTIONS ',
  'CONNECT ',
  'TRACE ',
  'HTTP/1.',
].map((text) => Buffer.from(text, 'latin1'));

/** True when a message may begin with this byte alone. */
export function mayOpenMessage(byte: number): boolean {
  return OPENINGS.some((opening) => opening[0] === byte);
}

/** True when `first` and the bytes behind it are how a message begins, as far as they go. */
export function openMessage(first: number, bytes: Buffer, start: number, length: number): boolean {
  return OPENINGS.some((opening) => {
    const compared = Math.min(length, opening.length - 1);
    return opening[0] === first && bytes.compare(opening, 1, 1 + compared, start, start + compared) === 0;
  });
}
