/** Streams of which no head was seen: whether one is a WebSocket, its content tells. */
import type { ExchangeHandler, TunnelSniffer } from '../exchange.ts';
import { mayBeStray, type StreamsKnown } from './snapshot.ts';

/** Streams that are looked at; of more the oldest is forgotten. */
const STREAMS_MAX = 64;

export class StreamJoins {
  readonly #handler: ExchangeHandler;
  readonly #sniffers = new Map<number, TunnelSniffer>();

  constructor(handler: ExchangeHandler) {
    this.#handler = handler;
  }

  /** Whether there may be streams whose heads weren't seen. */
  mayCome({ doubt, unseen }: StreamsKnown): boolean {
    return doubt || unseen.length > 0;
  }

  /** Content of a stream that isn't open. True: it is a WebSocket. */
  sees(fromClient: boolean, stream: number, bytes: Buffer, known: StreamsKnown): boolean {
    if (!mayBeStray(known, stream)) return false;
    const sniffer = this.#sniffers.get(stream) ?? this.#begin(stream);
    if (sniffer?.sees(fromClient ? 'client' : 'server', bytes, false) !== 'socket') return false;
    this.#sniffers.delete(stream);
    return true;
  }

  #begin(stream: number): TunnelSniffer | null {
    const sniffer = this.#handler.sniffer?.() ?? null;
    if (sniffer === null) return null;
    for (const oldest of this.#sniffers.keys()) {
      if (this.#sniffers.size < STREAMS_MAX) break;
      this.#sniffers.delete(oldest);
    }
    this.#sniffers.set(stream, sniffer);
    return sniffer;
  }
}
