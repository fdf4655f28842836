import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ethernetFrame, ipPacket, type TcpPacket } from '../../load-tests/wire/packets.ts';
import { decodePacket } from './link.ts';
import { CUT, DECODED, FRAGMENT, MALFORMED, Packet, UNKNOWN_LINK, UNSUPPORTED } from './packet.ts';

const V4: TcpPacket = {
  from: { ip: '192.168.1.2', port: 40_000 },
  to: { ip: '10.0.0.255', port: 443 },
  seq: 0xfffffff0,
  ack: 7,
  flags: 'PA',
  payload: Buffer.from('payload'),
};
const V6: TcpPacket = { ...V4, from: { ip: '2001:db8::1', port: 40_000 }, to: { ip: '::1', port: 443 } };

function decode(
  bytes: Buffer,
  linkType: number,
  wire = bytes.length,
): { result: number; packet: Packet; payload: string } {
  const packet = new Packet();
  const shifted = Buffer.concat([Buffer.from('junk'), bytes, Buffer.from('junk')]);
  const result = decodePacket(packet, shifted, 4, bytes.length, wire, linkType);
  const payload = shifted.toString('latin1', packet.payloadStart, packet.payloadStart + packet.payloadCaptured);
  return { result, packet, payload };
}

const sll = (type: number, ip: Buffer): Buffer =>
  Buffer.concat([Buffer.alloc(14), Buffer.from([type >> 8, type & 255]), ip]);
const sll2 = (type: number, ip: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type >> 8, type & 255]), Buffer.alloc(18), ip]);

const LINKS: readonly (readonly [string, number, Buffer])[] = [
  ['Ethernet', 1, ethernetFrame(V4)],
  ['Ethernet with two VLAN tags', 1, ethernetFrame(V4, [5, 9])],
  ['Ethernet with padding', 1, Buffer.concat([ethernetFrame(V4), Buffer.alloc(9)])],
  ['Linux cooked', 113, sll(0x0800, ipPacket(V4))],
  ['Linux cooked with a VLAN tag', 113, sll(0x8100, Buffer.concat([Buffer.from([0, 5, 8, 0]), ipPacket(V4)]))],
  ['Linux cooked 2', 276, sll2(0x0800, ipPacket(V4))],
  ['NULL in little endian', 0, Buffer.concat([Buffer.from([2, 0, 0, 0]), ipPacket(V4)])],
  ['NULL in big endian', 0, Buffer.concat([Buffer.from([0, 0, 0, 2]), ipPacket(V4)])],
  ['LOOP', 108, Buffer.concat([Buffer.from([0, 0, 0, 2]), ipPacket(V4)])],
  ...[101, 12, 14, 228].map((link) => [`raw IP ${link}`, link, ipPacket(V4)] as const),
];

for (const [name, link, bytes] of LINKS) {
  test(`decodes IPv4 over ${name}`, () => {
    const { result, packet, payload } = decode(bytes, link);
    assert.equal(result, DECODED);
    assert.equal(payload, 'payload');
    assert.deepEqual(
      [packet.version, packet.source3 >>> 0, packet.target3 >>> 0, packet.sourcePort, packet.targetPort],
      [4, 0xc0a80102, 0x0a0000ff, 40_000, 443],
    );
    assert.deepEqual([packet.seq >>> 0, packet.ack, packet.flags, packet.payloadWire], [0xfffffff0, 7, 24, 7]);
  });
}

for (const [name, link, bytes] of [
  ['Ethernet', 1, ethernetFrame(V6)],
  ['Linux cooked 2', 276, sll2(0x86dd, ipPacket(V6))],
  ['raw IP', 229, ipPacket(V6)],
  ['NULL of macOS', 0, Buffer.concat([Buffer.from([30, 0, 0, 0]), ipPacket(V6)])],
] as const) {
  test(`decodes IPv6 over ${name}`, () => {
    const { result, packet, payload } = decode(bytes, link);
    assert.deepEqual([result, payload, packet.version], [DECODED, 'payload', 6]);
    assert.deepEqual([packet.source0 >>> 0, packet.source1, packet.source2, packet.source3], [0x20010db8, 0, 0, 1]);
    assert.deepEqual([packet.target0, packet.target3], [0, 1]);
  });
}

