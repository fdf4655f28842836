/** Real WebSocket clients against the fake LLM server: what is observed of their traffic equals what the server logged. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import type { Call, Content, ExchangeRow, Observation } from '../../schemas/call.ts';
import { joinRequest } from '../../services/clickhouse/queries.ts';
import type { ContentHash } from '../../services/common/types.ts';
import { HttpAssembler } from '../../services/http/assembler.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { framesOf, type Step, TEST_MASKER } from '../../services/http/testing.ts';
import { CallRecognizer } from '../../services/llm/recognizer.ts';
import { TEST_OPTIONS } from '../../services/llm/testing.ts';
import { type FakeLlm, type FakeLlmOptions, startFakeLlm } from '../fake-llm/server.ts';
import { startTap, type Tap } from '../wire/tap.ts';

interface Seen {
  readonly calls: readonly Call[];
  readonly exchanges: readonly ExchangeRow[];
  readonly contents: ReadonlyMap<ContentHash, Content>;
}

function observe(connections: readonly (readonly Step[])[], stepsPerFrame = 3): Seen {
  const seen: Observation[] = [];
  const recognizer = new CallRecognizer(TEST_OPTIONS, (observation) => seen.push(observation));
  const assembler = new HttpAssembler(HTTP_DEFAULTS, recognizer, TEST_MASKER);
  connections.forEach((steps, n) => {
    const connection = Buffer.from(`socket ${n}`.padEnd(16)).toString('hex');
    for (const frame of framesOf(steps, { connection, stepsPerFrame })) assembler.feed(frame);
  });
  assembler.end();
  const calls = seen.filter((each) => each.type === 'call');
  const contents = calls.flatMap((each) => each.contents).map((content) => [content.hash, content] as const);
  return {
    calls: calls.map(({ call }) => call),
    exchanges: seen.flatMap((each) => (each.type === 'exchange' ? [each.exchange] : [])),
    contents: new Map(contents),
  };
}

async function withServer(options: FakeLlmOptions, work: (server: FakeLlm, tap: Tap) => Promise<void>): Promise<void> {
  const server = await startFakeLlm(options);
  const tap = await startTap(server.port);
  try {
    await work(server, tap);
  } finally {
    await tap.close();
    await server.close();
  }
}

/** Sends the messages one after the other, each when the response to the one before is over. */
async function converse(tap: Tap, messages: readonly object[], deflate: boolean): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${tap.port}/v1/responses`, {
    headers: { authorization: 'Bearer made-up', 'openai-beta': 'responses_websockets=v1', 'session-id': 'thread-1' },
    perMessageDeflate: deflate,
  });
  await once(socket, 'open');
  for (const message of messages) {
    const over = new Promise<void>((resolve) => {
      socket.on('message', (data) => {
        if (/"type":"(response\.(completed|incomplete|failed)|error)"/.test(String(data))) resolve();
      });
    });
    socket.send(JSON.stringify(message));
    await over;
    socket.removeAllListeners('message');
  }
  socket.close(1000);
  await once(socket, 'close');
}

const ask = (model: string, text: string, more: object = {}) => ({
  ...{ type: 'response.create', model, instructions: 'Be brief.' },
  input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }],
  tools: [{ type: 'function', name: 'shell' }],
  prompt_cache_key: 'cache-1',
  ...more,
});

const CONVERSATION = [
  { ...ask('gpt-5', 'x'), input: [], generate: false },
  ask('fake-tool', 'Weather? Schön!'),
  ask('fake-reasoning', 'Two and two?'),
  ask('fake-429', 'Too much'),
  ask('fake-stream-error', 'Break'),
  ask('gpt-5', `Long ${'text '.repeat(40_000)}`),
];

function checkAgainst(server: FakeLlm, seen: Seen): void {
  const asked = server.socketServed.filter(({ isPrewarm }) => !isPrewarm);
  assert.equal(seen.calls.length, asked.length);
  seen.calls.forEach((call, n) => {
    const served = asked[n]!;
    const { reply } = served;
    assert.equal(joinRequest(call.requestSkeleton, call.requestParts, seen.contents), served.requestBody);
    assert.deepEqual([call.dialect, call.protocol, call.completeness], ['openai.responses', 'websocket', 'full']);
    assert.equal(call.sessionId, 'thread-1');
    assert.equal(call.outcome, served.end === 'complete' ? 'ok' : 'stream_error');
    assert.equal(call.errorType, served.errorType);
    if (reply === null) return;
    assert.equal(call.responseId, reply.id);
    if (served.end !== 'complete') return;
    assert.deepEqual([call.inputTokens, call.outputTokens], [reply.usage.input, reply.usage.output]);
    assert.deepEqual(
      call.toolCallIds,
      reply.toolCalls.map(({ id }) => id),
    );
    assert.ok(call.firstToken! > call.requestEnd! && call.firstToken! <= call.responseEnd!);
  });
}

const DEFLATES: readonly (readonly [name: string, deflate: FakeLlmOptions['deflate']])[] = [
  ['without compression', false],
  ['with context takeover both ways', { threshold: 0 }],
  ['without context takeover', { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 }],
  [
    'with the context of the server alone, in a small window',
    { clientNoContextTakeover: true, serverMaxWindowBits: 9 },
  ],
];

for (const [name, deflate] of DEFLATES) {
  test(`a Responses conversation ${name} gives a call a response`, async () => {
    await withServer(deflate === undefined ? {} : { deflate }, async (server, tap) => {
      await converse(tap, CONVERSATION, deflate !== false);
      const seen = observe(tap.connections);
      checkAgainst(server, seen);
      const [prewarm, upgrade] = seen.exchanges;
      assert.deepEqual([prewarm?.purpose, prewarm?.responseId], ['prewarm', server.socketServed[0]?.reply?.id]);
      assert.deepEqual([upgrade?.upgrade, upgrade?.clientMessages, upgrade?.closeCode], ['websocket', 6, 1000]);
      assert.equal(upgrade?.skippedBytes, 0);
      assert.equal(upgrade?.serverMessages, server.socketServed.flatMap(({ events }) => events).length);
    });
  });
}
