import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv6Text } from './identity.ts';
import { HANDSHAKE, REQUEST, run, type Step } from './scenario.ts';

test('IPv6 addresses are written as RFC 5952 says', () => {
  const cases: [number[], string][] = [
    [[0, 0, 0, 0], '::'],
    [[0, 0, 0, 1], '::1'],
    [[0x20010db8, 0, 0, 1], '2001:db8::1'],
    [[0x20010db8, 0x00000001, 0x00010001, 0x00010001], '2001:db8:0:1:1:1:1:1'],
    [[0x20010000, 0x00000001, 0, 0x00000001], '2001:0:0:1::1'],
    [[0x20010db8, 0, 0x00010000, 0x00000001], '2001:db8::1:0:0:1'],
    [[0xfe800000, 0, 0, 0], 'fe80::'],
    [[0, 0, 0xffff, 0x0a000001], '::ffff:10.0.0.1'],
  ];
  for (const [words, text] of cases) assert.equal(ipv6Text(words), text);
});

test('ids are the same for the same packets and differ by network, initial sequence number and ports', () => {
  const steps: Step[] = [...HANDSHAKE, { from: 'c', flags: 'PA', seq: 1001, ack: 5001, data: REQUEST }];
  const id = (own: readonly Step[], network = ''): string | undefined => run(own, { network }).frames[0]?.connection;
  const moved = steps.map((step) =>
    step.from === 'c' ? { ...step, seq: step.seq + 1 } : { ...step, ack: step.ack + 1 },
  );
  const otherPort = steps.map((step) => ({ ...step, client: { ip: '10.0.0.1', port: 40_001 } }));
  const ids = [id(steps), id(steps, 'lab'), id(moved), id(otherPort), id(steps.slice(3))];
  assert.equal(new Set(ids).size, 5);
  for (const each of ids) assert.match(each ?? '', /^[0-9a-f]{32}$/);
  assert.equal(id(steps), ids[0]);
});
