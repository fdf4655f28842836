/**
 * TCP: tracking, reassembly and framing. An input is a list of segments of 8 bytes each: connection and side (1), flags (1), sequence
 * number against what that side has sent (2, signed), acknowledgement against what the other side has sent (1, signed), length (2, the
 * top bits scale it and the numbers), milliseconds (1).
 */
import assert from 'node:assert/strict';
import { ACK, FIN, Packet, RST, SYN } from '../../../mirror/decode/packet.ts';
import { HttpFilter } from '../../../mirror/filter.ts';
import { Framer } from '../../../mirror/framer.ts';
import { LossCounter } from '../../../mirror/losses.ts';
import { CAPTURE_DEFAULTS, type CaptureOptions } from '../../../mirror/options.ts';
import { Tracker } from '../../../mirror/tcp/tracker.ts';
import type { Frame } from '../../../schemas/frame.ts';
import type { Random } from '../../generator/random.ts';
import type { FuzzTarget } from '../target.ts';

const SEGMENT_BYTES = 8;
const SEGMENTS_MAX = 256;
const CONNECTIONS = 4;
const OPTIONS: CaptureOptions = {
  ...CAPTURE_DEFAULTS,
  frameBytesMax: 4000,
  connectionBufferBytesMax: 65_536,
  totalBufferBytesMax: 1024 * 1024,
  connectionsMax: 3,
  idleTimeoutMs: 2_000,
  closedLingerMs: 500,
  sniffJoinedBytesMax: 5_000,
};
const PAYLOAD = Buffer.alloc(65_536, 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n');
const START = 1_700_000_000_000_000;

/** What a connection's frames must be: in sequence, each side's offsets going on. */
class FrameCheck {
  readonly #next = new Map<string, { sequence: number; client: number; server: number; closed: boolean }>();
  readonly #twice = new Set<string>();
  frames = 0;
  gaps = 0;

  take(frame: Frame): void {
    const next = this.#next.get(frame.connection) ?? { sequence: 0, client: 0, server: 0, closed: false };
    this.#next.set(frame.connection, next);
    // The same addresses, ports and initial sequence number again are the same id: such are told apart by nothing here.
    if (next.sequence > 0 && frame.sequence === 0) this.#twice.add(frame.connection);
    if (this.#twice.has(frame.connection)) return;
    assert.ok(!next.closed, 'nothing comes after the last frame');
    assert.equal(frame.sequence, next.sequence++, 'sequence');
    assert.deepEqual([frame.clientOffset, frame.serverOffset], [next.client, next.server], 'offsets');
    let length = 0;
    for (const segment of frame.segments) {
      assert.ok(segment.length >= 0 && segment.gap >= 0, 'segment');
      if (segment.side === 'client') next.client += segment.gap + segment.length;
      else next.server += segment.gap + segment.length;
      length += segment.length;
      this.gaps += segment.gap > 0 ? 1 : 0;
    }
    assert.equal(length, frame.payload.length, 'payload');
    next.closed = frame.close !== null;
    this.frames++;
  }
}

function fill(packet: Packet, input: Buffer, at: number, sent: Float64Array): void {
  const [who, flags, scale] = [input[at]!, input[at + 1]!, input[at + 5]! >> 6];
  const connection = (who >> 1) % CONNECTIONS;
  const side = who & 1;
  const [own, peer] = [connection * 2 + side, connection * 2 + 1 - side];
  packet.source3 = side === 0 ? 1 : 2;
  packet.target3 = side === 0 ? 2 : 1;
  packet.sourcePort = side === 0 ? 1000 + connection : 80;
  packet.targetPort = side === 0 ? 80 : 1000 + connection;
  packet.lane = who >> 6 === 3 ? 1 : 0;
  const factor = 1 << (scale * 8);
  const delta = input.readInt16BE(at + 2);
  const length = ((input[at + 5]! & 63) << 8) | input[at + 6]!;
  packet.seq = (sent[own]! + (delta > -64 && delta < 64 ? 0 : Math.imul(delta, factor))) | 0;
  const ackDelta = input.readInt8(at + 4);
  packet.ack = (sent[peer]! + (ackDelta > -64 && ackDelta < 64 ? 0 : Math.imul(ackDelta, factor))) | 0;
  packet.flags = flags & (SYN | FIN | RST | ACK);
  packet.payloadWire = length;
  packet.payloadCaptured = scale === 2 ? length >> 1 : length;
  packet.payloadStart = 0;
  if (delta > -64 && delta < 64) {
    sent[own] = (packet.seq + length + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)) | 0;
  }
}

function segment(side: number, flags: number, length: number, delta = 0, ack = 0): number[] {
  return [side, flags, (delta >> 8) & 255, delta & 255, ack & 255, length >> 8, length & 255, 1];
}

export const mirrorTcp: FuzzTarget = {
  name: 'mirror/tcp',
  share: 2,
  seeds() {
    const handshake = [segment(0, SYN, 0), segment(1, SYN | ACK, 0), segment(0, ACK, 0)];
    const ask = [segment(0, ACK, 900), segment(1, ACK, 1400), segment(1, ACK, 1400)];
    const end = [segment(0, ACK | FIN, 0), segment(1, ACK | FIN, 0), segment(0, ACK, 0)];
    const lists = [
      [...handshake, ...ask, ...end],
      [...ask, ...ask, segment(1, RST, 0)],
      [
        ...handshake,
        segment(0, ACK, 700, 700),
        segment(0, ACK, 700, 1400),
        ...ask,
        segment(0, ACK, 2000, -1500),
        ...end,
      ],
      [...handshake, ...ask, ...handshake, ...ask, ...end, ...end],
      [...handshake, ...ask].flatMap((each) => [each, [each[0]! ^ 2, ...each.slice(1)]]),
    ];
    return lists.map((list) => Buffer.from(list.flat()));
  },
  /** Repeats, moves, drops and changes whole segments. */
  mutate(input: Buffer, other: Buffer, random: Random): Buffer {
    const list = [...segmentsOf(input), ...(random.chance(0.3) ? segmentsOf(other) : [])];
    if (list.length === 0) return input;
    for (let left = random.int(1, 8); left > 0; left--) {
      const at = random.int(0, Math.max(0, list.length - 1));
      const [taken] = random.chance(0.4) ? [list[at]] : list.splice(at, 1);
      if (taken === undefined) break;
      const changed = Buffer.from(taken);
      if (random.chance(0.6)) changed[random.int(0, SEGMENT_BYTES - 1)] = random.int(0, 255);
      if (random.chance(0.85)) list.splice(random.int(0, list.length), 0, changed);
    }
    return Buffer.concat(list.slice(0, SEGMENTS_MAX));
  },
  run(input) {
    const check = new FrameCheck();
    const losses = new LossCounter();
    const framer = new Framer(OPTIONS, (frame) => check.take(frame));
    const tracker = new Tracker(OPTIONS, new HttpFilter(OPTIONS, framer, losses), framer, losses);
    const { delivery } = tracker.reassembler;
    const sent = new Float64Array(CONNECTIONS * 2);
    sent[2] = -500;
    const packet = new Packet();
    packet.bytes = PAYLOAD;
    let now = START;
    const end = Math.min(input.length - SEGMENT_BYTES, SEGMENTS_MAX * SEGMENT_BYTES);
    for (let at = 0; at <= end; at += SEGMENT_BYTES) {
      now += input[at + 7]! * 1000;
      packet.time = now;
      fill(packet, input, at, sent);
      tracker.advance(now);
      tracker.packet(packet);
      assert.ok(delivery.parkedBytes >= 0 && framer.pendingBytes >= 0, 'accounts below 0');
      assert.ok(delivery.parkedBytes + framer.pendingBytes <= OPTIONS.totalBufferBytesMax, 'memory');
      assert.ok(Math.max(tracker.tracked, tracker.arriving) <= OPTIONS.connectionsMax, 'connections');
    }
    tracker.end('stopped');
    assert.deepEqual(
      [delivery.parkedBytes, framer.pendingBytes, tracker.tracked + tracker.arriving],
      [0, 0, 0],
      'nothing is left',
    );
    const reasons = losses.take().reduce((bits, { reason }) => bits | (1 << (reason.length % 8)), 0);
    return (Math.min(check.frames, 15) * 16 + Math.min(check.gaps, 15)) * 256 + reasons;
  },
};

function segmentsOf(input: Buffer): Buffer[] {
  const list: Buffer[] = [];
  for (let at = 0; at + SEGMENT_BYTES <= input.length; at += SEGMENT_BYTES)
    list.push(input.subarray(at, at + SEGMENT_BYTES));
  return list;
}
