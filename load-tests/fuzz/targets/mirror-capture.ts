/**
 * The whole probe. An input is a list of packets: length (2 bytes), milliseconds (1), bytes cut off by the snap length (1), the Ethernet
 * frame.
 */
import assert from 'node:assert/strict';
import { Capture } from '../../../mirror/capture.ts';
import { CAPTURE_DEFAULTS } from '../../../mirror/options.ts';
import type { Random } from '../../generator/random.ts';
import { ENCAPSULATIONS, encapsulate, fragments } from '../../wire/encapsulation.ts';
import type { TcpPacket } from '../../wire/packets.ts';
import { mutate } from '../mutate.ts';
import type { FuzzTarget } from '../target.ts';
import { mirrorDecode } from './mirror-decode.ts';

const HEAD_BYTES = 4;
const PACKETS_MAX = 64;
/** Of every so many inputs one meets limits that it goes beyond. */
const NARROW_EVERY = 4;
const NARROW = { connectionsMax: 2, connectionsPerSecondMax: 25, fragmentBytesMax: 65_536 };
const START = 1_700_000_000_000_000;
const REQUEST = Buffer.from('POST /v1/messages HTTP/1.1\r\ncontent-length: 40\r\n\r\n'.padEnd(90, '{'));
const RESPONSE = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n'.padEnd(80, '}'));

function exchange(v6: boolean): TcpPacket[] {
  const client = { ip: v6 ? '2001:db8::1' : '10.0.0.1', port: 40_000 };
  const server = { ip: v6 ? '2001:db8::2' : '10.0.0.2', port: 80 };
  const [seq, ack] = [1 + REQUEST.length, 1 + RESPONSE.length];
  return [
    { from: client, to: server, seq: 0, ack: 0, flags: 'S' },
    { from: server, to: client, seq: 0, ack: 1, flags: 'SA' },
    { from: client, to: server, seq: 1, ack: 1, flags: 'PA', payload: REQUEST },
    { from: server, to: client, seq: 1, ack: seq, flags: 'PA', payload: RESPONSE },
    { from: client, to: server, seq, ack, flags: 'FA' },
    { from: server, to: client, seq: ack, ack: seq + 1, flags: 'FA' },
  ];
}

function join(frames: readonly Buffer[]): Buffer {
  return Buffer.concat(frames.flatMap((frame) => [Buffer.from([frame.length >> 8, frame.length & 255, 1, 0]), frame]));
}

function split(input: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + HEAD_BYTES <= input.length && frames.length < PACKETS_MAX; ) {
    const end = at + HEAD_BYTES + input.readUInt16BE(at);
    frames.push(input.subarray(at + HEAD_BYTES, end));
    at = end;
  }
  return frames;
}

export const mirrorCapture: FuzzTarget = {
  name: 'mirror/capture',
  share: 2,
  tokens: mirrorDecode.tokens!,
  seeds: () =>
    [...Object.values(ENCAPSULATIONS), () => fragments(16), () => fragments(24, 'backward')].flatMap((make) =>
      [false, true].map((v6) => {
        const layer = make();
        return join(exchange(v6).flatMap((packet) => encapsulate(packet, layer)));
      }),
    ),
  /** Changes, repeats, moves and drops whole packets. */
  mutate(input: Buffer, other: Buffer, random: Random): Buffer {
    const frames = split(input);
    const others = split(other);
    if (frames.length === 0) return input;
    for (let left = random.int(1, 5); left > 0; left--) {
      const at = random.int(0, frames.length - 1);
      const frame = frames[at]!;
      const changed = random.chance(0.6) ? mutate(frame, frame, random, [], 2000) : frame;
      if (random.chance(0.5)) frames[at] = changed;
      else frames.splice(random.int(0, frames.length), 0, changed);
      if (random.chance(0.2) && others.length > 0) frames.push(random.pick(others));
      if (random.chance(0.1) && frames.length > 1) frames.splice(random.int(0, frames.length - 1), 1);
    }
    return join(frames.slice(0, PACKETS_MAX));
  },
  run(input) {
    let payload = 0;
    const limits = input.length % NARROW_EVERY === 0 ? NARROW : {};
    const capture = new Capture({ ...CAPTURE_DEFAULTS, ...limits }, (frame) => (payload += frame.payload.length));
    let time = START;
    let packets = 0;
    for (let at = 0; at + HEAD_BYTES <= input.length && packets < PACKETS_MAX; packets++) {
      const start = at + HEAD_BYTES;
      const end = Math.min(input.length, start + input.readUInt16BE(at));
      time += input[at + 2]! * 1000;
      capture.packet(input, start, end - start, end - start + input[at + 3]!, time, 1);
      at = end;
    }
    capture.end('eof');
    const report = capture.takeReport();
    assert.equal(report.packets, packets, 'packets');
    assert.equal(report.payloadBytes, payload, 'payload');
    assert.ok(payload <= input.length, 'more came out than went in');
    assert.ok(
      report.losses.every((loss) => loss.packets >= 0 && loss.bytes >= 0),
      'losses',
    );
    const reasons = report.losses.reduce((bits, { reason }) => bits | (1 << (reason.length % 8)), 0);
    return (Math.min(report.frames, 7) * 8 + Math.min(report.connections, 7)) * 256 + reasons;
  },
};
