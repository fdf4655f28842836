/** WebSocket frames of one direction (RFC 6455 section 5), with permessage-deflate (RFC 7692). It shares no code with the reader. */
import { constants, deflateRawSync } from 'node:zlib';
import type { Random } from './random.ts';

/** Null: no compression. Else whether messages refer back to the ones before. */
export type Context = boolean | null;

const TEXT = 1;
const PING = 9;
const WINDOW_BYTES = 32_768;

export interface WrittenMessage {
  readonly bytes: Buffer;
  /** All its frames' payload. */
  readonly payloadBytes: number;
}

export class FrameWriter {
  readonly #masked: boolean;
  readonly #context: Context;
  readonly #random: Random;
  #window: Buffer = Buffer.alloc(0);

  constructor(masked: boolean, context: Context, random: Random) {
    this.#masked = masked;
    this.#context = context;
    this.#random = random;
  }

  /** A text message, in one frame or several, perhaps with pings between them. */
  message(text: string): WrittenMessage {
    const random = this.#random;
    const compressed = this.#context !== null && random.chance(0.9);
    const payload = compressed ? this.#deflate(Buffer.from(text)) : Buffer.from(text);
    const count = random.chance(0.1) ? random.int(2, 4) : 1;
    const cuts = Array.from({ length: count - 1 }, () => random.int(0, payload.length)).sort((a, b) => a - b);
    const borders = [0, ...cuts, payload.length];
    const frames: Buffer[] = [];
    for (let n = 0; n < count; n++) {
      if (n > 0 && random.chance(0.3)) frames.push(this.#frame(0x80 | PING, Buffer.from('beat')));
      const first = n === 0 ? TEXT | (compressed ? 0x40 : 0) : 0;
      frames.push(this.#frame(first | (n === count - 1 ? 0x80 : 0), payload.subarray(borders[n]!, borders[n + 1]!)));
    }
    return { bytes: Buffer.concat(frames), payloadBytes: payload.length };
  }

  close(code: number): Buffer {
    return this.#frame(0x88, Buffer.from([code >> 8, code & 0xff]));
  }

  #deflate(text: Buffer): Buffer {
    const dictionary = this.#context === true && this.#window.length > 0 ? { dictionary: this.#window } : {};
    const bytes = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH, ...dictionary });
    this.#window = Buffer.concat([this.#window, text]).subarray(-WINDOW_BYTES);
    return bytes.subarray(0, -4);
  }

  #frame(first: number, payload: Buffer): Buffer {
    const { length } = payload;
    const mask = this.#masked ? 0x80 : 0;
    let head: Buffer;
    if (length < 126) head = Buffer.from([first, mask | length]);
    else if (length < 65_536) head = Buffer.from([first, mask | 126, length >> 8, length & 0xff]);
    else {
      head = Buffer.alloc(10);
      head[0] = first;
      head[1] = mask | 127;
      head.writeBigUInt64BE(BigInt(length), 2);
    }
    if (!this.#masked) return Buffer.concat([head, payload]);
    const key = Buffer.from(this.#random.hex(8), 'hex');
    return Buffer.concat([head, key, payload.map((byte, at) => byte ^ key[at & 3]!)]);
  }
}
