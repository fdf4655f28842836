/** Whatever `ws` writes is read as it was sent, however it is cut, resumed or torn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Piece, readAll, type Sent, written } from './testing.ts';

const word = fc.constantFrom('word ', 'é😀', '"', '\u0000', '\\', '\x81\x05Hello', '{"type":"x"', 'a'.repeat(300), ' ');
const text = fc
  .tuple(fc.nat({ max: 1_000_000 }), fc.array(word, { maxLength: 12 }), fc.constantFrom(1, 1, 1, 40))
  .map(([id, words, times]) => JSON.stringify({ type: 'response.x', id, text: words.join('').repeat(times) }));
const sent: fc.Arbitrary<Sent> = fc.record({
  text,
  fragments: fc.array(fc.nat({ max: 400 }), { maxLength: 3 }),
  compress: fc.boolean(),
  pings: fc.constantFrom(0, 0, 0, 1),
});
const side = fc.constantFrom('client' as const, 'server' as const);
const context = fc.constantFrom(null, true, false);
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });

/** A mask that differs from frame to frame, and is the same again in the next run. */
function masks(): (mask: Buffer) => void {
  let state = 1;
  return (mask) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    mask.writeUInt32BE(state);
  };
}

function cut(bytes: Buffer, where: readonly number[]): Buffer[] {
  const ends = [...where.map((each) => Math.floor(each * bytes.length)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, n) => bytes.subarray(ends[n - 1] ?? 0, end)).filter(({ length }) => length > 0);
}

test('what ws writes is read as it was sent, with any segmentation', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(sent, { maxLength: 8 }), side, context, cuts, async (messages, from, mode, where) => {
      const bytes = Buffer.concat(await written(messages, from, mode, masks()));
      const { messages: read, lost, reader } = readAll(cut(bytes, where), from, mode);
      assert.deepEqual(
        read.map((each) => each.text),
        messages.map((each) => each.text),
      );
      assert.deepEqual([lost, reader.skippedBytes], [0, 0]);
      assert.ok(read.every(({ problem, isText, start, end }) => problem === '' && isText && start <= end));
    }),
    { numRuns: 300 },
  );
});

test('a successor that begins where a reader stood reads the rest, also with a shared inflate context', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(sent, { minLength: 1, maxLength: 8 }),
      side,
      context,
      cuts,
      async (messages, from, mode, where) => {
        const bytes = Buffer.concat(await written(messages, from, mode, masks()));
        const pieces = cut(bytes, where);
        const whole = readAll(pieces, from, mode);
        whole.standings.forEach((standing, n) => {
          const rest = readAll(cut(bytes.subarray(standing.offset), where), from, mode, {}, standing);
          const before = readAll(pieces.slice(0, n + 1), from, mode).messages.length;
          assert.deepEqual(
            rest.messages.map((each) => [each.offset, each.text]),
            whole.messages.slice(before).map((each) => [each.offset, each.text]),
          );
        });
      },
    ),
    { numRuns: 60 },
  );
});

test('with holes, whatever is told as whole was sent, in that order', async () => {
  const holes = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 200 })), {
    minLength: 1,
    maxLength: 3,
  });
  let readBehindHoles = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(sent, { maxLength: 8 }),
      side,
      context,
      cuts,
      holes,
      async (messages, from, mode, where, torn) => {
        const frames = await written(messages, from, mode, masks());
        // Most messages begin a segment, as on real connections.
        const segments = frames.flatMap((each, n) => (n % 4 === 3 ? cut(each, where) : [each]));
        const pieces: Piece[] = segments.flatMap((segment, n): Piece[] => {
          const hole = torn.find(([at]) => Math.floor(at * segments.length) === n);
          if (hole === undefined) return [segment];
          const missing = Math.min(segment.length, hole[1]);
          return missing === segment.length ? [missing] : [missing, segment.subarray(missing)];
        });
        const { messages: read } = readAll(pieces, from, mode);
        let at = 0;
        for (const each of read.filter(({ problem }) => problem === '')) {
          at = messages.findIndex(({ text: expected }, n) => n >= at && expected === each.text) + 1;
          assert.ok(at > 0, 'a message that was never sent');
          if (pieces.indexOf(pieces.find((piece) => typeof piece === 'number')!) < each.start) readBehindHoles++;
        }
      },
    ),
    { numRuns: 400 },
  );
  assert.ok(readBehindHoles > 100, `only ${readBehindHoles} messages were read behind holes`);
});
