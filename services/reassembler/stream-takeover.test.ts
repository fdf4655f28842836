/** WebSockets on streams of one HTTP/2 connection, beside plain exchanges: successors give the same calls, also after losses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PREFACE } from '../http/h2/frame.ts';
import { answers, asks, block, data, frame } from '../http/h2/testing.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { client, framesOf, type Step, server, TEST_MASKER } from '../http/testing.ts';
import { IDENTITY_DEFAULTS } from '../identity/mapping.ts';
import { LLM_DEFAULTS } from '../llm/defaults.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import { PartitionReassembler } from './partition.ts';
import { conversation, extensions, type Modes, modes, type Turn, turn } from './socket-testing.ts';
import { undisturbed, withCrashes } from './testing.ts';

const options = {
  http: HTTP_DEFAULTS,
  llm: { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: false, limits: LLM_DEFAULTS },
  limits: { idleTimeoutMs: 15 * 60_000, holdMsMax: 30 * 60_000 },
};
const CONNECT = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/v1/responses' };
const IDENTITY = { authorization: 'Bearer made-up', 'session-id': 'thread-9' };
const END_HEADERS = 4;
const CONNECTION = 'c'.repeat(32);

/** A value without indexing, longer than one length byte of `block` tells. */
function answerOf(mode: Modes): Record<string, string> {
  const [name, value] = extensions(mode).trim().split(': ');
  return value === undefined ? {} : { [name!]: value };
}

/** Content in DATA frames of at most `size` bytes, padded now and then. */
function dataFrames(stream: number, bytes: Buffer, size: number): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    if (at % 3 === 0) frames.push(frame(0, 0, stream, part));
    else frames.push(frame(0, 8, stream, Buffer.concat([Buffer.of(2), part, Buffer.alloc(2)])));
  }
  return Buffer.concat(frames);
}

/** The conversation's steps on a stream, the upgrade as an extended CONNECT. */
async function onStream(stream: number, turns: readonly Turn[], mode: Modes, size: number): Promise<Step[]> {
  const [, , ...steps] = await conversation(turns, mode);
  const carried = steps.map((step): Step => {
    if (step.kind === 'fin') return { side: step.side, bytes: frame(0, 1, stream) };
    return { ...step, bytes: dataFrames(stream, step.bytes as Buffer, size) };
  });
  const opened = frame(1, END_HEADERS, stream, block({ ...CONNECT, ...IDENTITY }));
  const taken = frame(1, END_HEADERS, stream, block({ ':status': '200', ...answerOf(mode) }));
  return [client(opened), server(taken), ...carried];
}

function plain(stream: number): Step[] {
  return [client(asks(stream, { 'x-a': `${stream}` })), server(answers(stream)), server(data(stream, 'x', true))];
}

/** Streams begin in the order of their ids, and go on in turns that `picks` chooses. */
function mixed(streams: readonly (readonly Step[])[], picks: readonly number[]): Step[] {
  const rest = streams.map((steps) => [...steps]);
  const steps: Step[] = [client(Buffer.concat([PREFACE, frame(4, 0, 0)])), server(frame(4, 0, 0))];
  let begun = 0;
  for (let n = 0; rest.some((each) => each.length > 0); n++) {
    const going = rest.slice(0, begun).filter((each) => each.length > 0);
    const pick = picks[n % picks.length]! % (going.length + 1);
    if (begun < rest.length && pick === going.length) going.push(rest[begun++]!);
    const step = going[Math.min(pick, going.length - 1)]?.shift();
    if (step !== undefined) steps.push(step);
  }
  return steps;
}

/** Steps that are lost become gaps before the next one of their side. Nothing is left in their places, so that times stay. */
function torn(steps: readonly Step[], lost: ReadonlySet<number>): Step[] {
  const missing = { client: 0, server: 0 };
  return steps.map((step, n): Step => {
    const gap = missing[step.side];
    missing[step.side] = lost.has(n) ? gap + step.bytes!.length : 0;
    return lost.has(n) ? { side: step.side, bytes: '' } : { ...step, gap };
  });
}

