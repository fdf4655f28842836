/** For tests: literal packet sequences in, what the frames say out. */
import { type Address, ethernetFrame, PcapWriter, type TcpPacket } from '../load-tests/wire/packets.ts';
import type { Frame, ProbeReport } from '../schemas/frame.ts';
import { Capture } from './capture.ts';
import { CAPTURE_DEFAULTS, type CaptureOptions } from './options.ts';

export const CLIENT: Address = { ip: '10.0.0.1', port: 40_000 };
export const SERVER: Address = { ip: '10.0.0.2', port: 80 };
/** Capture time of the first packet, µs. */
export const START = 1_700_000_000_000_000;
export const MS = 1000;

/** `c`: sent by the client, `s`: by the server. `seq` and `ack` are absolute. */
export interface Step {
  readonly from: 'c' | 's';
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly data?: string | Uint8Array;
  /** ms after START; default: 1 ms after the packet before. */
  readonly at?: number;
  readonly client?: Address;
  readonly server?: Address;
}

export interface TimedPacket {
  readonly time: number;
  readonly packet: TcpPacket;
}

export function timed(steps: readonly Step[]): TimedPacket[] {
  let at = 0;
  return steps.map((step) => {
    at = step.at ?? at + 1;
    const client = step.client ?? CLIENT;
    const server = step.server ?? SERVER;
    const [from, to] = step.from === 'c' ? [client, server] : [server, client];
    const { seq, ack, flags } = step;
    const payload = typeof step.data === 'string' ? Buffer.from(step.data, 'latin1') : step.data;
    const packet = { from, to, seq: seq >>> 0, ack: ack >>> 0, flags, ...(payload === undefined ? {} : { payload }) };
    return { time: START + at * MS, packet };
  });
}

export interface Outcome {
  readonly frames: readonly Frame[];
  readonly report: ProbeReport;
}

export function capturePackets(
  packets: readonly TimedPacket[],
  options: Partial<CaptureOptions> = {},
  snapLength = 262_144,
): Outcome {
  const writer = new PcapWriter({ snapLength });
  for (const { time, packet } of packets) writer.packet(time, ethernetFrame(packet));
  return captureBytes([writer.bytes()], options);
}

export function captureBytes(chunks: readonly Buffer[], options: Partial<CaptureOptions> = {}): Outcome {
  const frames: Frame[] = [];
  const capture = new Capture({ ...CAPTURE_DEFAULTS, ...options }, (frame) => frames.push(frame));
  capture.nextSource('test.pcap');
  for (const chunk of chunks) capture.write(chunk);
  capture.end('eof');
  return { frames, report: capture.takeReport() };
}

export function run(steps: readonly Step[], options: Partial<CaptureOptions> = {}): Outcome {
  return capturePackets(timed(steps), options);
}

/** One line a segment, in order: `c 3..8 "hello"`, `s 0..5 gap 5`, `c fin`; neighbours of one side run together. */
export function lines(frames: readonly Frame[]): string[] {
  const out: string[] = [];
  for (const frame of frames) {
    const offset = { client: frame.clientOffset, server: frame.serverOffset };
    let at = 0;
    for (const { side, kind, gap, length } of frame.segments) {
      if (gap > 0) out.push(`${side[0]} gap ${gap}`);
      offset[side] += gap + length;
      if (kind !== 'data') out.push(`${side[0]} ${kind}`);
      else if (length > 0) out.push(`${side[0]} ${frame.payload.toString('latin1', at, at + length)}`);
      at += length;
    }
    if (frame.close !== null) out.push(`close ${frame.close}`);
  }
  return out;
}

/** SYN, SYN+ACK, ACK. Client's stream begins at 1001, the server's at 5001. */
export const HANDSHAKE: readonly Step[] = [
  { from: 'c', flags: 'S', seq: 1000, ack: 0 },
  { from: 's', flags: 'SA', seq: 5000, ack: 1001 },
  { from: 'c', flags: 'A', seq: 1001, ack: 5001 },
];

export const REQUEST = 'GET / HTTP/1.1\r\n\r\n';
export const RESPONSE = 'HTTP/1.1 204 X\r\n\r\n';
