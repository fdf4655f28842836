/**
 * A recorded WebSocket conversation is joined at any byte: the calls behind it are found and say what they lack, none is made up,
 * and none has another one's answer.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { joinRequest } from '../../services/clickhouse/queries.ts';
import type { FrameOptions, Step } from '../../services/http/testing.ts';
import { type FakeLlm, type FakeLlmOptions, startFakeLlm } from '../fake-llm/server.ts';
import { startTap } from '../wire/tap.ts';
import { observeSteps, type Seen } from './observe-steps.ts';

const TURNS = 8;

interface Recorded {
  readonly steps: readonly Step[];
  readonly server: FakeLlm;
}

async function record(deflate: FakeLlmOptions['deflate']): Promise<Recorded> {
  const server = await startFakeLlm(deflate === undefined ? {} : { deflate });
  const tap = await startTap(server.port);
  const options = deflate === false ? false : { threshold: 0 };
  const socket = new WebSocket(`ws://127.0.0.1:${tap.port}/v1/responses`, { perMessageDeflate: options });
  await once(socket, 'open');
  for (let n = 0; n < TURNS; n++) {
    const text = `Turn ${n}: ${'reeds and water '.repeat(n * 40)}`;
    const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }];
    const over = new Promise<void>((resolve) => {
      socket.on('message', (data) => /"type":"(response\.completed|error)"/.test(String(data)) && resolve());
    });
    const model = ['fake-tool', 'gpt-5', 'fake-429', 'fake-reasoning'][n % 4];
    socket.send(JSON.stringify({ type: 'response.create', model, input }));
    await over;
    socket.removeAllListeners('message');
  }
  socket.close();
  await once(socket, 'close');
  await tap.close();
  await server.close();
  return { steps: tap.connections[0]!, server };
}

/** What comes from byte `from` on, of both sides together in the order in which it was sent. */
function joined(steps: readonly Step[], from: number): Step[] {
  let at = 0;
  return steps.flatMap((step) => {
    const bytes = (step.bytes ?? Buffer.alloc(0)) as Buffer;
    const skipped = Math.min(bytes.length, Math.max(0, from - at));
    at += bytes.length;
    if (step.kind !== undefined) return [step];
    return skipped === bytes.length ? [] : [{ ...step, bytes: bytes.subarray(skipped) }];
  });
}

/** The same bytes in other segments: neighbours of a side come together and are cut where `sizes` says. */
function recut(steps: readonly Step[], sizes: readonly number[]): Step[] {
  const cut: Step[] = [];
  let n = 0;
  for (let at = 0; at < steps.length; ) {
    const first = steps[at]!;
    let end = at + 1;
    while (first.kind === undefined && steps[end]?.side === first.side && steps[end]?.kind === undefined) end++;
    let bytes = Buffer.concat(steps.slice(at, end).map((step) => (step.bytes ?? Buffer.alloc(0)) as Buffer));
    at = end;
    if (first.kind !== undefined) cut.push(first);
    for (; bytes.length > 0; n++) {
      const size = sizes[n % sizes.length]!;
      cut.push({ side: first.side, bytes: bytes.subarray(0, size) });
      bytes = bytes.subarray(size);
    }
  }
  return cut;
}

function observed(steps: readonly Step[], options: FrameOptions = {}): Seen {
  return observeSteps([steps], 3, { fromStart: false, ...options });
}

/** No call but those of the server, each with its own answer and request as far as it has one; none that passes for whole. */
function checkHonest({ calls, contents }: Seen, { server }: Recorded): void {
  const served = new Map(server.socketServed.map((each) => [each.requestBody, each]));
  const ids = new Map(server.socketServed.map((each) => [each.reply?.id ?? '', each]));
  assert.ok(calls.length <= TURNS);
  assert.equal(new Set(calls.map(({ callId }) => callId)).size, calls.length);
  const answered = calls.map(({ responseId }) => responseId).filter((id) => id !== '');
  assert.equal(new Set(answered).size, answered.length, 'a response in two calls');
  for (const call of calls) {
    assert.deepEqual(
      [call.completeness, call.dialect, call.protocol],
      ['head_missing', 'openai.responses', 'websocket'],
    );
    const body = call.requestSkeleton === '' ? '' : joinRequest(call.requestSkeleton, call.requestParts, contents);
    const asked = served.get(body);
    if (body !== '') assert.ok(asked !== undefined, 'a request that was never sent');
    if (call.responseId === '') continue;
    const reply = ids.get(call.responseId);
    assert.ok(reply !== undefined, 'an answer that was never given');
    if (asked !== undefined) assert.equal(asked.reply?.id, call.responseId, "another request's answer");
  }
}

const MODES: readonly (readonly [name: string, deflate: FakeLlmOptions['deflate'], isRead: boolean])[] = [
  ['without compression', false, true],
  ['with context takeover', { threshold: 0 }, false],
  ['without context takeover', { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true }, true],
];

