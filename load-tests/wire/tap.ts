/**
 * A TCP proxy on loopback that keeps a copy of what goes through it, in order, as the steps of hand-made frames: traffic of
 * real clients and servers without packets, for tests that need no capture.
 */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Step } from '../../services/http/testing.ts';

export interface Tap {
  readonly port: number;
  /** What each connection carried so far, in the order of their beginning. */
  readonly connections: readonly (readonly Step[])[];
  close(): Promise<void>;
}

function relay(from: Socket, to: Socket, side: Step['side'], steps: Step[]): void {
  from.on('data', (bytes: Buffer) => {
    steps.push({ side, bytes });
    to.write(bytes);
  });
  from.on('end', () => {
    steps.push({ side, kind: 'fin' });
    to.end();
  });
  from.on('error', () => {
    steps.push({ side, kind: 'rst' });
    to.destroy();
  });
}

/** Passes connections on to `port` of this machine. */
export async function startTap(port: number): Promise<Tap> {
  const connections: Step[][] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const steps: Step[] = [];
    connections.push(steps);
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
    }
    relay(client, upstream, 'client', steps);
    relay(upstream, client, 'server', steps);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
