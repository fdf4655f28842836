/** Frames by hand and frames by avsc are the same bytes: avsc is the oracle, by the schema's file. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import avsc from 'avsc';
import fc from 'fast-check';
import type { ConnectionId } from '../services/common/types.ts';
import { loadSchemas } from './avro/contract.ts';
import { frameCodec, SCHEMA_FILES } from './codec.ts';
import type { Frame } from './frame.ts';
import { FRAME_BODY } from './frame-body.ts';
import { anyFrame, usualFrame } from './frame-testing.ts';
import { plain } from './testing.ts';

const type = avsc.Type.forSchema(loadSchemas(SCHEMA_FILES.frame)[0]!);

function byAvsc(frame: Frame): Buffer {
  return type.toBuffer({ ...frame, connection: Buffer.from(frame.connection, 'hex') });
}

function byHand(frame: Frame, start: number): Buffer {
  const bytes = Buffer.alloc(start + FRAME_BODY.sizeMax(frame), 0xee);
  const end = FRAME_BODY.write(frame, bytes, start);
  assert.ok(end <= bytes.length, 'the bound on its size holds');
  return bytes.subarray(start, end);
}

describe('a frame coded by hand', () => {
  it('is byte for byte what avsc writes by the schema', () => {
    fc.assert(
      fc.property(usualFrame, fc.nat({ max: 20 }), (frame, start) => byHand(frame, start).equals(byAvsc(frame))),
    );
  });

  it('comes back as it was, from memory of its own', () => {
    fc.assert(
      fc.property(usualFrame, (frame) => {
        const bytes = byAvsc(frame);
        const back = FRAME_BODY.read(bytes, 0);
        assert.ok(back !== null);
        bytes.fill(0);
        assert.deepEqual(plain(back), plain(frame));
      }),
    );
  });

  it('is left to avsc wherever a byte is missing, or one too many', () => {
    fc.assert(
      fc.property(usualFrame, fc.nat(), (frame, cut) => {
        const bytes = byAvsc(frame);
        for (const damaged of [bytes.subarray(0, cut % bytes.length), Buffer.concat([bytes, Buffer.from([0])])]) {
          assert.equal(
            quietly(() => FRAME_BODY.read(damaged, 0)),
            null,
          );
        }
      }),
    );
  });

  it('is read by avsc where another writer has told the size of its lists', () => {
    const [frame] = fc.sample(
      usualFrame.filter(({ segments }) => segments.length > 0),
      { numRuns: 1, seed: 7 },
    );
    const segments = frame!.segments.slice(0, 1);
    const one = { ...frame!, segments, labels: {} };
    const bytes = byAvsc(one);
    // Where the list begins is where the frame without it differs: count 1 (02), … , 0.
    const none = byAvsc({ ...one, segments: [] });
    let at = 0;
    while (bytes[at] === none[at]) at++;
    const item = bytes.length - none.length - 1;
    const sized = Buffer.concat([bytes.subarray(0, at), Buffer.from([1, item * 2]), bytes.subarray(at + 1)]);
    assert.equal(
      quietly(() => FRAME_BODY.read(sized, 0)),
      null,
    );
    const header = frameCodec.encode(one).subarray(0, 10);
    assert.deepEqual(plain(frameCodec.decode(Buffer.concat([header, sized]))), plain(one));
  });

  it('that has no place in the schema is left to avsc, which says so or makes it fit', () => {
    const [usual] = fc.sample(usualFrame, { numRuns: 1, seed: 3 });
    for (const part of [{ sequence: 0.5 }, { close: 'later' }, { connection: 'short' as ConnectionId }]) {
      const frame = { ...usual!, ...part } as Frame;
      assert.throws(() => FRAME_BODY.write(frame, Buffer.alloc(FRAME_BODY.sizeMax(frame)), 0), RangeError);
    }
    assert.equal(frameCodec.decode(frameCodec.encode({ ...usual!, sequence: 0.5 })).sequence % 1, 0);
  });

  it('keeps what was encoded before it, in the same memory or not', () => {
    const frames = fc.sample(anyFrame, { numRuns: 400, seed: 11 });
    const records = frames.map((frame) => frameCodec.encode(frame));
    for (const [n, frame] of frames.entries())
      assert.ok(records[n]!.subarray(10).equals(byAvsc(frame)), `frame ${n} of ${frames.length}`);
  });
});

function quietly<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
