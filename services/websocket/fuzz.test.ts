/**
 * Hostile bytes: nothing throws, nothing hangs, memory stays bounded. A few thousand inputs here; for millions
 *
 *     FUZZ_RUNS=3000000 PROPERTY_SEED=random npm test -- services/websocket/fuzz.test.ts
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { MessageInflate } from './inflate.ts';
import { SOCKET_DEFAULTS } from './options.ts';
import { readAll } from './testing.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 4000);
/** Of one input, however bad. */
const INPUT_MS_MAX = 2000;
const LIMITS = { messageBytesMax: 200_000, inflatedFloorBytes: 50_000 };

const opcode = fc.integer({ min: 0, max: 255 });
const lengths = fc.constantFrom(0, 1, 5, 125, 126, 127, 128 + 5, 128 + 126, 128 + 127, 255);
const huge = fc.constantFrom(
  Buffer.from('00000000ffffffff', 'hex'),
  Buffer.from('7fffffffffffffff', 'hex'),
  Buffer.from('ffffffffffffffff', 'hex'),
  Buffer.from('0000000000010000', 'hex'),
  Buffer.from('ffff', 'hex'),
);
const bomb = deflateRawSync(Buffer.alloc(5_000_000), { finishFlush: 2 }).subarray(0, -4);
const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const packed = fc
  .tuple(fc.string({ maxLength: 50 }), fc.nat({ max: 60 }), fc.integer({ min: 0, max: 255 }))
  .map(([text, at, byte]) => {
    const bytes = deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4);
    const damaged = Buffer.from(bytes);
    if (at < damaged.length) damaged[at] = byte;
    return damaged;
  });
const head = fc.tuple(opcode, lengths).map(([first, second]) => Buffer.from([first, second]));
const whole = fc
  .tuple(fc.constantFrom(0x81, 0xc1, 0x01, 0x41, 0x80, 0x00, 0x89, 0x82), fc.oneof(noise, packed))
  .map(([first, payload]) => {
    return Buffer.concat([Buffer.from([first, payload.length]), payload]);
  });
const bombFrame = Buffer.concat([Buffer.from([0xc1, 0x7e, bomb.length >> 8, bomb.length & 0xff]), bomb]);
const piece = fc.oneof(
  { weight: 4, arbitrary: whole },
  { weight: 2, arbitrary: head },
  { weight: 2, arbitrary: noise },
  { weight: 1, arbitrary: huge },
  { weight: 1, arbitrary: fc.constant(bombFrame) },
  { weight: 1, arbitrary: fc.nat({ max: 300 }) },
);
const side = fc.constantFrom('client' as const, 'server' as const);

test('any bytes are read without an error, within time and memory', () => {
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      side,
      fc.constantFrom(null, true, false),
      (pieces, from, context) => {
        const started = performance.now();
        const { messages, reader, standings } = readAll(pieces, from, context, LIMITS);
        reader.end();
        reader.shed(true);
        assert.ok(performance.now() - started < INPUT_MS_MAX);
        assert.ok(reader.heldBytes < 3 * LIMITS.messageBytesMax);
        assert.ok(messages.every(({ text }) => text.length <= LIMITS.messageBytesMax));
        const sent = pieces.reduce<number>((sum, each) => sum + (typeof each === 'number' ? each : each.length), 0);
        assert.ok(standings.every(({ offset }) => offset >= 0 && offset <= sent));
      },
    ),
    { numRuns: RUNS },
  );
});

test('whatever is inflated stays below its limits', () => {
  const limits = { ...SOCKET_DEFAULTS, ...LIMITS };
  fc.assert(
    fc.property(
      fc.oneof(noise, packed, fc.constant(bomb)),
      noise,
      fc.boolean(),
      fc.boolean(),
      (payload, window, context, isWhole) => {
        const inflate = new MessageInflate(context, limits, window);
        const result = inflate.read(payload, isWhole);
        inflate.accept(true);
        assert.ok(typeof result === 'string' || result.length <= LIMITS.messageBytesMax);
        assert.ok((inflate.window?.length ?? 0) <= 32_768);
      },
    ),
    { numRuns: RUNS },
  );
});

test('many tiny fragments cost no more memory than their bytes', () => {
  const fragment = Buffer.from([0x00, 0x01, 0x41]);
  const bytes = Buffer.concat([Buffer.from([0x01, 0x00]), ...Array.from({ length: 100_000 }, () => fragment)]);
  const { reader } = readAll([bytes], 'server', null, LIMITS);
  assert.ok(reader.heldBytes < 3 * LIMITS.messageBytesMax);
});
