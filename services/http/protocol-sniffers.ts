/** Who looks at a connection's bytes while nothing tells what it speaks: it was joined in its middle, or its beginning is lost. */
import type { Side } from '../../schemas/frame.ts';
import type { ExchangeHandler, TunnelSniffer } from './exchange.ts';
import { Http2Sniffer } from './h2/sniffer.ts';

export class ProtocolSniffers {
  readonly #handler: ExchangeHandler;
  /** Null: nobody looks. */
  http2: Http2Sniffer | null = null;
  #socket: TunnelSniffer | null = null;

  constructor(handler: ExchangeHandler) {
    this.#handler = handler;
  }

  get heldBytes(): number {
    return this.http2?.heldBytes ?? 0;
  }

  get lookForSockets(): boolean {
    return this.#socket !== null;
  }

  /** Goes on when they look already. */
  begin(): void {
    this.http2 ??= new Http2Sniffer();
    this.#socket ??= this.#handler.sniffer?.() ?? null;
  }

  /** It is known what the connection speaks. */
  end(): void {
    this.http2 = null;
    this.#socket = null;
  }

  /** Bytes of a side that are held: they may be read again. */
  length(fromClient: boolean): number {
    return this.http2?.length(fromClient) ?? 0;
  }

  gap(fromClient: boolean): void {
    this.http2?.gap(fromClient);
  }

  /** The other end is the client. */
  swap(): void {
    this.http2?.swap();
  }

  /** Whether a segment is a WebSocket's; as TunnelSniffer has it. */
  seesSocket(side: Side, bytes: Buffer, rolesOpen: boolean): 'no' | 'socket' | 'reversed' {
    return this.#socket?.sees(side, bytes, rolesOpen) ?? 'no';
  }
}
