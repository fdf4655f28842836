/** Successors that take WebSocket connections up between two messages give the same calls, also with a shared inflate context. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import type { Frame } from '../../schemas/frame.ts';
import { createCredentialMasker } from '../http/credentials.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { client, fin, framesOf, type Step, server } from '../http/testing.ts';
import { IDENTITY_DEFAULTS } from '../identity/mapping.ts';
import { LLM_DEFAULTS } from '../llm/defaults.ts';
import { type Sent, written } from '../websocket/testing.ts';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint.ts';
import { PartitionReassembler } from './partition.ts';
import { undisturbed, withCrashes } from './testing.ts';

const options = {
  http: HTTP_DEFAULTS,
  llm: { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: false, limits: LLM_DEFAULTS },
  limits: { idleTimeoutMs: 15 * 60_000, holdMsMax: 30 * 60_000 },
};
const masker = createCredentialMasker(Buffer.from('only for tests'));
const mask = (into: Buffer): void => {
  into.writeUInt32BE(0x9a3b_517c);
};
const plain = { fragments: [], compress: true, pings: 0 };
const message = (json: object, more: Partial<Sent> = {}): Sent => ({ ...plain, ...more, text: JSON.stringify(json) });

type Modes = readonly [client: boolean | null, server: boolean | null];

function extensions([fromClient, fromServer]: Modes): string {
  if (fromClient === null || fromServer === null) return '';
  const taken = [fromClient ? '' : '; client_no_context_takeover', fromServer ? '' : '; server_no_context_takeover'];
  return `sec-websocket-extensions: permessage-deflate${taken.join('')}\r\n`;
}

function upgrade(path: string, modes: Modes): Step[] {
  const protocol = 'connection: Upgrade\r\nupgrade: websocket\r\n';
  const request = `GET ${path} HTTP/1.1\r\nhost: api.openai.com\r\nauthorization: Bearer made-up\r\nsession-id: thread-9\r\n`;
  return [client(`${request}${protocol}\r\n`), server(`HTTP/1.1 101 Switching\r\n${protocol}${extensions(modes)}\r\n`)];
}

interface Turn {
  readonly kind: 'answer' | 'prewarm' | 'error' | 'hang';
  readonly words: readonly string[];
}

function asked(n: number, { kind, words }: Turn): Sent {
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: words.join(' ') }] }];
  const more = kind === 'prewarm' ? { generate: false } : {};
  const fragments = n % 2 === 0 ? [] : [7, 50];
  return message(
    { type: 'response.create', model: 'gpt-5', input, ...more },
    { fragments, pings: n % 3 === 0 ? 1 : 0 },
  );
}

function answered(n: number, { kind, words }: Turn): Sent[] {
  if (kind === 'hang') return [];
  if (kind === 'error')
    return [message({ type: 'error', status: 429, error: { type: 'rate_limit', message: 'Slow' } })];
  const response = { id: `resp_${n}`, object: 'response', model: 'gpt-5', output: [] };
  const text = words.join(' ');
  const output = [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] }];
  return [
    message({ type: 'response.created', response: { ...response, status: 'in_progress' } }),
    ...words.map((delta) => message({ type: 'response.output_text.delta', output_index: 0, content_index: 0, delta })),
    message({ type: 'codex.rate_limits', left: 7 }, { compress: false }),
    message({ type: 'response.completed', response: { ...response, status: 'completed', output } }, { pings: 1 }),
  ];
}

/** A connection's steps: each turn's request, then its answer. */
async function conversation(turns: readonly Turn[], modes: Modes): Promise<Step[]> {
  const requests = await written(
    turns.map((turn, n) => asked(n, turn)),
    'client',
    modes[0],
    mask,
  );
  const answers = turns.map((turn, n) => answered(n, turn));
  const events = await written(answers.flat(), 'server', modes[1], mask);
  const steps = upgrade('/v1/responses', modes);
  let at = 0;
  turns.forEach((_turn, n) => {
    steps.push(client(requests[n]!));
    for (const bytes of events.slice(at, at + answers[n]!.length)) {
      // Some messages are cut over two segments.
      if (bytes.length > 60) steps.push(server(bytes.subarray(0, 40)), server(bytes.subarray(40)));
      else steps.push(server(bytes));
    }
    at += answers[n]!.length;
  });
  return [...steps, fin('client'), fin('server')];
}

function interleaved(connections: readonly (readonly Step[])[], stepsPerFrame: number): Frame[] {
  const placed = connections.flatMap((steps, n) => {
    const connection = Buffer.from(`socket ${n}`.padEnd(16)).toString('hex');
    const frames = framesOf(steps, { connection, stepsPerFrame, close: 'fin' });
    return frames.map((frame, at) => ({ frame, at: at * (n + 1) }));
  });
  return placed.sort((a, b) => a.at - b.at).map(({ frame }) => frame);
}

const word = fc.constantFrom('reeds', 'é😀', 'a bittern stands still', '{"type":"x"}', 'w'.repeat(90));
const turn: fc.Arbitrary<Turn> = fc.record({
  kind: fc.constantFrom('answer', 'answer', 'answer', 'prewarm', 'error', 'hang'),
  words: fc.array(word, { minLength: 1, maxLength: 6 }),
});
const modes = fc.constantFrom<Modes>([null, null], [true, true], [false, true], [true, false], [false, false]);
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
