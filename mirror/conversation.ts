/** For property tests: a conversation as packets, and what a network and a capture do to packets. */
import { CLIENT, MS, SERVER, START, type TimedPacket } from './scenario.ts';

export interface Turn {
  readonly request: Buffer;
  readonly response: Buffer;
}

export interface ConversationOptions {
  readonly turns: readonly Turn[];
  readonly clientIsn: number;
  readonly serverIsn: number;
  /** Sizes that segments take in turn, cyclically. */
  readonly sizes: readonly number[];
  /** ms between packets, cyclically. */
  readonly pauses: readonly number[];
}

/** Handshake, turns (each with the peer's acknowledgement), both FINs. Packets with data say so. */
export function conversation(options: ConversationOptions): TimedPacket[] {
  const packets: TimedPacket[] = [];
  let time = START;
  let clientSeq = options.clientIsn;
  let serverSeq = options.serverIsn;
  const send = (fromClient: boolean, flags: string, payload?: Buffer): void => {
    const [from, to] = fromClient ? [CLIENT, SERVER] : [SERVER, CLIENT];
    const seq = (fromClient ? clientSeq : serverSeq) >>> 0;
    const ack = flags.includes('A') ? (fromClient ? serverSeq : clientSeq) >>> 0 : 0;
    packets.push({ time, packet: { from, to, seq, ack, flags, ...(payload === undefined ? {} : { payload }) } });
    const length = (payload?.length ?? 0) + (/[SF]/.test(flags) ? 1 : 0);
    if (fromClient) clientSeq += length;
    else serverSeq += length;
    time += (options.pauses[packets.length % options.pauses.length] ?? 1) * MS;
  };
  const sendAll = (fromClient: boolean, bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; ) {
      const size = options.sizes[packets.length % options.sizes.length] ?? 100;
      send(fromClient, 'PA', bytes.subarray(at, at + size));
      at += size;
    }
    send(!fromClient, 'A');
  };
  send(true, 'S');
  send(false, 'SA');
  send(true, 'A');
  for (const { request, response } of options.turns) {
    sendAll(true, request);
    sendAll(false, response);
  }
  send(true, 'FA');
  send(false, 'FA');
  send(true, 'A');
  return packets;
}

/** Displaces packets by up to `distance` positions; `moves` are fractions that choose which, and how far. */
export function reorder(packets: readonly TimedPacket[], moves: readonly number[], distance: number): TimedPacket[] {
  const result = [...packets];
  for (const move of moves) {
    const from = Math.floor(move * result.length);
    const by = 1 + (Math.floor(move * 7919) % distance);
    const [taken] = result.splice(from, 1);
    result.splice(Math.min(result.length, from + by), 0, taken!);
  }
  return result;
}

export function duplicate(packets: readonly TimedPacket[], picks: readonly number[], distance: number): TimedPacket[] {
  const result = [...packets];
  for (const pick of picks) {
    const from = Math.floor(pick * result.length);
    const by = 1 + (Math.floor(pick * 7907) % distance);
    result.splice(Math.min(result.length, from + by), 0, result[from]!);
  }
  return result;
}

/** Sends parts again, cut elsewhere: each pick repeats bytes from the middle of one segment to the middle of the next of its side. */
export function overlap(packets: readonly TimedPacket[], picks: readonly number[]): TimedPacket[] {
  const result = [...packets];
  for (const pick of picks) {
    const at = Math.floor(pick * result.length);
    const first = result[at]!;
    const next = result[at + 1];
    const payload = first.packet.payload;
    if (payload === undefined || next?.packet.payload === undefined) continue;
    if (next.packet.from !== first.packet.from || next.packet.seq !== (first.packet.seq + payload.length) >>> 0)
      continue;
    const skip = Math.floor(payload.length / 2);
    const half = next.packet.payload.subarray(0, Math.ceil(next.packet.payload.length / 2));
    const merged = Buffer.concat([payload.subarray(skip), half]);
    const packet = { ...first.packet, seq: (first.packet.seq + skip) >>> 0, payload: merged };
    result.splice(at + 1, 0, { time: first.time, packet });
  }
  return result;
}

/** The capture's own times: each packet gets the time of its place. */
export function retime(packets: readonly TimedPacket[]): TimedPacket[] {
  const times = packets.map(({ time }) => time).sort((a, b) => a - b);
  return packets.map(({ packet }, index) => ({ packet, time: times[index]! }));
}