for (const [name, deflate, isRead] of MODES) {
  test(`joined ${name}`, async () => {
    const recorded = await record(deflate);
    const { steps, server } = recorded;
    const bytes = steps.reduce((sum, step) => sum + (step.bytes?.length ?? 0), 0);
    const upgrade = steps.slice(0, 2).reduce((sum, step) => sum + step.bytes!.length, 0);
    const begins: number[] = [];
    let at = 0;
    for (const step of steps) {
      if (step.side === 'client' && at >= upgrade) begins.push(at);
      at += step.bytes?.length ?? 0;
    }
    let found = 0;
    fc.assert(
      fc.property(fc.integer({ min: upgrade, max: bytes }), fc.boolean(), fc.boolean(), (from, guessed, turned) => {
        const flip = ({ side, ...step }: Step): Step => ({ ...step, side: side === 'client' ? 'server' : 'client' });
        const rest = joined(steps, from);
        const seen =
          guessed && turned
            ? observed(rest.map(flip), { rolesSource: 'guess' })
            : observed(rest, { rolesSource: guessed ? 'guess' : 'handshake' });
        checkHonest(seen, recorded);
        const rows = seen.exchanges.filter((row) => row.upgrade === 'websocket');
        assert.ok(rows.length <= 1 && rows.length === seen.exchanges.length);
        for (const row of rows) assert.equal(row.completeness, 'head_missing');
        if (!isRead) return;
        // Every turn that was asked for behind the join is there, with all of its answer.
        server.socketServed.forEach((turn, n) => {
          if (begins[n]! < from) return;
          found++;
          const call = seen.calls.find((each) => each.promptPreview.startsWith(`Turn ${n}:`));
          assert.ok(call !== undefined, `turn ${n} isn't found`);
          assert.equal(call.responseId, turn.reply?.id ?? '');
          assert.equal(call.outcome, turn.end === 'complete' ? 'ok' : 'stream_error');
          assert.equal(call.inputTokens, turn.end === 'complete' ? turn.reply!.usage.input : null);
        });
      }),
      { numRuns: 300 },
    );
    assert.ok(!isRead || found > 300, `only ${found} turns behind joins`);
  });

  test(`joined ${name}, in segments that know nothing of frames`, async () => {
    const recorded = await record(deflate);
    const bytes = recorded.steps.reduce((sum, step) => sum + (step.bytes?.length ?? 0), 0);
    const sizes = fc.array(fc.integer({ min: 1, max: 1448 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(fc.integer({ min: 400, max: bytes }), sizes, (from, cuts) => {
        checkHonest(observed(recut(joined(recorded.steps, from), cuts)), recorded);
      }),
      { numRuns: 300 },
    );
  });
}

test('one that cannot be read is one row that says so', async () => {
  const { steps } = await record({ threshold: 0 });
  const upgrade = steps.slice(0, 2).reduce((sum, step) => sum + step.bytes!.length, 0);
  const whole = observeSteps([steps]).exchanges.at(-1)!;
  const { calls, exchanges } = observed(joined(steps, upgrade + steps[2]!.bytes!.length + 1));
  assert.equal(calls.filter(({ responseId }) => responseId !== '').length, 0);
  const [row] = exchanges;
  assert.deepEqual(
    [exchanges.length, row?.upgrade, row?.completeness, row?.status],
    [1, 'websocket', 'head_missing', 0],
  );
  assert.ok(row!.serverMessages > 10 && row!.serverMessages < whole.serverMessages);
  assert.ok(row!.skippedBytes > row!.serverMessageBytes / 2, 'what could not be inflated is told');
});

test('random bytes, TLS records and other protocols are no WebSocket', () => {
  const side = fc.constantFrom('client' as const, 'server' as const);
  const tls = fc.uint8Array({ minLength: 20, maxLength: 300 }).map((bytes) => {
    return Buffer.concat([Buffer.from([0x17, 0x03, 0x03, bytes.length >> 8, bytes.length & 0xff]), bytes]);
  });
  const mysql = fc.uint8Array({ maxLength: 40 }).map((bytes) => {
    return Buffer.concat([Buffer.from([bytes.length, 0, 0, 1]), bytes]);
  });
  const sse = fc
    .string({ maxLength: 200 })
    .map((text) => Buffer.from(`1f\r\ndata: ${JSON.stringify({ type: text })}\n\n`));
  const noise = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  const step = fc.tuple(side, fc.oneof(tls, mysql, sse, noise)).map(([from, bytes]): Step => ({ side: from, bytes }));
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), fc.boolean(), (steps, guessed) => {
      const seen = observed(steps, { rolesSource: guessed ? 'guess' : 'handshake' });
      assert.deepEqual([seen.calls.length, seen.exchanges.length], [0, 0]);
    }),
    { numRuns: 1000 },
  );
});
