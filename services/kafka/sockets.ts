/**
 * The sockets of kafkajs. Its `disconnect` now and then leaves one behind when a broker died while it was connecting, and that
 * keeps the process alive for ever: so they are remembered here, and closed with the bus.
 */
import net from 'node:net';
import tls from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE_DELAY_MS = 60_000;

export class Sockets {
  readonly #open = new Set<net.Socket>();
  #closed = false;

  /** For kafkajs: what it would do itself. */
  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    const name = net.isIP(host) === 0 ? { servername: host } : {};
    const socket: net.Socket = ssl
      ? tls.connect({ host, port, ...name, ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    // Beside kafkajs' own listeners, which it takes away at some time.
    socket.on('error', () => {});
    if (this.#closed) socket.destroy(closedError());
    return socket;
  };

  /** Closes those that are open, and any that is opened later. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#open) socket.destroy(closedError());
  }
}

/** Only an error makes kafkajs end what belongs to a socket: it has a timer for each. */
function closedError(): Error {
  return new Error('the bus is closed');
}
