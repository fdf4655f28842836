import type { WebSocket } from 'ws';
import type { SocketServed } from './served.ts';

const nowMicros = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** `token`: it brings content. */
export function sendEvent(socket: WebSocket, served: SocketServed, data: string, token: boolean): void {
  served.events.push({ time: nowMicros(), data, token });
  socket.send(data);
}
