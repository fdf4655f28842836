/**
 * One direction's permessage-deflate (RFC 7692 section 7.2.2): a message is a raw deflate stream (RFC 1951) whose last four
 * bytes, 00 00 ff ff, were left out. With context takeover it may refer to the last 32 KiB of what the messages before it
 * inflated to. That window is kept here and given to zlib as the dictionary of each message, so that nothing hidden in zlib
 * outlives a message: a successor can be told the window, and reads on.
 */
import { constants, inflateRawSync } from 'node:zlib';
import type { SocketLimits } from './options.ts';

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const WINDOW_BITS = 15;
const WINDOW_BYTES = 1 << WINDOW_BITS;
/** Memory that zlib is given at once for its output. */
const CHUNK_BYTES_MIN = 1024;
const CHUNK_BYTES_MAX = 64 * 1024;
const NOTHING = Buffer.alloc(0);

export type InflateFailure = 'damage' | 'limit' | 'context';

/**
 * The last 32 KiB of text. Views of it that were given out stay as they are: text is only added behind them, and when the memory
 * is full, new memory begins with the last 32 KiB.
 */
class Window {
  #buffer: Buffer;
  #end: number;

  constructor(text: Buffer) {
    this.#buffer = text;
    this.#end = text.length;
  }

  get heldBytes(): number {
    return this.#buffer.length;
  }

  get view(): Buffer {
    return this.#buffer.subarray(Math.max(0, this.#end - WINDOW_BYTES), this.#end);
  }

  add(text: Buffer): void {
    const more = text.subarray(Math.max(0, text.length - WINDOW_BYTES));
    if (this.#end + more.length > this.#buffer.length) {
      const kept = this.view;
      this.#buffer = Buffer.allocUnsafeSlow(2 * WINDOW_BYTES);
      this.#end = kept.copy(this.#buffer);
    }
    this.#end += more.copy(this.#buffer, this.#end);
  }
}

export class MessageInflate {
  readonly #context: boolean;
  /** Nobody knows whether messages refer back. One that can be read with what is known refers to nothing else. */
  readonly #unknown: boolean;
  readonly #limits: SocketLimits;
  /** Null: what it held is lost, and nothing that refers to it can be read. */
  #window: Window | null;
  /** What the message that was read last adds to the window; null: nobody knows. */
  #added: Buffer | null = NOTHING;

  /** `context`: messages refer back. `window`: what is known of the messages before. */
  constructor(context: boolean | 'unknown', limits: SocketLimits, window: Buffer | null = NOTHING) {
    this.#context = context !== false;
    this.#unknown = context === 'unknown';
    this.#limits = limits;
    this.#window =
      window === null && context === true ? null : new Window(this.#context ? (window ?? NOTHING) : NOTHING);
  }

  get heldBytes(): number {
    return this.#window?.heldBytes ?? 0;
  }

  /** What the next message may refer to. */
  get window(): Buffer | null {
    return this.#window === null ? null : this.#window.view;
  }

  /** The message's bytes, or why they can't be had. Never throws. `whole` false: `payload` is only its beginning. */
  read(payload: Buffer, whole: boolean): Buffer | InflateFailure {
    this.#added = null;
    if (this.#window === null) return 'context';
    const { messageBytesMax, inflatedRatioMax, inflatedFloorBytes } = this.#limits;
    const bytesMax = Math.min(messageBytesMax, Math.max(inflatedFloorBytes, payload.length * inflatedRatioMax));
    const result = inflate(whole ? Buffer.concat([payload, TAIL]) : payload, this.#window.view, bytesMax);
    if (whole && typeof result !== 'string') this.#added = result;
    return result === 'damage' && this.#unknown ? 'context' : result;
  }

  /** The message isn't read. */
  skip(): void {
    this.#added = null;
  }

  /** The message that came last is done with: the next one refers back to it. `compressed`: it is part of what is referred to. */
  accept(compressed: boolean): void {
    if (!this.#context || !compressed) return;
    if (this.#added === null) this.lose();
    else this.#window?.add(this.#added);
  }

  /** A message wasn't read: what the next ones refer to isn't known. */
  lose(): void {
    if (this.#context) this.#window = this.#unknown ? new Window(NOTHING) : null;
  }
}

/** `info` makes Node return the engine, too, which tells how much it read. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function inflate(bytes: Buffer, dictionary: Buffer, bytesMax: number): Buffer | InflateFailure {
  const options = {
    ...{ chunkSize: Math.min(CHUNK_BYTES_MAX, CHUNK_BYTES_MIN + bytes.length * 8) },
    ...{ windowBits: WINDOW_BITS, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: bytesMax, info: true },
    ...(dictionary.length === 0 ? {} : { dictionary }),
  };
  try {
    const { buffer, engine } = inflateRawSync(bytes, options) as unknown as Inflated;
    // A final block ends the stream before the tail (section 7.2.3.4); more than a padding byte behind it isn't read.
    return engine.bytesWritten < bytes.length - TAIL.length - 1 ? 'damage' : buffer;
  } catch (error) {
    return error instanceof RangeError ? 'limit' : 'damage';
  }
}
