import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Frame, Side } from '../schemas/frame.ts';
import { conversation, duplicate, overlap, reorder, retime, type Turn } from './conversation.ts';
import { capturePackets, START } from './scenario.ts';

const bytes = (prefix: string): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.integer({ min: 1, max: 4000 }), fc.integer())
    .map(([length, seed]) =>
      Buffer.from(
        prefix + Array.from({ length }, (_, at) => String.fromCharCode(33 + ((at * 7 + seed) & 63))).join(''),
      ),
    );
const turn: fc.Arbitrary<Turn> = fc.record({
  request: bytes('POST /v1 HTTP/1.1\r\n'),
  response: bytes('HTTP/1.1 200 OK\r\n'),
});
const network = fc.record({
  turns: fc.array(turn, { minLength: 1, maxLength: 4 }),
  clientIsn: fc.oneof(fc.constant(0xffff_fff0), fc.constant(0x7fff_fff0), fc.nat(0xffff_ffff)),
  serverIsn: fc.oneof(fc.constant(0xffff_ff00), fc.nat(0xffff_ffff)),
  sizes: fc.array(fc.integer({ min: 1, max: 1448 }), { minLength: 1, maxLength: 5 }),
  pauses: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 5 }),
});
/** Fractions in [0, 1): which packets something happens to. */
const picks = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 8 });
const RUNS = { numRuns: 300 };

interface Delivered {
  readonly turns: { readonly side: Side; text: string }[];
  readonly gaps: number;
}

/** The bytes in the order of delivery, neighbours of one side together. */
function delivered(frames: readonly Frame[]): Delivered {
  const turns: { side: Side; text: string }[] = [];
  let gaps = 0;
  for (const frame of frames) {
    let at = 0;
    for (const { side, length, gap } of frame.segments) {
      gaps += gap;
      if (length === 0) continue;
      const text = frame.payload.toString('latin1', at, at + length);
      at += length;
      const last = turns.at(-1);
      if (last?.side === side) last.text += text;
      else turns.push({ side, text });
    }
  }
  return { turns, gaps };
}

function sent(turns: readonly Turn[]): { side: Side; text: string }[] {
  return turns.flatMap(({ request, response }) => [
    { side: 'client' as const, text: request.toString('latin1') },
    { side: 'server' as const, text: response.toString('latin1') },
  ]);
}

test('any segmentation, bounded reordering, duplication and overlap gives the same bytes in causal order without a gap', () => {
  fc.assert(
    fc.property(network, picks, picks, picks, fc.boolean(), (options, moves, copies, overlaps, ownTimes) => {
      const shuffled = reorder(duplicate(overlap(conversation(options), overlaps), copies, 10), moves, 10);
      const { frames, report } = capturePackets(ownTimes ? shuffled : retime(shuffled), { frameBytesMax: 3000 });
      assert.deepEqual(delivered(frames), { turns: sent(options.turns), gaps: 0 });
      assert.deepEqual(report.losses, []);
      assert.equal(new Set(frames.map((frame) => frame.connection)).size, 1);
      assert.deepEqual(
        frames.map((frame) => frame.sequence),
        frames.map((_, index) => index),
      );
      assert.equal(frames.at(-1)?.close, 'fin');
    }),
    RUNS,
  );
});

test('with packets lost every delivered byte is right at its offset and the gaps are exactly what was lost', () => {
  fc.assert(
    fc.property(network, picks, picks, (options, lost, moves) => {
      const all = conversation(options);
      const dropped = new Set(lost.map((pick) => Math.floor(pick * all.length)));
      // The ends of the streams are known: handshake and FINs stay.
      const kept = all.filter(({ packet }, index) => /[SF]/.test(packet.flags) || !dropped.has(index));
      const { frames, report } = capturePackets(reorder(kept, moves, 10), { sniff: false });
      const want = { client: streamOf(options.turns, 'request'), server: streamOf(options.turns, 'response') };
      const offsets = { client: 0, server: 0 };
      let gaps = 0;
      for (const frame of frames) {
        assert.equal(frame.clientOffset, offsets.client);
        assert.equal(frame.serverOffset, offsets.server);
        let at = 0;
        for (const { side, gap, length } of frame.segments) {
          gaps += gap;
          offsets[side] += gap;
          const got = frame.payload.subarray(at, at + length);
          assert.ok(got.equals(want[side].subarray(offsets[side], offsets[side] + length)));
          offsets[side] += length;
          at += length;
        }
      }
      assert.deepEqual(offsets, { client: want.client.length, server: want.server.length });
      const lostBytes = all.reduce(
        (sum, { packet }, index) => (dropped.has(index) && packet.flags === 'PA' ? sum + packet.payload!.length : sum),
        0,
      );
      assert.equal(gaps, lostBytes);
      assert.equal(
        report.losses.reduce((sum, loss) => sum + loss.bytes, 0),
        lostBytes,
      );
      const inFrames = frames.flatMap((frame) => frame.losses).reduce((sum, loss) => sum + loss.bytes, 0);
      assert.equal(inFrames, lostBytes);
    }),
    RUNS,
  );
});

test('the same addresses and ports used again and again, reordered and duplicated across the borders, lose nothing', () => {
  const ending = fc.constantFrom('both FINs', 'no last ACK');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(network, ending), { minLength: 2, maxLength: 4 }),
      picks,
      picks,
      (uses, moves, copies) => {
        let start = 0;
        const packets = uses.flatMap(([options, end], index) => {
          // Initial sequence numbers grow with time (RFC 6528), by about 15 million a second on Linux.
          const isns = { clientIsn: options.clientIsn + index * 40_000_000, serverIsn: options.serverIsn };
          const own = conversation({ ...options, ...isns }).slice(0, end === 'both FINs' ? undefined : -1);
          const shifted = own.map(({ time, packet }) => ({ time: time + start, packet }));
          start = shifted.at(-1)!.time - START + 1000;
          return shifted;
        });
        const { frames, report } = capturePackets(retime(reorder(duplicate(packets, copies, 5), moves, 5)));
        const ids = [...new Set(frames.map((frame) => frame.connection))];
        const texts = ids.map((id) => JSON.stringify(delivered(frames.filter((frame) => frame.connection === id))));
        assert.deepEqual(
          texts.sort(),
          uses.map(([{ turns }]) => JSON.stringify({ turns: sent(turns), gaps: 0 })).sort(),
        );
        assert.deepEqual(report.losses, []);
      },
    ),
    RUNS,
  );
});

function streamOf(turns: readonly Turn[], part: keyof Turn): Buffer {
  return Buffer.concat(turns.map((each) => each[part]));
}
