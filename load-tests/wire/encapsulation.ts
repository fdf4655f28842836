/**
 * Puts packets into links and tunnels, for tests and the traffic generator. It shares no code with the decoders that it tests.
 * A layer takes what an EtherType announces and makes something that an EtherType announces; from the inside out:
 *
 *     layers(vlan(7), ethernet(), vxlan({ vni: 9 }))   VXLAN in IPv4, in it Ethernet, in it a tagged packet
 */
import { ipPacket, ipv4Bytes, ipv6Bytes, type TcpPacket } from './packets.ts';

export interface Layered {
  readonly etherType: number;
  readonly bytes: Buffer;
}

/** One packet may become several: fragments. */
export type Layer = (inner: Layered) => readonly Layered[];

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const ETHERNET = 0x6558;
const OUTER = { v4: ['172.16.0.1', '172.16.0.2'], v6: ['fd00::1', 'fd00::2'] } as const;

export type IpVersion = keyof typeof OUTER;

/** Layers from the inside out, as one. */
export function layers(...list: readonly Layer[]): Layer {
  return (inner) => list.reduce<readonly Layered[]>((all, layer) => all.flatMap(layer), [inner]);
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  values.forEach((value, at) => {
    bytes.writeUInt16BE(value, at * 2);
  });
  return bytes;
}

function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, at) => {
    bytes.writeUInt32BE(value >>> 0, at * 4);
  });
  return bytes;
}

const one = (etherType: number, ...parts: readonly Buffer[]): readonly Layered[] => [
  { etherType, bytes: Buffer.concat(parts) },
];

/** A frame with the MAC addresses of stations `00:…` or such that begin with `first`. */
export function ethernet(first = 2): Layer {
  return ({ etherType, bytes }) =>
    one(ETHERNET, Buffer.from([first, 0, 0, 0, 0, 2, first, 0, 0, 0, 0, 1]), u16(etherType), bytes);
}

/** `etherType`: 8100 (802.1Q), 88a8 (802.1ad) or 9100. */
export function vlan(id: number, etherType = 0x8100): Layer {
  return (inner) => one(etherType, u16(id, inner.etherType), inner.bytes);
}

/** `labels`: outermost first. Ethernet inside makes a pseudowire. */
export function mpls(labels: readonly number[], controlWord = false): Layer {
  return ({ bytes }) => {
    const stack = labels.map((label, at) => u32((label << 12) | (at === labels.length - 1 ? 0x100 : 0) | 64));
    return one(0x8847, ...stack, controlWord ? u32(0) : Buffer.alloc(0), bytes);
  };
}

/** `compressed`: the PPP protocol in one byte. */
export function pppoe(session: number, compressed = false): Layer {
  return ({ etherType, bytes }) => {
    const number = etherType === IPV4 ? 0x21 : etherType === IPV6 ? 0x57 : 0x0281;
    const protocol = compressed ? Buffer.from([number]) : u16(number);
    return one(0x8864, u16(0x1100, session, protocol.length + bytes.length), protocol, bytes);
  };
}

/** IP around a payload of `protocol`. */
function ip(version: IpVersion, protocol: number, ...parts: readonly Buffer[]): readonly Layered[] {
  const payload = Buffer.concat(parts);
  const [from, to] = OUTER[version];
  if (version === 'v6') {
    const head = Buffer.concat([u32(6 << 28), u16(payload.length), Buffer.from([protocol, 64])]);
    return one(IPV6, head, ipv6Bytes(from), ipv6Bytes(to), payload);
  }
  const head = Buffer.concat([u16(0x4500, 20 + payload.length, 0, 0), Buffer.from([64, protocol, 0, 0])]);
  return one(IPV4, head, ipv4Bytes(from), ipv4Bytes(to), payload);
}

export function ipInIp(version: IpVersion): Layer {
  return ({ etherType, bytes }) => ip(version, etherType === IPV4 ? 4 : 41, bytes);
}

export interface GreOptions {
  readonly version?: IpVersion;
  readonly checksum?: boolean;
  readonly key?: number;
  readonly sequence?: boolean;
}

function greBytes(etherType: number, { checksum = false, key, sequence = false }: GreOptions, body: Buffer): Buffer {
  const flags = (checksum ? 0x8000 : 0) | (key === undefined ? 0 : 0x2000) | (sequence ? 0x1000 : 0);
  const bytes = [
    u16(flags, etherType),
    ...(checksum ? [u32(0)] : []),
    ...(key === undefined ? [] : [u32(key)]),
    ...(sequence ? [u32(77)] : []),
  ];
  return Buffer.concat([...bytes, body]);
}

