import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Packet } from '../decode/packet.ts';
import { hashOf } from './table.ts';

test('addresses and ports that differ in few bits spread over the buckets, the same for both directions', () => {
  const packet = new Packet();
  const buckets = new Set<number>();
  for (let index = 0; index < 65_536; index++) {
    packet.source3 = (10 << 24) | ((index >> 10) << 16) | 1;
    packet.target3 = (10 << 24) | 2;
    packet.sourcePort = 1 + (index & 1023);
    packet.targetPort = 80;
    const hash = hashOf(packet);
    [packet.source3, packet.target3] = [packet.target3, packet.source3];
    [packet.sourcePort, packet.targetPort] = [packet.targetPort, packet.sourcePort];
    assert.equal(hashOf(packet), hash);
    buckets.add(hash & 65_535);
  }
  // Random hashing would fill 1 - 1/e = 63 % of them.
  assert.ok(buckets.size > 0.55 * 65_536, String(buckets.size));
});

test('bits exchanged between the two ends give other buckets: nobody can fill one by choosing addresses', () => {
  const packet = new Packet();
  const buckets = new Set<number>();
  // The exclusive or and the sum of both addresses are the same in all of these.
  for (let bits = 0; bits < 65_536; bits++) {
    packet.source3 = 0x0a00_0000 | bits;
    packet.target3 = 0x0a00_0000 | (bits ^ 0xffff);
    packet.sourcePort = 1000;
    packet.targetPort = 80;
    buckets.add(hashOf(packet) & 65_535);
  }
  assert.ok(buckets.size > 0.55 * 65_536, String(buckets.size));
});
