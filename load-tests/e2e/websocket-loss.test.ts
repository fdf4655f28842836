/** Segments of a recorded WebSocket conversation are lost: no call that lacks something passes for whole, none is made up. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { joinRequest } from '../../services/clickhouse/queries.ts';
import type { Step } from '../../services/http/testing.ts';
import { type FakeLlm, type FakeLlmOptions, startFakeLlm } from '../fake-llm/server.ts';
import { startTap } from '../wire/tap.ts';
import { observeSteps } from './observe-steps.ts';

const TURNS = 6;

async function record(deflate: FakeLlmOptions['deflate']): Promise<{ steps: readonly Step[]; server: FakeLlm }> {
  const server = await startFakeLlm(deflate === undefined ? {} : { deflate });
  const tap = await startTap(server.port);
  const socket = new WebSocket(`ws://127.0.0.1:${tap.port}/v1/responses`, { perMessageDeflate: deflate !== false });
  await once(socket, 'open');
  for (let n = 0; n < TURNS; n++) {
    const text = `Turn ${n}: ${'reeds and water '.repeat(n * 40)}`;
    const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }];
    const over = new Promise<void>((resolve) => {
      socket.on('message', (data) => String(data).includes('"type":"response.completed"') && resolve());
    });
    socket.send(JSON.stringify({ type: 'response.create', model: n % 2 === 0 ? 'fake-tool' : 'gpt-5', input }));
    await over;
    socket.removeAllListeners('message');
  }
  socket.close();
  await once(socket, 'close');
  await tap.close();
  await server.close();
  return { steps: tap.connections[0]!, server };
}

/** Steps that are lost become gaps before the next step of their side. */
function torn(steps: readonly Step[], lost: ReadonlySet<number>): Step[] {
  const missing = { client: 0, server: 0 };
  const left: Step[] = [];
  steps.forEach((step, n) => {
    if (lost.has(n) && step.kind === undefined) missing[step.side] += step.bytes!.length;
    else {
      left.push({ ...step, gap: missing[step.side] });
      missing[step.side] = 0;
    }
  });
  return left;
}

const MODES: readonly (readonly [name: string, deflate: FakeLlmOptions['deflate']])[] = [
  ['without compression', false],
  ['with context takeover', { threshold: 0 }],
  ['without context takeover', { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true }],
];

for (const [name, deflate] of MODES) {
  test(`lost segments ${name}`, async () => {
    const { steps, server } = await record(deflate);
    const byId = new Map(server.socketServed.map((served) => [served.reply!.id, served]));
    const anywhere = fc.array(fc.integer({ min: 2, max: steps.length - 1 }), { minLength: 1, maxLength: 4 });
    let whole = 0;
    let flagged = 0;
    fc.assert(
      fc.property(anywhere, (lost) => {
        const { calls, contents } = observeSteps([torn(steps, new Set(lost))]);
        assert.ok(calls.length <= TURNS, `${calls.length} calls of ${TURNS}`);
        assert.equal(new Set(calls.map(({ callId }) => callId)).size, calls.length);
        for (const call of calls) {
          if (call.completeness !== 'full') {
            flagged++;
            continue;
          }
          whole++;
          const served = byId.get(call.responseId);
          assert.ok(served !== undefined, 'a whole call that the server knows nothing of');
          assert.equal(joinRequest(call.requestSkeleton, call.requestParts, contents), served.requestBody);
          assert.deepEqual([call.outcome, call.inputTokens], ['ok', served.reply!.usage.input]);
          assert.ok(served.reply!.text.startsWith(call.answerPreview));
        }
      }),
      { numRuns: 300 },
    );
    assert.ok(whole > 100 && flagged > 100, `${whole} whole, ${flagged} flagged`);
  });
}