export function gre(options: GreOptions = {}): Layer {
  return ({ etherType, bytes }) => ip(options.version ?? 'v4', 47, greBytes(etherType, options, bytes));
}

/** Around Ethernet. `platform`: type III with the optional platform header. */
export function erspan(type: 1 | 2 | 3, options: { readonly platform?: boolean } = {}): Layer {
  return ({ bytes }) => {
    if (type === 1) return ip('v4', 47, greBytes(0x88be, {}, bytes));
    const tag = (5 << 16) | 3;
    if (type === 2)
      return ip('v4', 47, greBytes(0x88be, { sequence: true }, Buffer.concat([u32((1 << 28) | tag, 0), bytes])));
    const head = [u32((2 << 28) | tag, 123_456), u16(0, options.platform === true ? 1 : 0)];
    const platform = options.platform === true ? u32(0, 0) : Buffer.alloc(0);
    return ip('v4', 47, greBytes(0x22eb, { sequence: true }, Buffer.concat([...head, platform, bytes])));
  };
}

function udp(version: IpVersion, port: number, ...parts: readonly Buffer[]): readonly Layered[] {
  const payload = Buffer.concat(parts);
  return ip(version, 17, u16(49_200, port, 8 + payload.length, 0), payload);
}

export interface OverlayOptions {
  readonly vni: number;
  readonly version?: IpVersion;
  readonly port?: number;
}

/** Around Ethernet. */
export function vxlan({ vni, version = 'v4', port = 4789 }: OverlayOptions): Layer {
  return ({ bytes }) => udp(version, port, u32(0x0800_0000, vni << 8), bytes);
}

/** `optionBytes`: a multiple of 4. */
export function geneve({
  vni,
  version = 'v4',
  port = 6081,
  optionBytes = 0,
}: OverlayOptions & { optionBytes?: number }): Layer {
  return ({ etherType, bytes }) => {
    // One option: class, type, length in 4 bytes beyond its head.
    const option = optionBytes === 0 ? Buffer.alloc(0) : Buffer.alloc(optionBytes);
    if (optionBytes > 0) option.set([1, 2, 3, (optionBytes - 4) / 4]);
    return udp(version, port, u16(((optionBytes / 4) << 8) | 0, etherType), u32(vni << 8), option, bytes);
  };
}

/** Extension headers between the IPv6 header and what follows it: hop-by-hop, destination options, routing, authentication. */
export function ipv6Extensions(): Layer {
  return ({ etherType, bytes }) => {
    if (etherType !== IPV6) return [{ etherType, bytes }];
    const padding = (next: number): Buffer => Buffer.from([next, 0, 1, 4, 0, 0, 0, 0]);
    const authentication = Buffer.concat([Buffer.from([bytes[6]!, 4, 0, 0]), u32(9, 1), Buffer.alloc(12, 0xaa)]);
    const headers = Buffer.concat([padding(60), padding(51), authentication]);
    const head = Buffer.from(bytes.subarray(0, 40));
    head[6] = 0;
    head.writeUInt16BE(head.readUInt16BE(4) + headers.length, 4);
    return one(IPV6, head, headers, bytes.subarray(40));
  };
}

/** IP fragments of at most `size` bytes of payload (a multiple of 8), in the order of `order`. */
export function fragments(size: number, order: 'forward' | 'backward' = 'forward'): Layer {
  let id = 0;
  return ({ etherType, bytes }) => {
    const isV4 = etherType === IPV4;
    if (!isV4 && etherType !== IPV6) throw new Error('only IP can be fragmented');
    const headerBytes = isV4 ? 20 : 40;
    const payload = bytes.subarray(headerBytes);
    id = (id + 1) & 0xffff;
    const pieces: Layered[] = [];
    for (let at = 0; at < payload.length; at += size) {
      const piece = payload.subarray(at, at + size);
      const more = at + size < payload.length;
      const head = Buffer.from(bytes.subarray(0, headerBytes));
      const parts = isV4 ? ipv4Fragment(head, id, at, more, piece) : ipv6Fragment(head, id, at, more, piece);
      pieces.push({ etherType, bytes: Buffer.concat(parts) });
    }
    return order === 'forward' ? pieces : pieces.reverse();
  };
}

