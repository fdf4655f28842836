/** Successors that take WebSocket connections up between two messages give the same calls, also with a shared inflate context. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import type { Frame } from '../../schemas/frame.ts';
import { createCredentialMasker } from '../http/credentials.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { framesOf, type Step } from '../http/testing.ts';
import { IDENTITY_DEFAULTS } from '../identity/mapping.ts';
import { LLM_DEFAULTS } from '../llm/defaults.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';
import { PartitionReassembler } from './partition.ts';
import { conversation, modes, type Turn, turn } from './socket-testing.ts';
import { undisturbed, withCrashes } from './testing.ts';

const options = {
  http: HTTP_DEFAULTS,
  llm: { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: false, limits: LLM_DEFAULTS },
  limits: { idleTimeoutMs: 15 * 60_000, holdMsMax: 30 * 60_000 },
};
const masker = createCredentialMasker(Buffer.from('only for tests'));
function interleaved(connections: readonly (readonly Step[])[], stepsPerFrame: number): Frame[] {
  const placed = connections.flatMap((steps, n) => {
    const connection = Buffer.from(`socket ${n}`.padEnd(16)).toString('hex');
    const frames = framesOf(steps, { connection, stepsPerFrame, close: 'fin' });
    return frames.map((frame, at) => ({ frame, at: at * (n + 1) }));
  });
  return placed.sort((a, b) => a.at - b.at).map(({ frame }) => frame);
}

const connection = fc.tuple(fc.array(turn, { minLength: 1, maxLength: 6 }), modes);

test('however often a reassembler dies, calls over WebSocket come out the same', async () => {
  let calls = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(connection, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 9 }),
      async (connections, stepsPerFrame, lives, commitEvery) => {
        const steps = await Promise.all(connections.map(([turns, mode]) => conversation(turns, mode)));
        const frames = interleaved(steps, stepsPerFrame);
        const expected = undisturbed(options, frames);
        const got = withCrashes(options, frames, lives, commitEvery);
        assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
        for (const [id, facts] of expected) assert.equal(got.get(id), facts);
        const turns = connections.reduce((sum, [some]) => sum + some.length, 0);
        assert.equal(expected.size, turns + connections.length, 'a row for each turn and each connection');
        calls += turns;
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(calls > 500, `only ${calls} turns`);
});

test('however often a reassembler dies, the same is found of connections that were joined in their middle', async () => {
  let calls = 0;
  await fc.assert(
    fc.asyncProperty(
      connection,
      fc.integer({ min: 2, max: 12 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 9 }),
      async ([turns, mode], first, lives, commitEvery) => {
        const steps = (await conversation(turns, mode)).slice(first);
        const id = { connection: 'c'.repeat(32), close: 'fin' } as const;
        const frames = framesOf(steps, { ...id, stepsPerFrame: 1, fromStart: false });
        const expected = undisturbed(options, frames);
        assert.deepEqual(withCrashes(options, frames, lives, commitEvery), expected);
        calls += expected.size - 1;
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(calls > 150, `only ${calls} calls`);
});

test('the watermark moves past finished responses, and the checkpoint names no credential', async () => {
  const turns = Array.from({ length: 20 }, (_, n): Turn => ({ kind: 'answer', words: [`word ${n}`] }));
  const frames = interleaved([await conversation(turns, [true, true])], 1);
  const partition = new PartitionReassembler(options, masker, null);
  let behind = 0;
  frames.slice(0, -2).forEach((frame, offset) => {
    partition.feed(frame, offset);
    const progress = partition.progress(offset + 1);
    behind = Math.max(behind, offset + 1 - progress.offset);
    for (const resume of decodeCheckpoint(progress.metadata)!.values()) {
      const known = resume.tunnel?.encode(1e6) ?? Buffer.alloc(0);
      if (known.length > 0) assert.ok(!inflateRawSync(known.subarray(1)).includes('made-up'));
      assert.ok(known.length < 4096);
    }
  });
  assert.ok(behind < 20, `${behind} frames are held`);
  const told = decodeCheckpoint(partition.progress(frames.length - 2).metadata)!;
  assert.deepEqual(
    [...told.values()].map(({ state }) => state),
    ['tunnel'],
  );
  assert.deepEqual(encodeCheckpoint(told), partition.progress(frames.length - 2).metadata);
});

test('a checkpoint with many WebSockets stays below its limit: contexts are given up first', async () => {
  const word = Array.from({ length: 1200 }, (_, n) => (n * n * 7919) % 99_991).join('');
  const turns = [{ kind: 'answer', words: [word] } as const];
  const steps = await conversation(turns, [true, true]);
  const sizeOf = (
    connections: number,
  ): { readonly bytes: number; readonly perTunnel: number; readonly states: Set<string> } => {
    const partition = new PartitionReassembler(options, masker, null);
    const frames = interleaved(
      Array.from({ length: connections }, () => steps.slice(0, -2)),
      1000,
    );
    frames.forEach((frame, offset) => {
      partition.feed({ ...frame, close: null }, offset);
    });
    const { metadata } = partition.progress(frames.length);
    const told = [...decodeCheckpoint(metadata)!.values()];
    const perTunnel = told[0]?.tunnel?.encode(1e6).length ?? 0;
    return { bytes: metadata.length, perTunnel, states: new Set(told.map(({ state }) => state)) };
  };
  const few = sizeOf(2);
  assert.ok(few.perTunnel > 3300, `${few.perTunnel} bytes with its contexts`);
  const many = sizeOf(1300);
  assert.ok(many.perTunnel < 1400 && many.bytes < 7_000_000, `${many.perTunnel} bytes each, ${many.bytes} in all`);
  assert.deepEqual([...many.states], ['tunnel']);
});
