/**
 * Traffic that means harm: each kind is a number → packet function, so that a million of them need no memory. The packets go to the
 * probe as Ethernet frames.
 */
import { encapsulate, ethernet, fragments, layers, vlan, vxlan } from '../wire/encapsulation.ts';
import { ethernetFrame, type TcpPacket } from '../wire/packets.ts';

export interface Hostile {
  readonly name: string;
  /** Packets with which it begins, such as a handshake. */
  readonly opening?: readonly Buffer[];
  packet(index: number): Buffer;
}

const SERVER = { ip: '10.9.0.1', port: 80 };
const CLIENT = { ip: '10.9.0.2', port: 40_000 };
const SYN: TcpPacket = { from: CLIENT, to: SERVER, seq: 999, ack: 0, flags: 'S' };
const SYN_ACK: TcpPacket = { from: SERVER, to: CLIENT, seq: 4999, ack: 1000, flags: 'SA' };
const REQUEST = Buffer.from('POST /v1/messages HTTP/1.1\r\ncontent-length: 4000000000\r\n\r\n');
const ASK: TcpPacket = { from: CLIENT, to: SERVER, seq: 1000, ack: 5000, flags: 'PA', payload: REQUEST };
const OPENING = [SYN, SYN_ACK, ASK].map((packet) => ethernetFrame(packet));
const FIRST = 1000 + REQUEST.length;

/** A whole number of 32 bits from another (the finalizer of MurmurHash3). */
function scramble(index: number): number {
  let hash = Math.imul(index ^ (index >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The bits of a number below 2^16 the other way round: each falls between all that were before it. */
function reversed(index: number): number {
  let bits = 0;
  for (let bit = 0; bit < 16; bit++) bits |= ((index >> bit) & 1) << (15 - bit);
  return bits;
}

function segment(offset: number, payload: Uint8Array, extra: Partial<TcpPacket> = {}): Buffer {
  return ethernetFrame({ ...ASK, seq: (FIRST + offset) >>> 0, payload, ...extra });
}

const BYTE = Buffer.from('x');

function spoofed(index: number): { readonly ip: string; readonly port: number } {
  const bits = scramble(index);
  return { ip: `11.${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}`, port: 1024 + (index % 60_000) };
}

const DEEP = layers(...Array.from({ length: 14 }, (_, at) => layers(vlan(at + 1), ethernet(), vxlan({ vni: at }))));
const NESTED = [encapsulate(ASK, DEEP)[0]!];

/** A packet that is dropped once it was decoded: what any packet costs, and takes from others. */
const UNWANTED = ethernetFrame({ ...ASK, payload: Buffer.alloc(60) });
UNWANTED[23] = 132; // SCTP, by IP's protocol field

export const HOSTILE: readonly Hostile[] = [
  { name: 'packets that nobody asked for', packet: () => UNWANTED },
  { name: 'tiny segments', opening: OPENING, packet: (index) => segment(index, BYTE) },
  {
    name: 'tiny segments backwards, with holes',
    opening: OPENING,
    packet: (index) => segment(100_000 * (1 + Math.floor(index / 20_000)) - (index % 20_000) * 2, BYTE),
  },
  {
    name: 'tiny segments in between each other',
    opening: OPENING,
    packet: (index) => segment(10 + 140_000 * Math.floor(index / 65_536) + reversed(index % 65_536) * 2, BYTE),
  },
  {
    name: 'overlaps that disagree',
    opening: OPENING,
    packet: (index) =>
      segment(Math.max(0, index * 10 - (scramble(index) % 900)) + 50, Buffer.alloc(600, 65 + (index % 26))),
  },
  {
    name: 'sequence numbers from anywhere',
    opening: OPENING,
    packet: (index) => segment(scramble(index), Buffer.alloc(100, 'x'), { ack: scramble(index + 1) }),
  },
  { name: 'SYN flood', packet: (index) => ethernetFrame({ ...SYN, from: spoofed(index), seq: scramble(index) }) },
  {
    name: 'requests that never end, a connection each',
    packet: (index) => ethernetFrame({ ...ASK, from: spoofed(index), seq: scramble(index) }),
  },
  {
    name: 'one port opened again and again',
    packet: (index) => ethernetFrame({ ...SYN, seq: scramble(index) }),
  },
  {
    name: 'opened and reset, again and again',
    packet: (index) =>
      ethernetFrame(index % 2 === 0 ? { ...SYN, seq: index } : { ...SYN, flags: 'R', seq: index, ack: 0 }),
  },
  {
    name: 'first fragments only',
    packet: (index) =>
      encapsulate({ ...ASK, from: spoofed(index), payload: Buffer.alloc(100, 'x') }, fragments(64))[0]!,
  },
  {
    name: 'the same addresses in ever new VXLANs',
    packet: (index) =>
      encapsulate(
        { ...ASK, seq: scramble(index), ack: scramble(-index) },
        layers(ethernet(), vxlan({ vni: index & 0xff_ffff })),
      )[0]!,
  },
  {
    name: 'tunnels in tunnels',
    packet: (index) => NESTED[index % NESTED.length]!,
  },
];
