import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PcapWriter } from '../../load-tests/wire/packets.ts';
import type { PacketSink } from './packet-sink.ts';
import { CaptureSource } from './source.ts';

interface Seen {
  readonly packets: { text: string; wire: number; time: number; linkType: number }[];
  readonly notes: string[];
  readonly damaged: { packets: number; bytes: number };
  readonly drops: number;
}

function read(chunks: readonly Buffer[]): Seen {
  const packets: Seen['packets'] = [];
  const notes: string[] = [];
  const damaged = { packets: 0, bytes: 0 };
  let drops = 0;
  const sink: PacketSink = {
    packet(bytes, start, captured, wire, time, linkType) {
      packets.push({ text: bytes.toString('latin1', start, start + captured), wire, time, linkType });
    },
    note: (sentence) => notes.push(sentence),
    damaged(count, bytes) {
      damaged.packets += count;
      damaged.bytes += bytes;
    },
    kernelDrops(count) {
      drops += count;
    },
  };
  const source = new CaptureSource('x.pcap', sink);
  for (const chunk of chunks) source.write(chunk);
  source.end();
  return { packets, notes, damaged, drops };
}

/** pcapng blocks, written independently of the reader. */
class Ng {
  readonly #big: boolean;
  readonly #blocks: Buffer[] = [];

  constructor(big: boolean) {
    this.#big = big;
  }

  u32(...values: number[]): Buffer {
    const bytes = Buffer.alloc(values.length * 4);
    values.forEach((value, index) => {
      if (this.#big) bytes.writeUInt32BE(value, index * 4);
      else bytes.writeUInt32LE(value, index * 4);
    });
    return bytes;
  }

  u16(...values: number[]): Buffer {
    const bytes = Buffer.alloc(values.length * 2);
    values.forEach((value, index) => {
      if (this.#big) bytes.writeUInt16BE(value, index * 2);
      else bytes.writeUInt16LE(value, index * 2);
    });
    return bytes;
  }

  u64(value: bigint): Buffer {
    const bytes = Buffer.alloc(8);
    if (this.#big) bytes.writeBigInt64BE(value);
    else bytes.writeBigInt64LE(value);
    return bytes;
  }

  option(code: number, value: Buffer): Buffer {
    return Buffer.concat([this.u16(code, value.length), padded(value)]);
  }

  block(type: number, ...parts: Buffer[]): this {
    const body = padded(Buffer.concat(parts));
    const total = this.u32(body.length + 12);
    this.#blocks.push(this.u32(type), total, body, total);
    return this;
  }

  section(): this {
    return this.block(0x0a0d0d0a, this.u32(0x1a2b3c4d), this.u16(1, 0), Buffer.alloc(8, 255));
  }

  enhanced(index: number, time: bigint, data: string, wire = data.length): this {
    const halves = this.u32(index, Number(time >> 32n), Number(time & 0xffffffffn), data.length, wire);
    return this.block(6, halves, Buffer.from(data));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#blocks);
  }
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

const TIME = 1_700_000_000_123_456;

for (const bigEndian of [false, true]) {
  for (const nanoseconds of [false, true]) {
    test(`reads pcap, ${bigEndian ? 'big' : 'little'} endian, ${nanoseconds ? 'ns' : 'µs'}`, () => {
      const writer = new PcapWriter({ bigEndian, nanoseconds, linkType: 113, snapLength: 4 });
      writer.packet(TIME, Buffer.from('one'));
      writer.packet(TIME + 1, Buffer.from('three'));
      assert.deepEqual(read([writer.bytes()]).packets, [
        { text: 'one', wire: 3, time: TIME, linkType: 113 },
        { text: 'thre', wire: 5, time: TIME + 1, linkType: 113 },
      ]);
    });
  }

  test(`reads pcapng, ${bigEndian ? 'big' : 'little'} endian: interfaces, resolutions, all packet blocks, drops`, () => {
    const ng = new Ng(bigEndian);
    ng.section()
      .block(1, ng.u16(1, 0), ng.u32(0))
      .block(1, ng.u16(276, 0), ng.u32(0), ng.option(2, Buffer.from('eth0')), ng.option(9, Buffer.from([9])))
      .block(1, ng.u16(101, 0), ng.u32(0), ng.option(9, Buffer.from([0x80 | 20])), ng.option(14, ng.u64(-5n)))
      .block(0x0bad, Buffer.from('unknown block'))
      .enhanced(0, BigInt(TIME), 'micro')
      .enhanced(1, BigInt(TIME) * 1000n + 999n, 'nano', 99)
      .enhanced(2, (1_700_000_005n << 20n) + (1n << 19n), 'half')
      .block(3, ng.u32(6), Buffer.from('simple'))
      .block(
        2,
        ng.u16(1, 3),
        ng.u32(Number((BigInt(TIME) * 1000n) >> 32n), Number((BigInt(TIME) * 1000n) & 0xffffffffn), 3, 3),
        Buffer.from('old'),
      )
      .block(5, ng.u32(0, 0, 0), ng.option(5, ng.u64(7n)))
      .block(5, ng.u32(0, 0, 0), ng.option(5, ng.u64(9n)), ng.option(7, ng.u64(2n)));
    const { packets, drops, notes } = read([ng.bytes()]);
    assert.deepEqual(packets, [
      { text: 'micro', wire: 5, time: TIME, linkType: 1 },
      { text: 'nano', wire: 99, time: TIME, linkType: 276 },
      { text: 'half', wire: 4, time: 1_700_000_000_500_000, linkType: 101 },
      { text: 'simple', wire: 6, time: 1_700_000_000_500_000, linkType: 1 },
      { text: 'old', wire: 3, time: TIME, linkType: 276 },
    ]);
    assert.equal(drops, 3 + 9);
    assert.deepEqual(notes, []);
  });
}

test('a second section has its own byte order and interfaces', () => {
  const first = new Ng(false).section();
  const second = new Ng(true).section();
  first.block(1, first.u16(1, 0), first.u32(0)).enhanced(0, 1n, 'a');
  second.block(1, second.u16(12, 0), second.u32(0)).enhanced(0, 2n, 'b');
  const { packets } = read([first.bytes(), second.bytes()]);
  assert.deepEqual(
    packets.map(({ text, linkType }) => [text, linkType]),
    [
      ['a', 1],
      ['b', 12],
    ],
  );
});

test('chunks cut anywhere give the same packets', () => {
  const pcap = new PcapWriter();
  const ng = new Ng(true).section();
  ng.block(1, ng.u16(1, 0), ng.u32(0));
  for (const length of [0, 1, 1448, 3, 9000, 60]) {
    pcap.packet(TIME, Buffer.alloc(length, 'p'));
    ng.enhanced(0, BigInt(TIME), 'n'.repeat(length));
  }
  for (const bytes of [pcap.bytes(), ng.bytes()]) {
    const whole = read([bytes]);
    assert.equal(whole.packets.length, 6);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 20 }), (cuts) => {
        const borders = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const chunks = borders.slice(1).map((border, index) => bytes.subarray(borders[index], border));
        assert.deepEqual(read(chunks), whole);
      }),
      { numRuns: 200 },
    );
    assert.deepEqual(read(Array.from(bytes, (byte) => Buffer.from([byte]))), whole);
  }
});

