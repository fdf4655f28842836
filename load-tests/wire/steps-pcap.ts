/** Connections that a tap has copied, as a capture file: one packet a step, with the handshake before them. */
import type { Step } from '../../services/http/testing.ts';
import { type Address, ethernetFrame, PcapWriter } from './packets.ts';

const SERVER: Address = { ip: '10.0.0.2', port: 80 };
const FIRST_PORT = 40_000;
/** Larger payloads are sent in pieces. */
const SEGMENT_BYTES = 1400;
const START = 1_795_000_000_000_000;

function pieces(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += SEGMENT_BYTES) found.push(bytes.subarray(at, at + SEGMENT_BYTES));
  return found;
}

export function stepsPcap(connections: readonly (readonly Step[])[]): Buffer {
  const writer = new PcapWriter();
  let time = START;
  connections.forEach((steps, n) => {
    const client: Address = { ip: '10.0.0.1', port: FIRST_PORT + n };
    const seq = { client: 1000, server: 2000 };
    const send = (side: 'client' | 'server', flags: string, payload: Buffer = Buffer.alloc(0)): void => {
      const [from, to, other] =
        side === 'client' ? ([client, SERVER, 'server'] as const) : ([SERVER, client, 'client'] as const);
      time += 100;
      const packet = { from, to, seq: seq[side], ack: flags === 'S' ? 0 : seq[other], flags, payload };
      writer.packet(time, ethernetFrame(packet));
      seq[side] += payload.length + (/[SF]/.test(flags) ? 1 : 0);
    };
    send('client', 'S');
    send('server', 'SA');
    send('client', 'A');
    for (const { side, kind, bytes } of steps) {
      if (kind === 'fin' || kind === 'rst') send(side, kind === 'fin' ? 'FA' : 'RA');
      else for (const piece of pieces(Buffer.from(bytes ?? ''))) send(side, 'PA', piece);
    }
  });
  return writer.bytes();
}
