/** Readers of pcap and pcapng. An input is where to cut the file (2 bytes), then the file: cut or whole, the same must come out. */
import assert from 'node:assert/strict';
import type { PacketSink } from '../../../mirror/readers/packet-sink.ts';
import { CaptureSource } from '../../../mirror/readers/source.ts';
import { PcapWriter } from '../../wire/packets.ts';
import type { FuzzTarget } from '../target.ts';

interface Seen {
  packets: number;
  bytes: number;
  drops: number;
  damaged: number;
  notes: number;
  check: number;
}

function read(chunks: readonly Buffer[]): Seen {
  const seen: Seen = { packets: 0, bytes: 0, drops: 0, damaged: 0, notes: 0, check: 0 };
  const sink: PacketSink = {
    packet(bytes, start, captured, wire, time, linkType) {
      assert.ok(start >= 0 && captured >= 0 && wire >= captured && start + captured <= bytes.length, 'packet');
      assert.ok(Number.isFinite(time), 'time');
      seen.packets++;
      seen.bytes += captured;
      seen.check = (Math.imul(seen.check, 31) + linkType + (captured > 0 ? bytes[start + captured - 1]! : 0)) | 0;
    },
    note: () => seen.notes++,
    damaged: (_packets, bytes) => (seen.damaged += bytes),
    kernelDrops: (packets) => {
      assert.ok(packets >= 0, 'drops');
      seen.drops += packets;
    },
  };
  const source = new CaptureSource('x', sink);
  for (const chunk of chunks) source.write(chunk);
  source.end();
  return seen;
}

function pcapng(): Buffer {
  const block = (type: number, ...words: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(12 + words.length * 4);
    [type, bytes.length, ...words, bytes.length].forEach((word, at) => {
      bytes.writeUInt32LE(word >>> 0, at * 4);
    });
    return bytes;
  };
  return Buffer.concat([
    block(0x0a0d0d0a, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff),
    block(1, 1, 0),
    block(1, 101, 0, 0x0001_0009, 9, 0x0008_000e, 5, 0, 0),
    block(6, 0, 0x60000, 5, 8, 9, 0x61616161, 0x62626262),
    block(6, 1, 0x60000, 5, 4, 4, 0x61616161),
    block(3, 4, 0x61616161),
    block(2, 1, 0x60000, 5, 4, 4, 0x61616161),
    block(5, 0, 0, 0, 0x0008_0005, 7, 0, 0x0008_0007, 2, 0),
  ]);
}

function pcap(bigEndian: boolean, nanoseconds: boolean): Buffer {
  const writer = new PcapWriter({ bigEndian, nanoseconds });
  for (const length of [0, 3, 60, 300]) writer.packet(1_700_000_000_123_456, Buffer.alloc(length, 'p'));
  return writer.bytes();
}

export const mirrorReaders: FuzzTarget = {
  name: 'mirror/readers',
  share: 2,
  tokens: [Buffer.from('0a0d0d0a1c0000004d3c2b1a', 'hex'), Buffer.from('d4c3b2a1', 'hex')],
  seeds: () =>
    [pcapng(), pcap(false, false), pcap(true, false), pcap(true, true), Buffer.concat([pcapng(), pcapng()])].map(
      (file) => Buffer.concat([Buffer.from([0, 50]), file]),
    ),
  run(input) {
    if (input.length < 2) return 0;
    const file = input.subarray(2);
    const cut = file.length === 0 ? 0 : input.readUInt16BE(0) % file.length;
    const whole = read([file]);
    assert.ok(whole.bytes <= file.length, 'bytes');
    assert.deepEqual(read([file.subarray(0, cut), file.subarray(cut)]), whole);
    return (
      (Math.min(whole.packets, 15) * 4 + Math.min(whole.notes, 3)) * 4 +
      (whole.drops > 0 ? 2 : 0) +
      (whole.damaged > 0 ? 1 : 0)
    );
  },
};
