import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GENERATOR_DEFAULTS, generate } from '../../../load-tests/generator/generate.ts';
import { CAPTURE_DEFAULTS, Capture } from '../../../mirror/index.ts';
import type { Frame } from '../../../schemas/frame.ts';
import type { BusRecord } from '../../bus/bus.ts';
import { packFrames, unpackFrames } from './frame-batch.ts';

function framesOf(seed: number): Frame[] {
  const frames: Frame[] = [];
  const options = { ...CAPTURE_DEFAULTS, labels: { site: 'here' }, frameBytesMax: seed % 2 === 0 ? 700 : 262_144 };
  const capture = new Capture(options, (frame) => frames.push(frame));
  capture.nextSource('memory');
  const traffic = { ...GENERATOR_DEFAULTS, seed, calls: 40, loss: 0.02, midStream: 0.2, http2: 0.3, sockets: 0.3 };
  capture.write(generate(traffic).pcap);
  capture.end('eof');
  return frames;
}

const recordsOf = (frames: readonly Frame[]): BusRecord<Frame>[] =>
  frames.map((value, offset) => ({ key: value.connection, offset: offset * 3, value }));

/** As between two threads. */
function sent(records: readonly BusRecord<Frame>[]): BusRecord<Frame>[] {
  const { batch, transfer } = packFrames(records);
  return unpackFrames(structuredClone(batch, { transfer: [...transfer] as ArrayBuffer[] }));
}

test('frames arrive as they were, with every loss, close and gap', () => {
  for (const seed of [1, 2, 3, 4]) {
    const frames = framesOf(seed);
    const expected = recordsOf(
      structuredClone(frames).map((frame) => ({ ...frame, payload: Buffer.from(frame.payload) })),
    );
    assert.ok(frames.some(({ close }) => close !== null) && frames.some(({ losses }) => losses.length > 0));
    assert.ok(frames.some(({ segments }) => segments.some(({ gap }) => gap > 0)));
    const received: BusRecord<Frame>[] = [];
    for (let at = 0; at < frames.length; at += 17) received.push(...sent(recordsOf(frames).slice(at, at + 17)));
    assert.deepEqual(received, expected);
  }
});

test('facts that change within a connection are those of each frame', () => {
  const [first] = framesOf(1) as [Frame, ...Frame[]];
  const guessed: Frame = { ...first, client: first.server, server: first.client, rolesSource: 'guess', probe: 'other' };
  const tagged: Frame = { ...first, process: { pid: 7, started: 9, name: 'node' }, payload: Buffer.alloc(0) };
  const frames = [first, guessed, tagged, first].map((frame) => ({ ...frame, payload: Buffer.from(frame.payload) }));
  const expected = recordsOf(frames.map((frame) => ({ ...frame, payload: Buffer.from(frame.payload) })));
  assert.deepEqual(sent(recordsOf(frames)), expected);
});

test('a frame that is kept keeps no bytes of others, and what others use stays where it is', () => {
  const [first] = framesOf(1) as [Frame, ...Frame[]];
  const large = Buffer.allocUnsafeSlow(100_000).fill('x');
  const payloads = [Buffer.from('small'), large.subarray(500, 700), large, Buffer.from('small as well')];
  const texts = payloads.map(String);
  const records = recordsOf(payloads.map((payload) => ({ ...first, payload })));
  const [small, piece, whole, last] = sent(records).map(({ value }) => value.payload) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  assert.deepEqual([small, piece, whole, last].map(String), texts);
  assert.equal(payloads[0]!.toString(), 'small', "Node's pool is not handed over");
  assert.equal(large.length, 0, 'memory of its own is');
  for (const payload of [small, piece, last])
    assert.ok(payload.buffer.byteLength <= Math.max(Buffer.poolSize, payload.length * 2));
});
