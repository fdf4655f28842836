/** WebSockets on streams of HTTP/2, by Node's http2 and the `ws` package: what is observed equals what the server logged. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import type { Call } from '../../schemas/call.ts';
import { joinRequest } from '../../services/clickhouse/queries.ts';
import { exchange } from '../../services/http/h2/testing.ts';
import type { Step } from '../../services/http/testing.ts';
import { type FakeLlm, startFakeLlm } from '../fake-llm/server.ts';
import type { FakeDeflate } from '../fake-llm/socket.ts';
import { openSocket } from '../fake-llm/stream-socket.ts';
import { startTap, type Tap } from '../wire/tap.ts';
import { observeSteps, type Seen } from './observe-steps.ts';

const SETTLE_MS = 100;
const HEADERS = { authorization: 'Bearer made-up', 'openai-beta': 'responses_websockets=v1', 'session-id': 'thread-1' };

const ask = (model: string, text: string, more: object = {}) => ({
  ...{ type: 'response.create', model, instructions: 'Be brief.' },
  input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }],
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

type Work = (session: ClientHttp2Session, server: FakeLlm, tap: Tap) => Promise<void>;

/** Sends the messages one after the other, each when the response to the one before is over. */
async function converse(socket: WebSocket, messages: readonly object[]): Promise<void> {
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
}

async function closed(socket: WebSocket, code = 1000): Promise<void> {
  const over = once(socket, 'close');
  socket.close(code);
  await over;
}

async function withSession(deflate: FakeDeflate, work: Work): Promise<Seen> {
  return observeSteps(await recorded(deflate, work));
}

async function recorded(deflate: FakeDeflate, work: Work): Promise<readonly (readonly Step[])[]> {
  const server = await startFakeLlm({ http2: true, deflate });
  const tap = await startTap(server.port);
  const session = connect(`http://127.0.0.1:${tap.port}`);
  try {
    await once(session, 'remoteSettings');
    await work(session, server, tap);
  } finally {
    session.destroy();
    await sleep(SETTLE_MS);
    await tap.close();
    await server.close();
  }
  return tap.connections;
}

/** Of a row over WebSocket: what tells how it was carried, or is new with each response. */
const OWN =
  /^(callId|connectionId|protocol|method|status|host|clientPort|serverPort|responseId|toolCallIds|responseContent|responseBytes|request(Start|End)|first(Byte|Token)|responseEnd|.*(Ms|PerSecond))$/;

/** All that a row of the same conversation over HTTP/1.1 has as well. */
function common(call: Call): object {
  return Object.fromEntries(Object.entries(call).filter(([name]) => !OWN.test(name)));
}

async function overHttp1(deflate: FakeDeflate): Promise<Seen> {
  const server = await startFakeLlm({ deflate });
  const tap = await startTap(server.port);
  const options = { headers: HEADERS, perMessageDeflate: deflate === false ? false : { threshold: 0 } };
  const socket = new WebSocket(`ws://127.0.0.1:${tap.port}/v1/responses`, options);
  await once(socket, 'open');
  await converse(socket, CONVERSATION);
  await closed(socket);
  await tap.close();
  await server.close();
  return observeSteps(tap.connections);
}

const DEFLATES: readonly (readonly [name: string, deflate: FakeDeflate])[] = [
  ['without compression', false],
  ['with context takeover both ways', { threshold: 0 }],
  ['without context takeover', { serverNoContextTakeover: true, clientNoContextTakeover: true, threshold: 0 }],
];

for (const [name, deflate] of DEFLATES) {
  test(`a Responses conversation ${name} on a stream gives the rows that it gives over HTTP/1.1`, async () => {
    let server: FakeLlm | undefined;
    const seen = await withSession(deflate, async (session, fake) => {
      server = fake;
      const socket = await openSocket(session, '/v1/responses', HEADERS, deflate !== false);
      await converse(socket, CONVERSATION);
      await closed(socket);
    });
    const asked = server!.socketServed.filter(({ isPrewarm }) => !isPrewarm);
    assert.equal(seen.calls.length, asked.length);
    seen.calls.forEach((call, n) => {
      assert.equal(joinRequest(call.requestSkeleton, call.requestParts, seen.contents), asked[n]!.requestBody);
      assert.equal(call.responseId, asked[n]!.reply?.id ?? '');
      assert.deepEqual([call.protocol, call.method, call.status], ['websocket/h2', 'CONNECT', 200]);
    });
    const plain = await overHttp1(deflate);
    assert.deepEqual(seen.calls.map(common), plain.calls.map(common));
    const upgrade = seen.exchanges.find((row) => row.upgrade === 'websocket')!;
    const before = plain.exchanges.find((row) => row.upgrade === 'websocket')!;
    assert.deepEqual([upgrade.protocol, upgrade.path, upgrade.outcome], ['h2', '/v1/responses', 'complete']);
    for (const counted of ['clientMessages', 'serverMessages', 'closeCode', 'skippedBytes'] as const) {
      assert.equal(upgrade[counted], before[counted], counted);
    }
    assert.equal(JSON.stringify(seen.calls).includes('made-up'), false);
  });
}

