/** Real WebSocket clients against the fake LLM server: what is observed of their traffic equals what the server logged. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { WebSocket } from 'ws';
import { joinRequest } from '../../services/clickhouse/queries.ts';
import type { ContentHash } from '../../services/common/types.ts';
import { type FakeLlm, type FakeLlmOptions, startFakeLlm } from '../fake-llm/server.ts';
import { startTap, type Tap } from '../wire/tap.ts';
import { observeSteps, type Seen } from './observe-steps.ts';

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
      const seen = observeSteps(tap.connections);
      checkAgainst(server, seen);
      const [prewarm, upgrade] = seen.exchanges;
      assert.deepEqual([prewarm?.purpose, prewarm?.responseId], ['prewarm', server.socketServed[0]?.reply?.id]);
      assert.deepEqual([upgrade?.upgrade, upgrade?.clientMessages, upgrade?.closeCode], ['websocket', 6, 1000]);
      assert.equal(upgrade?.skippedBytes, 0);
      assert.equal(upgrade?.serverMessages, server.socketServed.flatMap(({ events }) => events).length);
    });
  });
}

test('the openai package talks Responses over WebSocket', async () => {
  await withServer({ deflate: { threshold: 0 } }, async (server, tap) => {
    const openai = new OpenAI({ baseURL: `http://127.0.0.1:${tap.port}/v1`, apiKey: 'made-up' });
    const socket = new ResponsesWS(openai, { perMessageDeflate: true });
    for (const text of ['One', 'Two']) {
      const over = new Promise((resolve) => socket.once('response.completed', resolve));
      socket.send({ type: 'response.create', model: 'gpt-5', input: text, prompt_cache_key: 'thread-1' });
      await over;
    }
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.close();
    await closed;
    const seen = observeSteps(tap.connections);
    checkAgainst(server, seen);
    assert.deepEqual([seen.calls.length, seen.calls[0]?.promptPreview], [2, 'One']);
    assert.ok(seen.calls[0]!.sdk.startsWith('openai-'), seen.calls[0]!.sdk);
    assert.match(seen.calls[0]!.credential, /^fp_/);
  });
});

for (const beta of [false, true]) {
  test(`the openai package talks Realtime${beta ? ' in its beta form' : ''}`, async () => {
    await withServer({ deflate: { threshold: 0 } }, async (server, tap) => {
      const openai = new OpenAI({ baseURL: `http://127.0.0.1:${tap.port}/v1`, apiKey: 'made-up' });
      const headers = beta ? { 'openai-beta': 'realtime=v1' } : {};
      // The package wants TLS; what a gateway that terminates it passes on is plain.
      const createConnection = () => connect(tap.port, '127.0.0.1');
      const options = { headers, perMessageDeflate: true, createConnection };
      const realtime = new OpenAIRealtimeWS({ model: 'gpt-realtime', options }, openai);
      await once(realtime.socket, 'open');
      const ask = async (send: () => void): Promise<void> => {
        const over = new Promise((resolve) => realtime.once('response.done', resolve));
        send();
        await over;
      };
      const say = (text: string) => {
        const content = [{ type: 'input_text' as const, text }];
        realtime.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
        realtime.send({ type: 'response.create' });
      };
      await ask(() => say('Hello'));
      await ask(() => say('use the tool'));
      await ask(() => {
        realtime.send({ type: 'input_audio_buffer.append', audio: Buffer.alloc(4800).toString('base64') });
        realtime.send({ type: 'input_audio_buffer.commit' });
      });
      const closed = once(realtime.socket, 'close');
      realtime.close();
      await closed;
      const { calls, exchanges, contents } = observeSteps(tap.connections);
      assert.deepEqual(
        calls.map((call) => [
          call.responseId,
          call.dialect,
          call.model,
          call.outcome,
          call.completeness,
          call.inputTokens,
        ]),
        server.socketServed.map(({ realtimeId }) => [realtimeId, 'openai.realtime', 'gpt-realtime', 'ok', 'full', 120]),
      );
      assert.deepEqual(
        calls.map((call) => [call.promptPreview, call.answerPreview, call.toolNames.join()]),
        [
          ['Hello', 'You said Hello.', ''],
          ['use the tool', '', 'clock'],
          ['', 'You said .', ''],
        ],
      );
      const answer = contents.get(calls[0]!.responseContent as ContentHash)!.text;
      assert.ok(answer.includes('"audio_bytes":14400,"audio_ms":300'), answer);
      assert.ok(exchanges[0]!.serverMessages > 20 && exchanges[0]!.upgrade === 'websocket');
    });
  });
}

test('a client that hangs up in the middle, and a server that never answers, leave calls that say so', async () => {
  await withServer({}, async (server, tap) => {
    for (const model of ['fake-slow', 'fake-hang', 'fake-abort']) {
      const socket = new WebSocket(`ws://127.0.0.1:${tap.port}/v1/responses`);
      await once(socket, 'open');
      socket.send(JSON.stringify(ask(model, 'Well?')));
      if (model === 'fake-slow') await once(socket, 'message');
      if (model === 'fake-hang') await new Promise((resolve) => setTimeout(resolve, 50));
      if (model === 'fake-abort') await once(socket, 'close');
      else socket.terminate();
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(server.socketServed.length, 3);
    assert.deepEqual(
      observeSteps(tap.connections).calls.map(({ requestedModel, outcome }) => [requestedModel, outcome]),
      [
        ['fake-slow', 'client_abort'],
        ['fake-hang', 'client_abort'],
        ['fake-abort', 'upstream_abort'],
      ],
    );
  });
});

test('other WebSocket traffic is one row with its counts, without contents', async () => {
  await withServer({ deflate: { threshold: 0 } }, async (_server, tap) => {
    const socket = new WebSocket(`ws://127.0.0.1:${tap.port}/chat`);
    await once(socket, 'open');
    for (const text of ['one', 'two', 'three']) {
      socket.send(text);
      await once(socket, 'message');
    }
    socket.close(4001);
    await once(socket, 'close');
    const { calls, exchanges } = observeSteps(tap.connections);
    assert.equal(calls.length, 0);
    const [row] = exchanges;
    assert.deepEqual([exchanges.length, row?.path, row?.clientMessages, row?.serverMessages], [1, '/chat', 3, 3]);
    assert.equal(row?.closeCode, 4001);
    assert.ok(row!.clientMessageBytes > 10 && row!.clientMessageBytes < row!.upgradeBytes);
  });
});
