import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encapsulate, ethernet, type Layer, layers, mpls, vlan, vxlan } from '../load-tests/wire/encapsulation.ts';
import { PcapWriter } from '../load-tests/wire/packets.ts';
import type { Frame } from '../schemas/frame.ts';
import { Capture } from './capture.ts';
import { CAPTURE_DEFAULTS } from './options.ts';
import { HANDSHAKE, REQUEST, RESPONSE, type Step, type TimedPacket, timed } from './scenario.ts';

const inVxlan = (vni: number): Layer => layers(ethernet(), vxlan({ vni }));

/** An exchange whose sequence numbers begin elsewhere; `name` is in both bodies. */
function exchange(name: string, shift: number): readonly TimedPacket[] {
  const steps: Step[] = [
    ...HANDSHAKE,
    { from: 'c', flags: 'PA', seq: 1001, ack: 5001, data: REQUEST },
    { from: 's', flags: 'PA', seq: 5001, ack: 1001 + REQUEST.length, data: `${RESPONSE}${name}` },
    { from: 'c', flags: 'FA', seq: 1001 + REQUEST.length, ack: 5001 + RESPONSE.length + name.length },
    { from: 's', flags: 'FA', seq: 5001 + RESPONSE.length + name.length, ack: 1002 + REQUEST.length },
  ];
  return timed(
    steps.map((step) => ({
      ...step,
      seq: step.seq + shift,
      ack: step.flags === 'S' ? 0 : step.ack + shift,
    })),
  );
}

function capture(packets: readonly { readonly packet: TimedPacket; readonly layer: Layer | null }[]): {
  readonly frames: readonly Frame[];
  readonly retransmitted: number;
} {
  const writer = new PcapWriter();
  for (const { packet, layer } of packets) {
    for (const frame of encapsulate(packet.packet, layer ?? ((inner) => [inner]))) writer.packet(packet.time, frame);
  }
  const frames: Frame[] = [];
  const probe = new Capture(CAPTURE_DEFAULTS, (frame) => frames.push(frame));
  probe.write(writer.bytes());
  probe.end('eof');
  const report = probe.takeReport();
  assert.deepEqual(report.losses, []);
  return { frames, retransmitted: report.retransmittedBytes };
}

const textOf = (frames: readonly Frame[]): string[] => frames.map((frame) => frame.payload.toString()).filter(Boolean);
const ids = (frames: readonly Frame[]): number => new Set(frames.map(({ connection }) => connection)).size;

test('two networks with the same addresses and ports at the same time are two connections', () => {
  for (const [one, two] of [
    [inVxlan(1), inVxlan(2)],
    [vlan(1), vlan(2)],
    [mpls([16, 100]), mpls([16, 101])],
    [null, inVxlan(1)],
  ] as const) {
    const first = exchange('first', 0).map((packet) => ({ packet, layer: one }));
    const second = exchange('second', 1_700_000_000).map((packet) => ({ packet, layer: two }));
    const { frames } = capture(first.flatMap((each, at) => [each, second[at]!]));
    assert.equal(ids(frames), 2);
    assert.deepEqual(textOf(frames).sort(), [`${REQUEST}${RESPONSE}first`, `${REQUEST}${RESPONSE}second`].sort());
  }
});

test('a connection whose directions are in two networks, as with asymmetric routing, is one connection', () => {
  const { frames } = capture(
    exchange('x', 0).map((packet, at) => ({ packet, layer: [0, 2, 3, 5].includes(at) ? vlan(1) : vlan(2) })),
  );
  assert.equal(ids(frames), 1);
  assert.deepEqual(textOf(frames), [`${REQUEST}${RESPONSE}x`]);
});

test('a packet that is mirrored at two places, in two tunnels, is one packet', () => {
  const both = exchange('x', 0).flatMap((packet) => [
    { packet, layer: inVxlan(1) },
    { packet, layer: inVxlan(2) },
  ]);
  const { frames, retransmitted } = capture(both);
  assert.equal(ids(frames), 1);
  assert.deepEqual(textOf(frames), [`${REQUEST}${RESPONSE}x`]);
  assert.equal(retransmitted, REQUEST.length + RESPONSE.length + 1);
});

test('an id does not depend on the tunnel: the same traffic mirrored in another way is known again', () => {
  const id = (layer: Layer | null): string =>
    capture(exchange('x', 0).map((packet) => ({ packet, layer }))).frames[0]!.connection;
  assert.equal(id(inVxlan(7)), id(null));
  assert.equal(id(vlan(3)), id(null));
});