test('several WebSockets and plain calls share one connection', async () => {
  let server: FakeLlm | undefined;
  const seen = await withSession({ threshold: 0 }, async (session, fake) => {
    server = fake;
    const turns = (n: number) => Array.from({ length: 5 }, (_, turn) => ask('gpt-5', `socket ${n}, turn ${turn}`));
    const body = JSON.stringify({ model: 'fake-parallel', stream: true, messages: [{ role: 'user', content: 'Hi' }] });
    const post = { ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json' };
    const talk = async (n: number): Promise<void> => {
      const socket = await openSocket(session, '/v1/responses', HEADERS, n % 2 === 0);
      await converse(socket, turns(n));
      await closed(socket);
    };
    const chat = async (): Promise<void> => {
      const socket = await openSocket(session, '/chat', {}, true);
      for (const text of ['one', 'two', 'three']) {
        socket.send(text);
        await once(socket, 'message');
      }
      await closed(socket, 4001);
    };
    const sockets = Array.from({ length: 8 }, (_, n) => talk(n));
    await Promise.all([...sockets, chat(), ...Array.from({ length: 20 }, () => exchange(session, post, body))]);
  });
  const sockets = seen.calls.filter(({ protocol }) => protocol === 'websocket/h2');
  assert.deepEqual([sockets.length, seen.calls.length - sockets.length], [40, 20]);
  assert.equal(new Set(seen.calls.map(({ callId }) => callId)).size, 60);
  const byId = new Map(server!.socketServed.map((served) => [served.reply!.id, served]));
  for (const call of sockets) {
    const served = byId.get(call.responseId)!;
    assert.equal(joinRequest(call.requestSkeleton, call.requestParts, seen.contents), served.requestBody);
    assert.deepEqual([call.outcome, call.completeness], ['ok', 'full']);
  }
  const rows = seen.exchanges.filter(({ upgrade }) => upgrade === 'websocket');
  const chat = rows.find(({ path }) => path === '/chat')!;
  assert.equal(rows.length, 9);
  assert.deepEqual([chat.clientMessages, chat.serverMessages, chat.closeCode], [3, 3, 4001]);
});

test('a stream that is reset and a session that dies leave calls that say so', async () => {
  const seen = await withSession(false, async (session) => {
    for (const model of ['fake-slow', 'fake-abort']) {
      const socket = await openSocket(session, '/v1/responses', {}, false);
      socket.on('error', () => {});
      const over = once(socket, 'close');
      socket.send(JSON.stringify(ask(model, 'Well?')));
      await once(socket, 'message');
      if (model === 'fake-slow') socket.terminate();
      await over;
    }
    const socket = await openSocket(session, '/v1/responses', {}, false);
    socket.on('error', () => {});
    socket.send(JSON.stringify(ask('fake-slow', 'Last')));
    await once(socket, 'message');
  });
  assert.deepEqual(
    seen.calls.map(({ requestedModel, outcome }) => [requestedModel, outcome]),
    [
      ['fake-slow', 'client_abort'],
      ['fake-abort', 'upstream_abort'],
      ['fake-slow', 'client_abort'],
    ],
  );
});

test('a connection that is joined at any byte shows the calls of its WebSockets that were asked for behind that', async () => {
  const turns = 6;
  let fake: FakeLlm | undefined;
  const [steps] = await recorded(false, async (session, server) => {
    fake = server;
    const socket = await openSocket(session, '/v1/responses', HEADERS, false);
    const asked = Array.from({ length: turns }, (_, n) => ask(n % 2 === 0 ? 'gpt-5' : 'fake-tool', `Turn ${n}`));
    await converse(socket, asked);
    await closed(socket);
  });
  const begins = steps!
    .flatMap(({ side, bytes }, n) => (side === 'client' && (bytes?.length ?? 0) > 120 ? [n] : []))
    .slice(-turns);
  const ids = fake!.socketServed.map(({ reply }) => reply!.id);
  let found = 0;
  let unfound = 0;
  fc.assert(
    fc.property(fc.integer({ min: begins[0]! - 1, max: steps!.length - 1 }), fc.nat(), (from, cut) => {
      const [first, ...rest] = steps!.slice(from);
      const bytes = (first!.bytes ?? Buffer.alloc(0)) as Buffer;
      const joined = [{ ...first!, bytes: bytes.subarray(cut % (bytes.length + 1)) }, ...rest];
      const { calls, exchanges } = observeSteps([joined], 3, { fromStart: false });
      const seen = calls.map(({ responseId }) => responseId).filter((id) => id !== '');
      assert.equal(new Set(seen).size, seen.length);
      for (const call of calls) {
        assert.deepEqual([call.completeness, call.protocol], ['head_missing', 'websocket/h2']);
        const n = call.promptPreview === '' ? -1 : Number(call.promptPreview.slice(5));
        if (n >= 0 && call.responseId !== '') assert.equal(call.responseId, ids[n], "another request's answer");
        assert.ok(call.responseId === '' || ids.includes(call.responseId));
      }
      assert.ok(
        exchanges.every(({ upgrade, completeness }) => upgrade === 'websocket' && completeness === 'head_missing'),
      );
      assert.ok(exchanges.length <= 1);
      // The client's frames are believed when a second one follows: the one before that has come too late for its answer.
      const behind = begins.flatMap((at, n) => (at > from ? [n] : [])).slice(2);
      for (const n of behind) {
        if (calls.some((call) => call.promptPreview === `Turn ${n}` && call.responseId === ids[n])) found++;
        else unfound++;
      }
    }),
    { numRuns: 200 },
  );
  // What is left of a frame may look like the beginning of another one for a while.
  assert.ok(found > 100 && unfound < found / 20, `${found} turns behind joins, ${unfound} not found`);
});
