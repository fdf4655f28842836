/**
 * A successor takes over at a committed offset, again and again: everything that comes out of all of them together must be
 * what one undisturbed reassembler gives, nothing missing, nothing else. Only repeats of the very same are allowed: the
 * sink stores each id once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { framesOfProbes, independentLosses, ONE_DIRECTION_EACH } from '../../load-tests/e2e/probes.ts';
import { GENERATOR_DEFAULTS, type GeneratorOptions, generate } from '../../load-tests/generator/generate.ts';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import type { Frame } from '../../schemas/frame.ts';
import { createCredentialMasker } from '../http/credentials.ts';
import { PREFACE } from '../http/h2/frame.ts';
import { answers, asks, data, frame } from '../http/h2/testing.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { client, framesOf as framesByHand, server } from '../http/testing.ts';
import { IDENTITY_DEFAULTS } from '../identity/mapping.ts';
import { LLM_DEFAULTS } from '../llm/defaults.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import { MERGE_DEFAULTS } from './merge/merger.ts';
import { PartitionReassembler } from './partition.ts';
import { undisturbed, withCrashes } from './testing.ts';

const masker = createCredentialMasker(Buffer.from('only for tests'));
const options = {
  http: HTTP_DEFAULTS,
  llm: { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: false, limits: LLM_DEFAULTS },
};
const optionsForTwo = { ...options, merge: { ...MERGE_DEFAULTS, several: true } };

function framesOf(
  seed: number,
  frameBytesMax: number,
  frameDelayMs: number,
  traffic: Partial<GeneratorOptions> = {},
): Frame[] {
  const { pcap } = generate({ ...GENERATOR_DEFAULTS, seed, calls: 40, pipelining: 0.2, ...traffic });
  const frames: Frame[] = [];
  const capture = new Capture({ ...CAPTURE_DEFAULTS, frameBytesMax, frameDelayMs }, (frame) => frames.push(frame));
  capture.nextSource('test');
  capture.write(pcap);
  capture.end('eof');
  return frames;
}

/** The same traffic as two probes see it, each with losses of its own, or one direction only. */
function framesOfTwo(
  seed: number,
  frameBytesMax: number,
  frameDelayMs: number,
  share: number,
  traffic: Partial<GeneratorOptions> = {},
): Frame[] {
  const { pcap } = generate({ ...GENERATOR_DEFAULTS, seed, calls: 30, midStream: 0, pipelining: 0.2, ...traffic });
  const missing = share === 1 ? ONE_DIRECTION_EACH : independentLosses(share, seed);
  return framesOfProbes(pcap, missing, { frameBytesMax, frameDelayMs });
}

test('however often a reassembler dies, its successors give the same observations, none lost and none invented', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.constantFrom(300, 1500, 20_000, 262_144),
      fc.constantFrom(0, 5, 200),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      (seed, frameBytesMax, frameDelayMs, lives, commitEvery) => {
        const frames = framesOf(seed, frameBytesMax, frameDelayMs);
        const expected = undisturbed(options, frames);
        const got = withCrashes(options, frames, lives, commitEvery);
        assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
        for (const [id, facts] of expected) assert.equal(got.get(id), facts);
      },
    ),
    { numRuns: 40 },
  );
});

test('over HTTP/2 as well, with streams in flight, header tables, joins and losses', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.constantFrom(300, 1500, 20_000, 262_144),
      fc.constantFrom(0, 5, 200),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom({}, {}, { midStream: 0.5 }, { loss: 0.002, midStream: 0.2 }, { loss: 0.02 }),
      fc.constantFrom(0.5, 1),
      (seed, frameBytesMax, frameDelayMs, lives, commitEvery, faults, http2) => {
        const frames = framesOf(seed, frameBytesMax, frameDelayMs, { http2, ...faults });
        const expected = undisturbed(options, frames);
        const got = withCrashes(options, frames, lives, commitEvery);
        assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
        for (const [id, facts] of expected) assert.equal(got.get(id), facts);
      },
    ),
    { numRuns: 40 },
  );
});

test('a connection that asks for HTTP/2 is taken over at every frame of it', () => {
  const asking = 'POST /1 HTTP/1.1\r\nhost: h\r\nupgrade: h2c\r\nhttp2-settings: \r\n\r\n';
  const settings = frame(4, 0, 0);
  const steps = [
    ...[client('GET /0 HTTP/1.1\r\nhost: h\r\n\r\n'), server('HTTP/1.1 204 N\r\n\r\n'), client(asking)],
    server(Buffer.concat([Buffer.from('HTTP/1.1 101 S\r\nupgrade: h2c\r\n\r\n'), settings])),
    ...[client(PREFACE.subarray(0, 9)), client(Buffer.concat([PREFACE.subarray(9), settings, asks(3)]))],
    ...[server(answers(3)), server(Buffer.concat([answers(1), data(3, 'x', true)])), server(data(1, 'x', true))],
    ...[
      client(asks(5, { 'x-a': 'b' })),
      server(answers(5)),
      client(asks(7)),
      server(data(5, 'x', true)),
      server(answers(7, {}, 5)),
    ],
  ];
  const connection = 'c'.repeat(32);
  const frames = framesByHand(steps, { stepsPerFrame: 1, connection });
  const expected = undisturbed(options, frames);
  assert.equal(expected.size, 5);
  for (let first = 1; first < frames.length; first++) {
    for (let second = 1; second < frames.length; second++) {
      const got = withCrashes(options, frames, [first, second], 1);
      assert.deepEqual(got, expected);
    }
  }
});

