/** A producer that lost sight of what it has sent sends a batch again: the partition has the same frames twice, in order. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { GENERATOR_DEFAULTS, generate } from '../../load-tests/generator/generate.ts';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import { createCredentialMasker } from '../http/credentials.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { IDENTITY_DEFAULTS } from '../identity/mapping.ts';
import { LLM_DEFAULTS } from '../llm/defaults.ts';
import { PartitionReassembler } from './partition.ts';

const masker = createCredentialMasker(Buffer.from('only for tests'));
const options = {
  http: HTTP_DEFAULTS,
  llm: { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: false, limits: LLM_DEFAULTS },
  limits: { idleTimeoutMs: 900_000, holdMsMax: 1_800_000 },
};

function framesOf(seed: number): Frame[] {
  const { pcap } = generate({ ...GENERATOR_DEFAULTS, seed, calls: 12, http2: 0.3, sockets: 0.2 });
  const frames: Frame[] = [];
  const capture = new Capture({ ...CAPTURE_DEFAULTS, probe: 'mirror', frameBytesMax: 2_000 }, (frame) =>
    frames.push(frame),
  );
  capture.nextSource('test');
  capture.write(pcap);
  capture.end('eof');
  return frames;
}

/** What is stored of what comes out: the first of each id. */
function stored(frames: readonly Frame[]): ReadonlyMap<string, string> {
  const partition = new PartitionReassembler(options, masker, null);
  const rows = new Map<string, string>();
  for (const [offset, frame] of frames.entries()) {
    partition.feed(frame, offset);
    for (const each of partition.takeReady()) {
      const id = idOf(each);
      if (!rows.has(id)) rows.set(id, hash('sha1', textOf(each)));
    }
    partition.progress(offset + 1);
  }
  return rows;
}

function idOf(observation: Observation): string {
  switch (observation.type) {
    case 'call':
      return observation.call.callId;
    case 'exchange':
      return observation.exchange.exchangeId;
    case 'tool_execution':
      return textOf(observation);
  }
}

function textOf(observation: Observation): string {
  return JSON.stringify(observation, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
}

test('frames that come twice in a row change nothing, wherever that begins and ends', () => {
  const places = fc.record({
    seed: fc.integer({ min: 1, max: 1_000 }),
    at: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
    count: fc.integer({ min: 1, max: 40 }),
  });
  fc.assert(
    fc.property(places, ({ seed, at, count }) => {
      const frames = framesOf(seed);
      const end = Math.max(1, Math.floor(at * frames.length));
      const again = frames.slice(Math.max(0, end - count), end);
      assert.deepEqual(stored([...frames.slice(0, end), ...again, ...frames.slice(end)]), stored(frames));
    }),
    { numRuns: 60, endOnFailure: true },
  );
});