test('skips IPv4 options and IPv6 extension headers', () => {
  const plain = ipPacket(V4);
  const v4 = Buffer.concat([plain.subarray(0, 20), Buffer.alloc(8, 1), plain.subarray(20)]);
  v4[0] = 0x47;
  v4.writeUInt16BE(v4.length, 2);
  assert.equal(decode(v4, 101).payload, 'payload');
  const bare = ipPacket(V6);
  const headers = Buffer.concat([
    Buffer.from([60, 0]),
    Buffer.alloc(6),
    Buffer.from([43, 1]),
    Buffer.alloc(14),
    Buffer.from([6, 0]),
    Buffer.alloc(6),
  ]);
  const v6 = Buffer.concat([bare.subarray(0, 40), headers, bare.subarray(40)]);
  v6[6] = 0;
  v6.writeUInt16BE(v6.length - 40, 4);
  assert.equal(decode(v6, 101).payload, 'payload');
});

test('an IP length of 0 (segmentation offload) means the length of the frame', () => {
  const v4 = ipPacket(V4);
  v4.writeUInt16BE(0, 2);
  assert.equal(decode(v4, 101).payload, 'payload');
  const v6 = ipPacket(V6);
  v6.writeUInt16BE(0, 4);
  assert.equal(decode(v6, 101).payload, 'payload');
});

test('a packet cut by the snap length tells its payload on the wire', () => {
  const bytes = ethernetFrame(V4);
  const { result, packet } = decode(bytes.subarray(0, -3), 1, bytes.length);
  assert.deepEqual([result, packet.payloadCaptured, packet.payloadWire], [DECODED, 4, 7]);
  const headOnly = decode(bytes.subarray(0, 14 + 20 + 14), 1, bytes.length);
  assert.deepEqual([headOnly.result, headOnly.packet.payloadCaptured, headOnly.packet.payloadWire], [DECODED, 0, 7]);
  assert.equal(decode(bytes.subarray(0, 40), 1, bytes.length).result, CUT);
});

test('fragments, other protocols, unknown links and nonsense are told apart', () => {
  const fragment = ipPacket(V4);
  fragment.writeUInt16BE(0x2000, 6);
  assert.equal(decode(fragment, 101).result, FRAGMENT);
  const udp = ipPacket(V4);
  udp[9] = 17;
  assert.equal(decode(udp, 101).result, UNSUPPORTED);
  const fragment6 = ipPacket(V6);
  fragment6[6] = 44;
  fragment6.set([6, 0, 0, 1], 40);
  assert.equal(decode(fragment6, 101).result, FRAGMENT);
  assert.equal(decode(ipPacket(V4), 147).result, UNKNOWN_LINK);
  const shortHeader = ipPacket(V4);
  shortHeader[32] = 0x10;
  assert.equal(decode(shortHeader, 101).result, MALFORMED);
  assert.equal(decode(Buffer.from([0x20, 1, 2]), 101).result, MALFORMED);
});

test('random bytes never throw and never reach beyond the packet', () => {
  const links = fc.constantFrom(0, 1, 12, 101, 108, 113, 276);
  const valid = fc.constantFrom(ethernetFrame(V4), ipPacket(V4), ethernetFrame(V6, [1]), ipPacket(V6));
  const damagedPacket = fc
    .tuple(valid, fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 6 }), fc.nat(100))
    .map(([bytes, changes, cut]) => {
      const copy = Buffer.from(bytes.subarray(0, Math.max(1, bytes.length - cut)));
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return copy;
    });
  fc.assert(
    fc.property(damagedPacket, links, fc.nat(50), (bytes, link, missing) => {
      const { result, packet } = decode(bytes, link, bytes.length + missing);
      if (result !== DECODED) return;
      assert.ok(packet.payloadCaptured >= 0 && packet.payloadCaptured <= packet.payloadWire);
      assert.ok(packet.payloadCaptured === 0 || packet.payloadStart + packet.payloadCaptured <= 4 + bytes.length);
    }),
    { numRuns: 2000 },
  );
});
