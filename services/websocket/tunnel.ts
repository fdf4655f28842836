/**
 * A connection after its upgrade to WebSocket: both directions' messages in the order in which they came, for one consumer,
 * and where a successor can take it up.
 *
 * That is the last moment at which nothing was open: what began with an earlier message is told by messages that a successor
 * must then see as well. At that moment both directions stood between two messages.
 */
import type { Side } from '../../schemas/frame.ts';
import type { Micros } from '../common/types.ts';
import type { ExchangeEnd, Tunnel, TunnelCounts, TunnelStanding } from '../http/exchange.ts';
import { contextsOf, type Deflate } from './extension.ts';
import type { MessageConsumer, SocketMessage } from './message.ts';
import { type DirectionState, MessageReader, type ReaderOwner } from './message-reader.ts';
import type { SocketLimits } from './options.ts';
import { SocketState } from './state.ts';

/** What stays the same for the whole connection. */
export interface SocketSetup {
  readonly deflate: Deflate | null | 'unknown';
  /** What the consumer's maker must know to make another one for a successor. JSON. */
  readonly origin: object;
  readonly carriesCalls: boolean;
}

export class SocketTunnel implements Tunnel, ReaderOwner {
  readonly #setup: SocketSetup;
  readonly #consumer: MessageConsumer;
  readonly #client: MessageReader;
  readonly #server: MessageReader;
  /** Before what is open now began. */
  #quiet: TunnelStanding;
  #over = false;

  constructor(
    setup: SocketSetup,
    limits: SocketLimits,
    consumer: MessageConsumer,
    client: DirectionState,
    server: DirectionState,
  ) {
    this.#setup = setup;
    this.#consumer = consumer;
    const contexts = contextsOf(setup.deflate);
    this.#client = new MessageReader('client', contexts.client, limits, this, client);
    this.#server = new MessageReader('server', contexts.server, limits, this, server);
    this.#quiet = this.#now();
  }

  get carriesCalls(): boolean {
    return this.#consumer.carriesCalls ?? this.#setup.carriesCalls;
  }

  get open(): number {
    return this.#consumer.open;
  }

  get heldBytes(): number {
    return this.#client.heldBytes + this.#server.heldBytes + this.#consumer.heldBytes;
  }

  get skippedBytes(): number {
    return this.#client.skippedBytes + this.#server.skippedBytes;
  }

  get counts(): TunnelCounts {
    const [client, server] = [this.#client, this.#server];
    return {
      clientMessages: client.messages,
      serverMessages: server.messages,
      clientMessageBytes: client.messageBytes,
      serverMessageBytes: server.messageBytes,
      skippedBytes: this.skippedBytes,
      closeCode: server.closeCode || client.closeCode,
    };
  }

  get standing(): TunnelStanding {
    return this.#consumer.busy ? this.#quiet : this.#now();
  }

  get atRest(): boolean {
    return !this.#consumer.busy && this.#client.atRest && this.#server.atRest;
  }

  readBy(probe: string): void {
    this.#consumer.readBy(probe);
  }

  data(side: Side, bytes: Buffer, offset: number, time: Micros): void {
    if (this.#over) return;
    if (side === 'client') this.#client.data(bytes, offset, time);
    else this.#server.data(bytes, offset, time);
  }

  gap(side: Side, missing: number): void {
    if (this.#over) return;
    if (side === 'client') this.#client.gap(missing);
    else this.#server.gap(missing);
  }

  lose(side: Side, missing: number, offset: number): void {
    if (this.#over) return;
    if (side === 'client') this.#client.lose(missing, offset);
    else this.#server.lose(missing, offset);
  }

  shed(forMemory: boolean): void {
    this.#consumer.end('limit');
    this.#client.shed(forMemory);
    this.#server.shed(forMemory);
  }

  end(reason: ExchangeEnd): void {
    if (this.#over) return;
    this.#client.end();
    this.#server.end();
    this.#over = true;
    this.#consumer.end(reason === 'complete' || reason === 'gap' ? 'server_close' : reason);
  }

  message(message: SocketMessage): void {
    if (!this.#consumer.busy) this.#quiet = this.#now();
    this.#consumer.message(message);
  }

  lost(side: Side, missing: number): void {
    this.#consumer.lost(side, missing);
  }

  #now(): TunnelStanding {
    const [client, server] = [this.#client.standing, this.#server.standing];
    const state = new SocketState(this.#setup, client, server, this.#consumer.memory);
    return { client: client.offset, server: server.offset, state };
  }
}