function ipv4Fragment(head: Buffer, id: number, at: number, more: boolean, piece: Buffer): Buffer[] {
  head.writeUInt16BE(20 + piece.length, 2);
  head.writeUInt16BE(id, 4);
  head.writeUInt16BE((more ? 0x2000 : 0) | (at / 8), 6);
  return [head, piece];
}

function ipv6Fragment(head: Buffer, id: number, at: number, more: boolean, piece: Buffer): Buffer[] {
  const next = head[6]!;
  head[6] = 44;
  head.writeUInt16BE(8 + piece.length, 4);
  return [head, Buffer.from([next, 0]), u16(at | (more ? 1 : 0)), u32(id), piece];
}

/** Ethernet frames of a packet within layers. */
export function encapsulate(packet: TcpPacket, layer: Layer): Buffer[] {
  const etherType = packet.from.ip.includes(':') ? IPV6 : IPV4;
  const outside = ethernet();
  return layer({ etherType, bytes: ipPacket(packet) }).flatMap((each) =>
    (each.etherType === ETHERNET ? [each] : outside(each)).map(({ bytes }) => bytes),
  );
}

const inFrame = ethernet();

/** Every link and tunnel that is decoded, by name; what is in two of them is of two networks. */
export const ENCAPSULATIONS: Readonly<Record<string, () => Layer>> = {
  vlan: () => vlan(7),
  qinq: () => layers(vlan(7), vlan(100, 0x88a8)),
  mpls: () => mpls([16]),
  'mpls-stack': () => mpls([16, 17, 1000]),
  'mpls-pseudowire': () => layers(inFrame, mpls([20, 18])),
  'mpls-pseudowire-control-word': () => layers(inFrame, mpls([20, 19], true)),
  'mpls-pseudowire-vlan': () => layers(vlan(7), inFrame, mpls([19], true)),
  'mpls-pseudowire-mac-4': () => layers(ethernet(0x46), mpls([18])),
  pppoe: () => pppoe(7),
  'pppoe-compressed': () => pppoe(7, true),
  'pppoe-mpls': () => layers(mpls([30]), pppoe(7)),
  vxlan: () => layers(inFrame, vxlan({ vni: 9 })),
  'vxlan-8472': () => layers(inFrame, vxlan({ vni: 9, port: 8472 })),
  'vxlan-ipv6': () => layers(inFrame, vxlan({ vni: 9, version: 'v6' })),
  gre: () => gre(),
  'gre-options': () => gre({ checksum: true, key: 5, sequence: true }),
  'gre-key-ipv6': () => gre({ version: 'v6', key: 5 }),
  'gre-ethernet': () => layers(inFrame, gre()),
  'gre-mpls': () => layers(mpls([50]), gre()),
  nvgre: () => layers(inFrame, gre({ key: (6001 << 8) | 3 })),
  'erspan-1': () => layers(inFrame, erspan(1)),
  'erspan-2': () => layers(inFrame, erspan(2)),
  'erspan-3': () => layers(inFrame, erspan(3)),
  'erspan-3-platform': () => layers(vlan(7), inFrame, erspan(3, { platform: true })),
  geneve: () => layers(inFrame, geneve({ vni: 9 })),
  'geneve-options': () => layers(inFrame, geneve({ vni: 9, optionBytes: 20 })),
  'geneve-ip': () => geneve({ vni: 9, version: 'v6', optionBytes: 4 }),
  'ip-in-ipv4': () => ipInIp('v4'),
  'ip-in-ipv6': () => ipInIp('v6'),
  'ipv6-extensions': () => ipv6Extensions(),
  fragments: () => fragments(576),
  'fragments-backward': () => fragments(576, 'backward'),
  'vxlan-fragments': () => layers(inFrame, vxlan({ vni: 9 }), fragments(1400)),
  'vxlan-ipv6-fragments': () => layers(inFrame, vxlan({ vni: 9, version: 'v6' }), fragments(1400)),
  nested: () =>
    layers(
      vlan(7),
      inFrame,
      vxlan({ vni: 9 }),
      ipInIp('v6'),
      inFrame,
      gre({ key: 5 }),
      mpls([16]),
      vlan(8),
      vlan(9, 0x88a8),
    ),
};
