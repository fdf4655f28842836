/**
 * Looks for HTTP/2 in a connection of which the beginning wasn't seen, as long as nobody knows what it speaks. What may be the
 * beginning of a frame is held, by either side.
 */
import { FrameSearch } from './frame-search.ts';

const STREAM_ID_MAX = 0x7fff_ffff;

interface Held {
  readonly bytes: Buffer;
  readonly time: number;
}

export class Http2Sniffer {
  readonly #sides = { client: new FrameSearch(), server: new FrameSearch() };

  /** Bytes of a side that are held. */
  length(fromClient: boolean): number {
    return this.#side(fromClient).length;
  }

  get heldBytes(): number {
    return this.#sides.client.heldBytes + this.#sides.server.heldBytes;
  }

  /** The next bytes of a side. True: they are HTTP/2. */
  sees(fromClient: boolean, buffer: Buffer, start: number, end: number, time: number): boolean {
    return this.#side(fromClient).sees(buffer, start, end, time, STREAM_ID_MAX);
  }

  /** What follows doesn't follow directly. */
  gap(fromClient: boolean): void {
    this.#side(fromClient).clear();
  }

  /** The other end is the client. */
  swap(): void {
    [this.#sides.client, this.#sides.server] = [this.#sides.server, this.#sides.client];
  }

  /** What is held of a side, as it came. */
  take(fromClient: boolean): readonly Held[] {
    return this.#side(fromClient).take();
  }

  #side(fromClient: boolean): FrameSearch {
    return fromClient ? this.#sides.client : this.#sides.server;
  }
}