test('the same with two probes that see the same connections, each in part', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.constantFrom(300, 1500, 20_000, 262_144),
      fc.constantFrom(0, 5, 200),
      // 1: each probe sees one direction.
      fc.constantFrom(0, 0.01, 0.1, 1),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(0, 20),
      (seed, frameBytesMax, frameDelayMs, share, lives, commitEvery, msPerFrame) => {
        const frames = framesOfTwo(seed, frameBytesMax, frameDelayMs, share);
        const expected = undisturbed(optionsForTwo, frames, msPerFrame);
        const got = withCrashes(optionsForTwo, frames, lives, commitEvery, msPerFrame);
        assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
        for (const [id, facts] of expected) assert.equal(got.get(id), facts);
      },
    ),
    { numRuns: 30 },
  );
});

test('so are HTTP/2 connections that two probes see, each in part, and nothing that one of them has is missing', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.constantFrom(300, 1500, 20_000),
      fc.constantFrom(0, 0.01, 0.1, 1),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 40 }),
      (seed, frameBytesMax, share, lives, commitEvery) => {
        const frames = framesOfTwo(seed, frameBytesMax, 5, share, { http2: 1, pipelining: 0 });
        const whole = framesOfTwo(seed, frameBytesMax, 5, 0, { http2: 1, pipelining: 0 });
        const expected = undisturbed(optionsForTwo, frames);
        const byOne = undisturbed(
          options,
          whole.filter(({ probe }) => probe === 'mirror-a'),
        );
        assert.deepEqual([...expected.keys()].sort(), [...byOne.keys()].sort());
        const got = withCrashes(optionsForTwo, frames, lives, commitEvery);
        assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
        for (const [id, facts] of expected) assert.equal(got.get(id), facts);
      },
    ),
    { numRuns: 20 },
  );
});

test('generated calls over WebSocket are taken over as well, where tunnels leave their exchange at once', () => {
  const limited = { ...options, limits: { idleTimeoutMs: 15 * 60_000, holdMsMax: 30 * 60_000 } };
  for (const seed of [11, 12, 13, 14]) {
    const frames = framesOf(seed, 1500, 5, { sockets: 0.7 });
    const expected = undisturbed(limited, frames);
    const lives = Array.from({ length: 10 }, (_, n) => 20 + n * 37);
    const got = withCrashes(limited, frames, lives, 3);
    assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
    for (const [id, facts] of expected) assert.equal(got.get(id), facts);
  }
});

test('so are calls over WebSocket that two probes see, each in part', () => {
  const limited = { ...optionsForTwo, limits: { idleTimeoutMs: 15 * 60_000, holdMsMax: 30 * 60_000 } };
  for (const [seed, share] of [
    [21, 0],
    [22, 0.01],
    [23, 0.1],
    [24, 1],
  ] as const) {
    const frames = framesOfTwo(seed, 1500, 5, share, { sockets: 0.7 });
    const expected = undisturbed(limited, frames);
    const lives = Array.from({ length: 10 }, (_, n) => 20 + n * 37);
    const got = withCrashes(limited, frames, lives, 3);
    assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
    for (const [id, facts] of expected) assert.equal(got.get(id), facts);
  }
});

test('when nothing is in flight, everything may be committed and there is nothing to tell', () => {
  const frames = framesOf(3, 262_144, 200);
  const partition = new PartitionReassembler(options, masker, null);
  frames.forEach((frame, offset) => {
    partition.feed(frame, offset);
  });
  const progress = partition.progress(frames.length);
  assert.equal(progress.offset, frames.length);
  assert.equal(decodeCheckpoint(progress.metadata)?.size, 0);
});

/** Many connections that each send a few exchanges in small frames, every connection somewhat later than the one before. */
function crowd(connections: number, stagger: number): Frame[] {
  const steps = Array.from({ length: 3 }, (_, n) => [
    client(`GET /${n} HTTP/1.1\r\nhost: h\r\n`),
    client('\r\n'),
    server('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nfoo'),
    server('bar'),
  ]).flat();
  const placed: { readonly frame: Frame; readonly at: number }[] = [];
  for (let n = 0; n < connections; n++) {
    const connection = Buffer.from(`crowd ${n}`.padEnd(16)).toString('hex');
    const frames = framesByHand(steps, { connection, stepsPerFrame: 1 });
    placed.push(...frames.map((frame, step) => ({ frame, at: n + step * stagger })));
  }
  return placed.sort((a, b) => a.at - b.at).map(({ frame }) => frame);
}

test('hundreds of exchanges that are open at the watermark are taken over', () => {
  const frames = crowd(600, 150);
  const expected = undisturbed(options, frames);
  assert.equal(expected.size, 1800);
  const partition = new PartitionReassembler(options, masker, null);
  let told = 0;
  frames.forEach((frame, offset) => {
    partition.feed(frame, offset);
    if (offset % 100 === 0) told = Math.max(told, partition.progress(offset + 1).metadata.length);
  });
  assert.ok(told > 4096, `checkpoints have up to ${told} bytes`);
  for (const every of [1, 7, 500]) {
    const lives = Array.from({ length: 12 }, (_, n) => 200 + n * 97);
    const got = withCrashes(options, frames, lives, every);
    assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
    for (const [id, facts] of expected) assert.equal(got.get(id), facts);
  }
});