test('a capture that ends within a record gives what came before, a note and the bytes', () => {
  const writer = new PcapWriter();
  writer.packet(TIME, Buffer.from('whole'));
  writer.packet(TIME, Buffer.from('cut off'));
  const seen = read([writer.bytes().subarray(0, -2)]);
  assert.deepEqual(
    seen.packets.map(({ text }) => text),
    ['whole'],
  );
  assert.deepEqual(seen.damaged, { packets: 1, bytes: 16 + 5 });
  assert.equal(seen.notes.length, 1);
});

test('after a damaged record header the rest is counted and not guessed at, wherever the chunks are cut', () => {
  const writer = new PcapWriter();
  writer.packet(TIME, Buffer.from('good'));
  const garbage = Buffer.alloc(100, 0xee);
  const bytes = Buffer.concat([writer.bytes(), garbage]);
  for (const size of [1, 7, 16, 50, 1000]) {
    const chunks = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const seen = read(chunks);
    assert.deepEqual(
      seen.packets.map(({ text }) => text),
      ['good'],
    );
    assert.deepEqual(seen.damaged, { packets: 1, bytes: 100 });
    assert.match(seen.notes[0] ?? '', /damaged packet record/);
  }
});

test('what is no capture is told, not thrown', () => {
  const seen = read([Buffer.from('PK\u0003\u0004 a zip file')]);
  assert.match(seen.notes[0] ?? '', /not a pcap or pcapng/);
  assert.equal(seen.damaged.bytes, 15);
});

test('random bytes behind a valid beginning never throw', () => {
  const ng = new Ng(false).section();
  ng.block(1, ng.u16(1, 0), ng.u32(0));
  const beginnings = [new PcapWriter().bytes(), ng.bytes()];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(200), (noise, cut) => {
      for (const beginning of beginnings) {
        const bytes = Buffer.concat([beginning, noise]);
        read([bytes.subarray(0, cut), bytes.subarray(cut)]);
      }
    }),
  );
});
