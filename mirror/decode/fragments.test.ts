import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DECODE_DEFAULTS, type DecodeOptions } from './decode-options.ts';
import { Packet } from './packet.ts';

const DATA = Buffer.from(Array.from({ length: 640 }, (_, at) => at & 255));
const TIME = 1_700_000_000_000_000;

interface Piece {
  readonly from: number;
  readonly to: number;
  /** Another content. */
  readonly other?: boolean;
  readonly id?: number;
  readonly time?: number;
  readonly total?: number;
}

function feed(pieces: readonly Piece[], options: Partial<DecodeOptions> = {}): { packet: Packet; whole: Buffer[] } {
  const packet = new Packet({ ...DECODE_DEFAULTS, ...options });
  const whole: Buffer[] = [];
  for (const { from, to, other = false, id = 1, time = 0, total = DATA.length } of pieces) {
    packet.bytes = other ? Buffer.from(DATA.map((byte) => byte ^ 1)) : DATA;
    packet.time = TIME + time;
    const result = packet.fragments.add(packet, id, 6, from, to < total, from, to);
    if (result !== null) whole.push(result.bytes);
  }
  return { packet, whole };
}

test('fragments in any order, cut anywhere, repeated and overlapping, give the datagram once', () => {
  const borders = fc.uniqueArray(
    fc.integer({ min: 1, max: 79 }).map((unit) => unit * 8),
    { maxLength: 20 },
  );
  const extra = fc.array(fc.tuple(fc.nat(78), fc.integer({ min: 1, max: 20 })), { maxLength: 6 });
  fc.assert(
    fc.property(borders, extra, fc.infiniteStream(fc.nat()), (cuts, repeats, order) => {
      const sorted = [0, ...cuts.sort((a, b) => a - b), DATA.length];
      const pieces: Piece[] = sorted.slice(1).map((to, at) => ({ from: sorted[at]!, to }));
      for (const [unit, units] of repeats)
        pieces.push({ from: unit * 8, to: Math.min(DATA.length, (unit + units) * 8) });
      const keys = new Map(pieces.map((piece) => [piece, order.next().value as number]));
      const { whole, packet } = feed(pieces.toSorted((a, b) => keys.get(a)! - keys.get(b)!));
      assert.ok(whole.length >= 1 && whole.every((bytes) => bytes.equals(DATA)));
      packet.fragments.end();
      assert.deepEqual([packet.fragments.size, packet.fragments.weight], [0, 0]);
    }),
  );
});

test('fragments that overlap and disagree drop their datagram, with all that still comes of it, and are counted', () => {
  const { whole, packet } = feed([
    { from: 0, to: 320 },
    { from: 160, to: 480, other: true },
    { from: 320, to: 640 },
    { from: 0, to: 320 },
  ]);
  assert.deepEqual(whole, []);
  // The overlapping part up to the disagreement was not kept.
  assert.equal(packet.fragments.takeLost().packets, 4);
});

test('two ends, data behind the end and odd lengths in the middle are damage', () => {
  const damaged: Piece[][] = [
    [
      { from: 160, to: 320, total: 320 },
      { from: 320, to: 640 },
      { from: 0, to: 160 },
    ],
    [
      { from: 320, to: 640 },
      { from: 160, to: 320, total: 320 },
      { from: 0, to: 160 },
    ],
    [
      { from: 0, to: 321 },
      { from: 321, to: 640 },
    ],
  ];
  for (const pieces of damaged) {
    const { packet, whole } = feed(pieces);
    assert.deepEqual(whole, []);
    assert.equal(packet.fragments.takeLost().packets, pieces.length);
  }
});

test('what never becomes whole is given up after its time, counted', () => {
  const { packet } = feed([
    { from: 0, to: 320 },
    { from: 0, to: 8, id: 2, time: 29_000_000 },
  ]);
  assert.equal(packet.fragments.size, 2);
  packet.fragments.expire(TIME + 30_000_000);
  assert.equal(packet.fragments.size, 1);
  assert.deepEqual(packet.fragments.takeLost(), { packets: 1, bytes: 320 });
});

test('memory for fragments stays within its limit: the oldest go', () => {
  const pieces = Array.from({ length: 3_000 }, (_, id): Piece => ({ from: 0, to: 320, id }));
  const { packet } = feed(pieces, { fragmentBytesMax: 100_000 });
  assert.ok(packet.fragments.weight <= 100_000);
  assert.ok(packet.fragments.takeLost().packets > 2_700);
  const tiny = Array.from({ length: 300 }, (_, at): Piece => ({ from: at * 2 * 8, to: at * 2 * 8 + 8, total: 65_000 }));
  const many = feed(tiny.map((piece) => ({ ...piece, from: piece.from % 640, to: (piece.from % 640) + 8 })));
  assert.ok(many.packet.fragments.weight < 100_000);
});
