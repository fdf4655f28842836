import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Call } from '../../schemas/call.ts';
import { ask } from '../clickhouse/queries.ts';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import {
  callObservation,
  callRange,
  contentOf,
  SAMPLE_TIME,
  sampleCall,
  sampleExchange,
} from '../clickhouse/testing.ts';
import type { BitternError } from '../common/errors.ts';
import { API_DEFAULTS } from './defaults.ts';
import { type Api, type ApiOptions, startApi } from './server.ts';

const TOKEN = 'a-token-that-only-this-test-knows';
const LOOPBACK: ApiOptions = { host: '127.0.0.1', port: 0, allowRemote: false, token: Buffer.from(TOKEN) };
const CALLS = 60;
/** Ids far from those of the plain samples. */
const DETAILED = 900_001;
const FORGOTTEN = 900_002;
const NEWEST = 900_003;

const folder = mkdtempSync(path.join(tmpdir(), 'bittern-api-'));
let store: Store;
let api: Api;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Not `fetch`: it would tidy the path up and not let a Host field through. */
async function raw(target: string, { method = 'GET', headers = {} }: Ask = {}): Promise<Answer> {
  const { hostname, port } = new URL(api.url);
  const request = httpRequest({ host: hostname, port, path: target, method, headers, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  let body: Record<string, unknown> = {};
  if (text.startsWith('{')) body = JSON.parse(text) as Record<string, unknown>;
  return { status: response.statusCode ?? 0, headers: response.headers, text, body };
}

const get = (target: string, ask: Ask = {}): Promise<Answer> =>
  raw(target, { ...ask, headers: { authorization: `Bearer ${TOKEN}`, ...ask.headers } });

const codeOf = (answer: Answer): unknown => (answer.body.error as { code?: unknown } | undefined)?.code;
const idsOf = (answer: Answer): string[] => (answer.body.calls as Call[]).map((call) => call.callId);
const query = (params: Readonly<Record<string, string>>): string => `/api/v1/calls?${new URLSearchParams(params)}`;

const system = contentOf('system', '{"role":"system","content":"secret instructions"}');
const question = contentOf('message', '{"role":"user","content":"Where do bitterns live?"}');
const response = contentOf('response', '{"answer":"In reeds."}');
const detailed = sampleCall(DETAILED, {
  agentId: 'detailed',
  requestSkeleton: '{"model":"gpt-5","messages":[\0,\0]}',
  requestParts: [system.hash, question.hash],
  responseContent: response.hash,
});
const forgotten = sampleCall(FORGOTTEN, {
  agentId: 'forgotten',
  requestSkeleton: '{"messages":[\0]}',
  requestParts: [contentOf('message', 'was never stored').hash],
});

before(async () => {
  store = await openStore({ dataDir: folder, retentionDays: 0, memoryBytesMax: 1e9 });
  const sink = new ClickHouseSink(store);
  await sink.add(callRange(0, CALLS));
  // Six calls of one microsecond: an order by time alone would lose some at a page's border.
  for (let n = 0; n < 6; n++) await sink.add([callObservation(sampleCall(1000 + n, { requestStart: SAMPLE_TIME }))]);
  await sink.add([callObservation(detailed, [system, question, response]), callObservation(forgotten)]);
  await sink.add([{ type: 'exchange', exchange: sampleExchange(1) }]);
  await sink.close();
  api = await startApi(store, LOOPBACK);
});

after(async () => {
  await api?.close();
  await store?.close();
  rmSync(folder, { recursive: true, force: true });
});

const total = CALLS + 6 + 2;

describe('who may ask', () => {
  const SECRET_ROUTES = [
    '/api/v1/summary',
    '/api/v1/health',
    '/api/v1/calls',
    `/api/v1/calls/${detailed.callId}`,
    `/api/v1/calls/${detailed.callId}/request`,
  ];

  test('without a token, or with a wrong one, every route but the probes says 401 and nothing else', async () => {
    const wrong = [
      {},
      { authorization: '' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer  ' },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
      { authorization: `Basic ${Buffer.from(`bittern:${TOKEN}`).toString('base64')}` },
      { authorization: TOKEN },
      { cookie: `token=${TOKEN}` },
    ];
    for (const headers of wrong) {
      for (const route of SECRET_ROUTES) {
        const answer = await raw(route, { headers });
        assert.equal(answer.status, 401, route);
        assert.equal(codeOf(answer), 'unauthorized');
        assert.equal(answer.headers['www-authenticate'], 'Bearer');
        assert.deepEqual(Object.keys(answer.body), ['error']);
      }
    }
    assert.equal((await raw(`/api/v1/summary?token=${TOKEN}`)).status, 401);
  });

  test('no spelling of a path gets around the token', async () => {
    const spellings = [
      '/%61pi/v1/calls',
      '/api%2Fv1/calls',
      '//api/v1/calls',
      '/./api/v1/calls',
      '/x/../api/v1/calls',
      '/API/v1/calls',
      '/api/v1/calls/',
      '/api/v1/calls;x',
      '/api/v1/%63alls',
      `${api.url}/api/v1/calls`,
      'http://elsewhere.example/api/v1/calls',
      '\\api\\v1\\calls',
    ];
    for (const target of spellings) {
      const answer = await raw(target);
      assert.ok(answer.status >= 400 && answer.status < 500, `${target}: ${answer.status}`);
      assert.ok(!answer.text.includes('callId'), target);
    }
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
      assert.equal((await raw('/api/v1/calls', { method })).status, 401, method);
    }
  });

  test('the probes need no token and tell nothing but that', async () => {
    assert.deepEqual((await raw('/livez')).body, { status: 'ok' });
    assert.deepEqual((await raw('/readyz')).body, { status: 'ok' });
  });

  test('a name that points to loopback (DNS rebinding) is refused, with the token too', async () => {
    for (const host of ['attacker.example', 'attacker.example:4680', '127.0.0.1.attacker.example', '10.0.0.1', '[']) {
      for (const route of ['/api/v1/calls', '/livez', '/nowhere']) {
        const answer = await get(route, { headers: { host, 'x-forwarded-host': '127.0.0.1' } });
        assert.ok(answer.status === 421 || answer.status === 400, `${host}: ${answer.status}`);
        assert.ok(['wrong_host', 'bad_request'].includes(String(codeOf(answer))), host);
      }
    }
    for (const host of ['localhost', 'localhost:4680', '127.0.0.1', '127.0.0.9:1', '[::1]', '[::1]:4680']) {
      assert.equal((await get('/livez', { headers: { host } })).status, 200, host);
    }
  });

  test('nothing allows other origins', async () => {
    const answer = await get('/api/v1/calls', { headers: { origin: 'https://attacker.example' } });
    const cors = Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'));
    assert.deepEqual(cors, []);
  });

  test('it listens on loopback only, unless more is allowed', async () => {
    for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org', '127.0.0.1.example.org', '']) {
      await assert.rejects(startApi(store, { ...LOOPBACK, host }), (error: BitternError) => {
        assert.equal(error.code, 'BIT_API_REMOTE');
        return error.message.includes('api.allowRemote');
      });
    }
    const open = await startApi(store, { ...LOOPBACK, host: '0.0.0.0', allowRemote: true });
    const port = new URL(open.url).port;
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/calls`);
    assert.equal(answer.status, 401, 'the token is wanted there as well');
    await open.close();
  });

  test('a port that is taken is told with what to do', async () => {
    const port = Number(new URL(api.url).port);
    await assert.rejects(startApi(store, { ...LOOPBACK, port }), (error: BitternError) => {
      assert.equal(error.code, 'BIT_API_LISTEN');
      return error.message.includes('api.port');
    });
  });
});

describe('what is answered', () => {
  test('a summary and the health of the capture', async () => {
    const summary = (await get('/api/v1/summary')).body as { totals: { calls: number }; exchanges: number };
    assert.equal(summary.totals.calls, total);
    assert.equal(summary.exchanges, 1);
    const health = (await get('/api/v1/health')).body;
    assert.deepEqual(health.losses, []);
  });

  test('calls newest first, without contents', async () => {
    const answer = await get('/api/v1/calls?limit=500');
    const calls = answer.body.calls as (Call & { time: number })[];
    assert.equal(calls.length, total);
    for (let at = 1; at < calls.length; at++) assert.ok(calls[at - 1]!.time >= calls[at]!.time);
    assert.ok(!answer.text.includes('secret instructions'));
    for (const field of ['requestSkeleton', 'requestParts', 'toolArguments', 'offeredTools', 'labels'])
      assert.ok(!answer.text.includes(`"${field}"`), field);
  });

  test('a page holds no more than asked for, and by default not more than a screen', async () => {
    assert.equal(idsOf(await get('/api/v1/calls?limit=1')).length, 1);
    assert.equal(idsOf(await get('/api/v1/calls')).length, API_DEFAULTS.pageRows);
  });

  test('one call whole, its request as it was sent, and its response', async () => {
    const { body } = await get(`/api/v1/calls/${detailed.callId}`);
    assert.deepEqual(body.call, detailed);
    assert.deepEqual(body.parts, [system, question]);
    assert.deepEqual(body.response, response);
    const request = await get(`/api/v1/calls/${detailed.callId}/request`);
    assert.match(String(request.headers['content-type']), /^application\/json/);
    assert.deepEqual(request.body, {
      model: 'gpt-5',
      messages: [JSON.parse(system.text), JSON.parse(question.text)],
    });
  });

  test('a request that is not stored, or no longer whole, is told as such', async () => {
    const without = await get(`/api/v1/calls/${sampleCall(0).callId}/request`);
    assert.deepEqual([without.status, codeOf(without)], [404, 'not_found']);
    const gone = await get(`/api/v1/calls/${forgotten.callId}/request`);
    assert.deepEqual([gone.status, codeOf(gone)], [410, 'content_missing']);
  });

  test('what is not there is a typed 404', async () => {
    for (const target of [`/api/v1/calls/${'0'.repeat(32)}`, `/api/v1/calls/${'0'.repeat(32)}/request`, '/', '/api/v2'])
      assert.deepEqual([(await get(target)).status, codeOf(await get(target))], [404, 'not_found'], target);
    const refused = await get('/api/v1/calls', { method: 'DELETE' });
    assert.deepEqual([refused.status, codeOf(refused)], [405, 'method_not_allowed']);
    assert.equal(refused.headers.allow, 'GET, HEAD');
  });

  test('filters choose what they say, alone and together', async () => {
    const all = (await get('/api/v1/calls?limit=500')).body.calls as Call[];
    const expected: [Record<string, string>, (call: Call) => boolean][] = [
      [{ agentId: 'agent-3' }, (call) => call.agentId === 'agent-3'],
      [{ sessionId: 'session-1' }, (call) => call.sessionId === 'session-1'],
      [{ model: 'gpt-5' }, () => true],
      [{ model: 'gpt-5-2026-01-01', agentId: 'detailed' }, (call) => call.callId === detailed.callId],
      [{ outcome: 'http_error' }, () => false],
      [{ dialect: 'openai.chat', provider: 'openai', completeness: 'full', tool: 'search' }, () => true],
      [{ tool: 'write' }, () => false],
      [{ credential: 'fp_0123456789abcdef', agentId: 'agent-0' }, (call) => call.agentId === 'agent-0'],
      [{ from: String(SAMPLE_TIME + 100_000) }, (call) => call.requestStart! >= SAMPLE_TIME + 100_000],
      [{ to: String(SAMPLE_TIME + 100_000) }, (call) => call.requestStart! < SAMPLE_TIME + 100_000],
      [{ from: String(SAMPLE_TIME), to: String(SAMPLE_TIME + 1) }, (call) => call.requestStart === SAMPLE_TIME],
    ];
    for (const [params, wanted] of expected) {
      const answer = await get(query({ limit: '500', ...params }));
      assert.deepEqual(
        idsOf(answer),
        all.filter(wanted).map((call) => call.callId),
        JSON.stringify(params),
      );
    }
  });
});

describe('pages', () => {
  test('show every call once, whatever their size, also where many have one time', async () => {
    const all = idsOf(await get('/api/v1/calls?limit=500'));
    for (const limit of [1, 3, 7, 66]) {
      const seen: string[] = [];
      let next: string | null = '';
      while (next !== null) {
        const page: Answer = await get(query({ limit: String(limit), ...(next === '' ? {} : { cursor: next }) }));
        seen.push(...idsOf(page));
        next = page.body.next as string | null;
        assert.ok(seen.length <= all.length, 'the pages come to an end');
      }
      assert.deepEqual(seen, all);
    }
  });

  test('are not moved by calls that arrive while they are read', async () => {
    const before = idsOf(await get('/api/v1/calls?limit=500'));
    const first = await get('/api/v1/calls?limit=20');
    const sink = new ClickHouseSink(store);
    await sink.add([callObservation(sampleCall(NEWEST))]);
    await sink.close();
    const second = await get(query({ limit: '500', cursor: String(first.body.next) }));
    assert.deepEqual([...idsOf(first), ...idsOf(second)], before);
    // An answer may be older than the change, but not for longer than what is documented.
    const { callId } = sampleCall(NEWEST);
    const deadline = performance.now() + 2 * API_DEFAULTS.listStaleMs + 1_000;
    let newest = '';
    while (newest !== callId && performance.now() < deadline) {
      newest = String(idsOf(await get('/api/v1/calls?limit=1'))[0]);
      if (newest !== callId) await setTimeout(50);
    }
    assert.equal(newest, callId);
  });
});

const HOSTILE = [
  "'",
  "\\'",
  "' OR 1=1 --",
  "\\' OR 1=1 --",
  "x') UNION ALL SELECT name FROM system.users --",
  '{agentId:String}',
  '"; DROP TABLE calls; --',
  '\\',
  '\\\\',
  '\\N',
  '\0',
  '\n\t\r',
  '%00%27',
  '🐦\u{d800}',
  '../../etc/passwd',
  '$' + '{1+1}',
  'a'.repeat(500),
];

describe('hostile input', () => {
  const isSound = (answer: Answer, what: string): void => {
    assert.ok(answer.status < 500, `${what}: ${answer.status} ${answer.text.slice(0, 300)}`);
    if (answer.status !== 200) assert.equal(typeof codeOf(answer), 'string', `${what}: ${answer.text.slice(0, 300)}`);
    assert.doesNotMatch(answer.text, /SELECT|ClickHouse|node_modules|\n\s+at |FST_ERR/, what);
  };

  test('in filters is only a value that nothing has', async () => {
    for (const name of [
      'agentId',
      'sessionId',
      'model',
      'outcome',
      'dialect',
      'provider',
      'completeness',
      'credential',
      'tool',
    ]) {
      for (const value of HOSTILE) {
        const answer = await get(query({ [name]: value }));
        isSound(answer, `${name}=${JSON.stringify(value)}`);
        assert.deepEqual(answer.body, { calls: [], next: null }, `${name}=${JSON.stringify(value)}`);
      }
    }
    const [left] = await ask<{ n: number }>(store, 'SELECT count() AS n FROM calls', {});
    assert.ok(left!.n >= total);
  });

  test('in cursors, numbers, names and ids is a 400', async () => {
    for (const value of [...HOSTILE, '-1', '1e3', '0x10', '1.5', 'NaN', 'Infinity', '9'.repeat(40)]) {
      for (const name of ['limit', 'cursor', 'from', 'to', 'nonsense', 'agentId[]', '__proto__']) {
        const answer = await get(query({ [name]: value }));
        isSound(answer, `${name}=${JSON.stringify(value)}`);
        assert.equal(answer.status, 400, `${name}=${JSON.stringify(value)}`);
      }
      const answer = await get(`/api/v1/calls/${encodeURIComponent(value.toWellFormed())}`);
      isSound(answer, value);
      assert.ok([400, 404, 431].includes(answer.status), `${value}: ${answer.status}`);
    }
    for (const search of [
      'limit=0',
      'limit=501',
      'limit=1000000000',
      'limit=',
      'agentId=a&agentId=b',
      'limit=1&limit=2',
    ])
      assert.equal(codeOf(await get(`/api/v1/calls?${search}`)), 'bad_request', search);
  });

  test('at the edges of numbers and times is answered', async () => {
    const top = Number.MAX_SAFE_INTEGER;
    for (const search of [`from=${top}`, `to=${top}`, 'from=0', 'to=0', `from=${top}&to=0`]) {
      const answer = await get(`/api/v1/calls?${search}`);
      isSound(answer, search);
      assert.equal(answer.status, 200, search);
    }
    for (const time of ['0', '9007199254740991', '9'.repeat(16), '9'.repeat(17)])
      isSound(await get(`/api/v1/calls?cursor=${time}-${'f'.repeat(32)}`), time);
  });

  test('in the path or in its escapes is a typed 4xx', async () => {
    for (const target of [
      '/api/v1/calls/%',
      '/api/v1/calls/%zz',
      '/api/v1/calls/%ff',
      '/api/v1/calls?agentId=%ff%zz%',
      `/api/v1/calls/${'a'.repeat(4000)}`,
      '/api/v1/calls/..%2f..%2f',
      '/%',
      '*',
    ]) {
      const answer = await get(target, target === '*' ? { method: 'OPTIONS' } : {});
      isSound(answer, target);
    }
    const long = await get(`/api/v1/calls?agentId=${'a'.repeat(501)}`);
    assert.deepEqual([long.status, codeOf(long)], [400, 'bad_request']);
  });

  test('a query of a megabyte is refused before it is read', async () => {
    const head = (chars: number): string =>
      `GET /api/v1/calls?agentId=${'a'.repeat(chars)} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const answer = await bytesFor(head(20_000));
    assert.match(answer, /^HTTP\/1\.1 431 /);
    assert.equal(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).error.code, 'too_large');
    // So much more than was read that the answer itself may be lost: the connection is reset.
    assert.doesNotMatch(await bytesFor(head(1_000_000)), /^HTTP\/1\.1 (2|5)/);
    assert.equal((await raw('/livez')).status, 200);
  });

  test('a body that nothing asked for is not taken in', async () => {
    const body = 'x'.repeat(API_DEFAULTS.bodyBytesMax + 1);
    const fields = `Authorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    const answer = await bytesFor(
      `POST /api/v1/calls HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${fields}\r\n${body}`,
    );
    assert.match(answer, /^HTTP\/1\.1 4\d\d /);
    assert.equal(typeof JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).error.code, 'string');
  });

  test('bytes that are no HTTP are refused in the same form', async () => {
    assert.match(await bytesFor('GET /livez HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 421 /);
    for (const bytes of ['\x16\x03\x01\x02\x00\x01', 'GET / HTTP/9.9\r\n\r\n', 'GET /\0 HTTP/1.1\r\n\r\n']) {
      const answer = await bytesFor(bytes);
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.equal(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).error.code, 'bad_request');
    }
  });

  test('a store that is away is a 503, and nothing of the query is told', async () => {
    const elsewhere = await openStore({ dataDir: folder, retentionDays: 0, memoryBytesMax: 1e9, migrate: false });
    const lonely = await startApi(elsewhere, LOOPBACK);
    const kept = api;
    try {
      await elsewhere.client.close();
      Object.assign(elsewhere, { client: brokenClient(elsewhere) });
      api = lonely;
      const answer = await get('/api/v1/calls?agentId=x');
      assert.deepEqual([answer.status, codeOf(answer)], [503, 'store_unavailable']);
      assert.doesNotMatch(answer.text, /SELECT|127\.0\.0\.1|ECONN/);
      const ready = await raw('/readyz');
      assert.deepEqual([ready.status, ready.body.status], [503, 'store unreachable']);
      assert.equal((await raw('/livez')).status, 200);
    } finally {
      api = kept;
      await lonely.close();
      await elsewhere.close().catch(() => {});
    }
  });
});

/** A client whose server can't be reached. */
function brokenClient(of: Store): Store['client'] {
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  return Object.assign(Object.create(of.client) as Store['client'], {
    query: () => Promise.reject(refused),
    ping: () => Promise.resolve({ success: false, error: refused }),
  });
}

async function bytesFor(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  let answer = '';
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.write(bytes, 'latin1');
  // Not `once`: it would reject when the connection is reset.
  await new Promise((resolve) => socket.on('close', resolve));
  return answer;
}