const socket = fc.tuple(fc.array(turn, { minLength: 1, maxLength: 4 }), modes, fc.constantFrom(7, 60, 4000));
const streams = fc.array(fc.option(socket, { freq: 3 }), { minLength: 1, maxLength: 6 });
/** A client that asks again without an answer asks two things at a time: which of them is answered behind a loss nobody knows. */
const answeredStreams = streams.map((all) =>
  all.map((each) => {
    if (each === null) return null;
    const [turns, ...rest] = each;
    const waiting = turns.map(({ kind, words }): Turn => ({ kind: kind === 'hang' ? 'answer' : kind, words }));
    return [waiting, ...rest] satisfies [Turn[], Modes, number];
  }),
);
const picks = fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 20 });
const deaths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });

async function stepsOf(chosen: readonly (readonly [Turn[], Modes, number] | null)[]): Promise<Step[][]> {
  return await Promise.all(
    chosen.map(async (each, n) => (each === null ? plain(2 * n + 1) : await onStream(2 * n + 1, ...each))),
  );
}

test('however often a reassembler dies, calls over WebSockets on streams come out the same', async () => {
  let calls = 0;
  await fc.assert(
    fc.asyncProperty(
      ...([streams, picks, fc.integer({ min: 1, max: 4 }), deaths, fc.integer({ min: 1, max: 9 })] as const),
      async (chosen, order, stepsPerFrame, lives, commitEvery) => {
        const steps = mixed(await stepsOf(chosen), order);
        const frames = framesOf(steps, { connection: CONNECTION, stepsPerFrame, close: 'fin' });
        const expected = undisturbed(options, frames);
        const turns = chosen.reduce((sum, each) => sum + (each?.[0].length ?? 0), 0);
        assert.equal(expected.size, turns + chosen.length, 'a row for each turn and each stream');
        const got = withCrashes(options, frames, lives, commitEvery);
        assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
        for (const [id, facts] of expected) assert.equal(got.get(id), facts);
        calls += turns;
      },
    ),
    { numRuns: 200 },
  );
  assert.ok(calls > 500, `only ${calls} turns`);
});

test('the same where segments are lost; no call that lacks something passes for whole', async () => {
  let flagged = 0;
  await fc.assert(
    fc.asyncProperty(
      ...([
        answeredStreams,
        picks,
        deaths,
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
      ] as const),
      async (chosen, order, lives, commitEvery, losses) => {
        const steps = mixed(await stepsOf(chosen), order);
        const whole = undisturbed(options, framesOf(steps, { connection: CONNECTION, close: 'fin' }));
        const lost = new Set(losses.map((n) => 2 + (n % (steps.length - 2))));
        const frames = framesOf(torn(steps, lost), { connection: CONNECTION, stepsPerFrame: 1, close: 'fin' });
        const expected = undisturbed(options, frames);
        const got = withCrashes(options, frames, lives, commitEvery);
        assert.deepEqual([...got.keys()].sort(), [...expected.keys()].sort());
        for (const [id, facts] of expected) assert.equal(got.get(id), facts);
        for (const [id, facts] of expected) {
          if (!facts.startsWith('{"call":') && !facts.includes('"callId"')) continue;
          if (facts.includes('"completeness":"full"')) assert.equal(facts, whole.get(id));
          else flagged++;
        }
      },
    ),
    { numRuns: 200 },
  );
  assert.ok(flagged > 50, `only ${flagged} calls are flagged`);
});

test('a WebSocket on a stream does not hold the watermark, and its state names no credential', async () => {
  const turns = Array.from({ length: 20 }, (_, n): Turn => ({ kind: 'answer', words: [`word ${n}`] }));
  const steps = mixed([await onStream(1, turns, [true, true], 4000), plain(3)], [0, 0, 1]);
  const frames = framesOf(steps.slice(0, -2), { connection: CONNECTION, stepsPerFrame: 1 });

  const partition = new PartitionReassembler(options, TEST_MASKER, null);
  let behind = 0;
  frames.forEach((each, offset) => {
    partition.feed(each, offset);
    const progress = partition.progress(offset + 1);
    behind = Math.max(behind, offset + 1 - progress.offset);
    for (const { http2 } of decodeCheckpoint(progress.metadata)!.values()) {
      for (const { state } of http2?.resume.tunnels ?? []) assert.ok(!state.encode(1e6).includes('made-up'));
    }
  });
  assert.ok(behind < 20, `${behind} frames are held`);
  const [told] = decodeCheckpoint(partition.progress(frames.length).metadata)!.values();
  assert.equal(told?.http2?.resume.tunnels.length, 1);
});
