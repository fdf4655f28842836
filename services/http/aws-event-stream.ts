/**
 * Messages of `application/vnd.amazon.eventstream` from the bytes of a body, incremental (Smithy, "Amazon Event Stream
 * specification"). All numbers are big-endian.
 *
 *      0         4           8           12                         total-4   total
 *     +---------+-----------+-----------+-- … --+------- … --------+----------+
 *     | total   | headers   | CRC32 of  | headers | payload          | CRC32 of |
 *     | bytes   | bytes     | 0 … 8     |         |                  | 0 … -4   |
 *     +---------+-----------+-----------+-- … --+------- … --------+----------+
 *
 *     header = name-length(1) name type(1) value       string, bytes = length(2) octets
 *
 * Both checksums are checked. Behind damage or a gap the next place is looked for whose first eight bytes have the checksum
 * that follows them.
 */
import { crc32 } from 'node:zlib';
import type { Micros } from '../common/types.ts';

/** Headers with text, by name. Others are left out. */
export type EventHeaders = ReadonlyMap<string, string>;

/** `payload` is a view that is only valid during the call. `time`: of the bytes that completed the message. */
export type EventStreamHandler = (headers: EventHeaders, payload: Buffer, time: Micros) => void;

const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** The specification's own bound on headers. */
const HEADERS_BYTES_MAX = 128 * 1024;
const HELD_BYTES_FIRST = 4096;
const EMPTY = Buffer.alloc(0);

const STRING = 7;
/** Bytes of a value by its type; -1: a length of two bytes stands before it. */
const VALUE_BYTES: readonly number[] = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16];

/** Null when they don't fit into their place. */
export function readHeaders(bytes: Buffer): EventHeaders | null {
  const headers = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const nameEnd = at + 1 + bytes[at]!;
    const type = bytes[nameEnd];
    const fixed = type === undefined ? undefined : VALUE_BYTES[type];
    if (fixed === undefined) return null;
    const from = nameEnd + 1 + (fixed < 0 ? 2 : 0);
    if (from > bytes.length) return null;
    const to = from + (fixed < 0 ? bytes.readUInt16BE(nameEnd + 1) : fixed);
    if (to > bytes.length) return null;
    if (type === STRING) headers.set(bytes.toString('latin1', at + 1, nameEnd), bytes.toString('utf8', from, to));
    at = to;
  }
  return headers;
}

export class AwsEventStreamParser {
  messages = 0;
  /** Dropped for damage, a gap or the limit; a stretch of damage counts once. */
  dropped = 0;
  readonly #onMessage: EventStreamHandler;
  readonly #messageBytesMax: number;
  #held = EMPTY;
  #length = 0;
  #searching = false;

  constructor(onMessage: EventStreamHandler, messageBytesMax: number) {
    this.#onMessage = onMessage;
    this.#messageBytesMax = messageBytesMax;
  }

  get heldBytes(): number {
    return this.#held.length;
  }

  data(bytes: Buffer, time: Micros): void {
    if (this.#length === 0) {
      const used = this.#read(bytes, time);
      this.#keep(bytes.subarray(used));
      return;
    }
    this.#keep(bytes);
    const used = this.#read(this.#held.subarray(0, this.#length), time);
    this.#held.copyWithin(0, used, this.#length);
    this.#length -= used;
  }

  /** Bytes are missing here: the message that they belong to is lost. */
  gap(): void {
    this.#length = 0;
    this.#lose();
  }

  /** The stream's end. A message that isn't whole was never sent to its end: nothing of it was missed. */
  end(): void {
    this.#held = EMPTY;
    this.#length = 0;
  }

  #lose(): void {
    if (!this.#searching) this.dropped++;
    this.#searching = true;
  }

  /** Hands out the whole messages and returns how many bytes are done with. */
  #read(bytes: Buffer, time: Micros): number {
    let at = 0;
    while (bytes.length - at >= PRELUDE_BYTES) {
      const total = bytes.readUInt32BE(at);
      const headersBytes = bytes.readUInt32BE(at + 4);
      if (!this.#isPrelude(bytes, at, total, headersBytes)) {
        this.#lose();
        at++;
        continue;
      }
      if (bytes.length - at < total) return at;
      this.#message(bytes.subarray(at, at + total), headersBytes, time);
      at += total;
    }
    return at;
  }

  #isPrelude(bytes: Buffer, at: number, total: number, headersBytes: number): boolean {
    if (total > this.#messageBytesMax || headersBytes > HEADERS_BYTES_MAX) return false;
    if (total < PRELUDE_BYTES + headersBytes + CHECKSUM_BYTES) return false;
    return crc32(bytes.subarray(at, at + 8)) === bytes.readUInt32BE(at + 8);
  }

  #message(message: Buffer, headersBytes: number, time: Micros): void {
    const end = message.length - CHECKSUM_BYTES;
    const headersEnd = PRELUDE_BYTES + headersBytes;
    const sound = crc32(message.subarray(0, end)) === message.readUInt32BE(end);
    const headers = sound ? readHeaders(message.subarray(PRELUDE_BYTES, headersEnd)) : null;
    this.#searching = false;
    if (headers === null) {
      this.dropped++;
      return;
    }
    this.messages++;
    this.#onMessage(headers, message.subarray(headersEnd, end), time);
  }

  #keep(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(HELD_BYTES_FIRST, 2 * length));
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#length);
    this.#length = length;
  }
}
