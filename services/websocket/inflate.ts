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
const NOTHING = Buffer.alloc(0);

export type InflateFailure = 'damage' | 'limit' | 'context';

export class MessageInflate {
  readonly #context: boolean;
  readonly #limits: SocketLimits;
  /** Null: what it held is lost, and nothing that refers to it can be read. */
  #window: Buffer | null;
  /** The window as it will be once `accept` is called. */
  #next: Buffer | null;

  /** `context`: messages refer back. `window`: what is known of the messages before. */
  constructor(context: boolean, limits: SocketLimits, window: Buffer | null = NOTHING) {
    this.#context = context;
    this.#limits = limits;
    this.#window = context ? window : NOTHING;
    this.#next = this.#window;
  }

  get window(): Buffer | null {
    return this.#window;
  }

  /** The message's bytes, or why they can't be had. Never throws. `whole` false: `payload` is only its beginning. */
  read(payload: Buffer, whole: boolean): Buffer | InflateFailure {
    const window = this.#window;
    this.#next = null;
    if (window === null) return 'context';
    const { messageBytesMax, inflatedRatioMax, inflatedFloorBytes } = this.#limits;
    const bytesMax = Math.min(messageBytesMax, Math.max(inflatedFloorBytes, payload.length * inflatedRatioMax));
    const result = inflate(whole ? Buffer.concat([payload, TAIL]) : payload, window, bytesMax);
    if (this.#context && whole && typeof result !== 'string') this.#next = slide(window, result);
    return result;
  }

  /** The message isn't read. */
  skip(): void {
    this.#next = null;
  }

  /** The message that was read last is done with: the next one refers back to it. */
  accept(): void {
    if (this.#context) this.#window = this.#next;
  }

  /** A message wasn't read: what the next ones refer to isn't known. */
  lose(): void {
    if (this.#context) this.#window = null;
  }
}

/** `info` makes Node return the engine, too, which tells how much it read. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function inflate(bytes: Buffer, dictionary: Buffer, bytesMax: number): Buffer | InflateFailure {
  const options = {
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

function slide(window: Buffer, more: Buffer): Buffer {
  if (more.length === 0) return window;
  if (more.length >= WINDOW_BYTES) return Buffer.from(more.subarray(more.length - WINDOW_BYTES));
  const kept = Math.min(window.length, WINDOW_BYTES - more.length);
  return Buffer.concat([window.subarray(window.length - kept), more]);
}
