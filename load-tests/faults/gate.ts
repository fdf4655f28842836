/**
 * A door before a server, on a port of its own: closed it refuses connections and cuts those that are open, as a server that is
 * down; hung it takes them and says nothing, as one that is stuck or behind a broken network.
 */
import net from 'node:net';

export type GateState = 'open' | 'closed' | 'hung';

export class Gate {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<net.Socket>();
  #server: net.Server | null = null;
  #port = 0;
  #state: GateState = 'closed';

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
  }

  /** The same through all of its states. */
  get port(): number {
    return this.#port;
  }

  async set(state: GateState): Promise<void> {
    this.#state = state;
    for (const socket of this.#sockets) socket.destroy();
    if (state === 'closed') await this.#close();
    else await this.#listen();
  }

  async #listen(): Promise<void> {
    if (this.#server !== null) return;
    const server = net.createServer((socket) => this.#connected(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as net.AddressInfo).port;
  }

  async #close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server !== null) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #connected(socket: net.Socket): void {
    this.#keep(socket);
    if (this.#state === 'hung') return;
    const onward = net.connect(this.#target);
    this.#keep(onward);
    socket.pipe(onward).pipe(socket);
    socket.once('close', () => onward.destroy());
    onward.once('close', () => socket.destroy());
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
