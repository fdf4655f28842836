/**
 * Link, tunnel, IP and TCP decoders. An input is one packet: link type (index, 1 byte), bytes that the snap length cut off (1 byte), the
 * packet.
 */
import assert from 'node:assert/strict';
import { decodePacket } from '../../../mirror/decode/link.ts';
import { DECODED, NESTING_MAX, Packet } from '../../../mirror/decode/packet.ts';
import type { Random } from '../../generator/random.ts';
import { ENCAPSULATIONS, encapsulate } from '../../wire/encapsulation.ts';
import { ipPacket, type TcpPacket } from '../../wire/packets.ts';
import type { FuzzTarget } from '../target.ts';

export const LINK_TYPES = [1, 113, 276, 0, 108, 101, 12, 14, 228, 229, 147] as const;
const HEAD_BYTES = 2;
/** Bytes around the packet, of which the decoder must take no notice. */
const AROUND = Buffer.alloc(64, 0x45);

const V4: TcpPacket = {
  from: { ip: '192.168.1.2', port: 40_000 },
  to: { ip: '10.0.0.255', port: 443 },
  seq: 9,
  ack: 7,
  flags: 'PA',
  payload: Buffer.from('payload'),
};
const V6: TcpPacket = { ...V4, from: { ip: '2001:db8::1', port: 40_000 }, to: { ip: '::1', port: 443 } };

function inputOf(link: number, packet: Buffer): Buffer {
  return Buffer.concat([Buffer.from([LINK_TYPES.indexOf(link as 1), 0]), packet]);
}

/** The heads of a tunnel without what they carry: put before anything, they make it an inner packet. */
function headOf(name: string): Buffer {
  const inner = ipPacket(V4);
  const frame = encapsulate(V4, ENCAPSULATIONS[name]!())[0]!;
  const at = frame.indexOf(inner);
  return at < 0 ? frame : frame.subarray(0, at);
}

const HEADS = Object.keys(ENCAPSULATIONS).map(headOf);

export const mirrorDecode: FuzzTarget = {
  name: 'mirror/decode',
  share: 5,
  tokens: [...HEADS.map((head) => head.subarray(14)), Buffer.from('8100000788a8000708004500', 'hex')],
  seeds() {
    const frames = Object.values(ENCAPSULATIONS).flatMap((make) =>
      [V4, V6].flatMap((each) => encapsulate(each, make())),
    );
    return [
      ...frames.map((frame) => inputOf(1, frame)),
      ...[V4, V6].map((each) => inputOf(101, ipPacket(each))),
      ...[V4, V6].map((each) => inputOf(0, Buffer.concat([Buffer.from([2, 0, 0, 0]), ipPacket(each)]))),
      inputOf(113, Buffer.concat([Buffer.alloc(14), Buffer.from([8, 0]), ipPacket(V4)])),
      inputOf(276, Buffer.concat([Buffer.from([8, 0]), Buffer.alloc(18), ipPacket(V4)])),
    ];
  },
  /** Puts the packet into one more tunnel. */
  mutate(input: Buffer, other: Buffer, random: Random): Buffer {
    const inner = (random.chance(0.5) ? input : other).subarray(HEAD_BYTES);
    const packet = Buffer.concat([random.pick(HEADS), inner.subarray(random.pick([0, 14, 18, 34]))]);
    if (random.chance(0.5)) packet[random.int(0, packet.length - 1)] = random.int(0, 255);
    return Buffer.concat([Buffer.from([0, random.chance(0.8) ? 0 : random.int(1, 99)]), packet]).subarray(0, 4096);
  },
  run(input) {
    if (input.length < HEAD_BYTES) return 0;
    const link = LINK_TYPES[input[0]! % LINK_TYPES.length]!;
    const captured = input.length - HEAD_BYTES;
    const bytes = Buffer.concat([AROUND, input.subarray(HEAD_BYTES), AROUND]);
    const packet = new Packet();
    const result = decodePacket(packet, bytes, AROUND.length, captured, captured + input[1]!, link);
    assert.ok(packet.depth <= NESTING_MAX + 1, 'depth');
    if (result === DECODED) {
      const { payloadStart: start, payloadCaptured: length, payloadWire } = packet;
      assert.ok(length >= 0 && length <= payloadWire, 'payload');
      const [first, end] =
        packet.bytes === bytes ? [AROUND.length, AROUND.length + captured] : [0, packet.bytes.length];
      assert.ok(length === 0 || (start >= first && start + length <= end), 'payload within the packet');
    }
    return (
      (((result * 16 + packet.depth) * 2 + (packet.lane === 0 ? 0 : 1)) * 2 + packet.fragments.size) * 2 +
      (packet.version === 6 ? 1 : 0)
    );
  },
};
