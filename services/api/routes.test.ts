import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { MetricPoint } from '../clickhouse/metrics.ts';
import { ask, CALL_TEXT_FILTERS } from '../clickhouse/queries.ts';
import type { StoredSession } from '../clickhouse/story-queries.ts';
import { callObservation, SAMPLE_TIME, sampleCall, sampleExchange } from '../clickhouse/testing.ts';
import { START } from '../tracker/testing.ts';
import { type Answer, codeOf, fill, openStage, type Stage, TOKEN } from './testing.ts';

let stage: Stage;
before(async () => {
  stage = await openStage();
  await fill(stage);
});
after(() => stage.close());

type Row = Readonly<Record<string, unknown>>;

/** All rows of a list, a few at a time. */
async function pages(name: string, target: string): Promise<Row[]> {
  const seen: Row[] = [];
  let cursor = '';
  for (let page = 0; page < 200; page++) {
    const { body, status, text } = await stage.get(`${target}${target.includes('?') ? '&' : '?'}limit=2${cursor}`);
    assert.equal(status, 200, text);
    seen.push(...(body[name] as Row[]));
    if (body.next === null) return seen;
    cursor = `&cursor=${String(body.next)}`;
  }
  throw new Error('the pages have no end');
}

const rowsOf = async (name: string, target: string): Promise<Row[]> => (await stage.get(target)).body[name] as Row[];

describe('lists', () => {
  const LISTS = [
    ['exchanges', '/api/v1/exchanges', 'exchanges', 'exchange_id'],
    ['sessions', '/api/v1/sessions', 'sessions', 'session_id'],
    ['turns', '/api/v1/turns', 'turns', 'turn_id'],
    ['toolCalls', '/api/v1/tool-calls', 'tool_calls', 'concat(call_id, toString(position))'],
  ] as const;

  test('show every row once, in pages as in one piece', async () => {
    for (const [name, target, table, id] of LISTS) {
      const [{ n } = { n: 0 }] = await ask<{ n: number }>(
        stage.store,
        `SELECT uniqExact(${id}) AS n FROM ${table}`,
        {},
      );
      const whole = await rowsOf(name, `${target}?limit=500`);
      assert.ok(n > 1, name);
      assert.equal(whole.length, n, name);
      assert.deepEqual(await pages(name, target), whole, name);
    }
  });

  test('are chosen by each field that they tell', async () => {
    for (const [name, target] of LISTS) {
      const whole = await rowsOf(name, `${target}?limit=500`);
      const { body } = await stage.get('/api/v1/openapi.json');
      const path = (body.paths as Record<string, { get: { parameters: { name: string }[] } }>)[target];
      const filters = path!.get.parameters.map((each) => each.name);
      for (const filter of filters) {
        const field = { tool: 'toolName' }[filter] ?? filter;
        const value = whole[0]![field];
        if (value === undefined || value === null) continue;
        const found = await rowsOf(name, `${target}?limit=500&${new URLSearchParams({ [filter]: String(value) })}`);
        assert.deepEqual(
          found,
          whole.filter((row) => row[field] === value),
          `${name} by ${filter}`,
        );
      }
    }
  });

  test('hold no contents', async () => {
    for (const [, target] of LISTS) assert.doesNotMatch((await stage.get(`${target}?limit=500`)).text, /secret-file/);
    assert.doesNotMatch((await stage.get('/api/v1/calls?limit=500')).text, /secret-file|same text/);
  });

  test('of calls are chosen by every text field', async () => {
    const whole = await rowsOf('calls', '/api/v1/calls?limit=500');
    for (const filter of CALL_TEXT_FILTERS) {
      if (filter === 'model' || filter === 'tool') continue;
      const value = String(whole[0]![filter]);
      const found = await rowsOf('calls', `/api/v1/calls?limit=500&${new URLSearchParams({ [filter]: value })}`);
      assert.deepEqual(
        found,
        whole.filter((row) => row[filter] === value),
        filter,
      );
    }
    assert.equal((await rowsOf('calls', '/api/v1/calls?streaming=false')).length, 1);
    assert.equal((await rowsOf('calls', '/api/v1/calls?status=200&limit=500')).length, whole.length);
  });
});

describe('details', () => {
  test('a session has its turns, calls, tool calls with arguments, and findings, whatever its id is', async () => {
    const id = 'ops/incident 77?#%ü';
    const { body } = await stage.get(`/api/v1/sessions/${encodeURIComponent(id)}`);
    const stored = body as unknown as StoredSession;
    assert.equal(stored.session.sessionId, id);
    assert.deepEqual([stored.turns.length, stored.calls.length, stored.toolCalls.length], [1, 7, 6]);
    assert.equal(stored.toolCalls[0]?.arguments, '{"path":"secret-file"}');
    assert.equal(stored.findings[0]?.kind, 'exact_repeat');
  });

  test('a turn and a tool call by their ids', async () => {
    const [turn] = await rowsOf('turns', '/api/v1/turns?limit=1');
    assert.deepEqual((await stage.get(`/api/v1/turns/${turn!.turnId}`)).body.turn, turn);
    const [toolCall] = await rowsOf('toolCalls', '/api/v1/tool-calls?isError=true');
    const one = (await stage.get(`/api/v1/tool-calls/${toolCall!.callId}/${toolCall!.position}`)).body.toolCall as Row;
    assert.deepEqual([one.arguments, one.resultPreview, one.mcpServer], ['{}', 'Error', 'files']);
  });

  test('a call that was mirrored once has no next hops', async () => {
    assert.deepEqual((await stage.get(`/api/v1/calls/${sampleCall(0).callId}/hops`)).body, { hops: [] });
  });

  test('calls and exchanges have their headers, lists have none', async () => {
    const headers = { requestHeaders: 'host: a.test\nuser-agent: x\n', responseHeaders: 'server: y\n' };
    const [call, exchange] = [sampleCall(90_001, headers), sampleExchange(90_001, headers)];
    await stage.put([callObservation(call), { type: 'exchange', exchange }]);
    const one = (await stage.get(`/api/v1/calls/${call.callId}`)).body.call as Row;
    assert.deepEqual([one.requestHeaders, one.responseHeaders], Object.values(headers));
    assert.deepEqual((await stage.get(`/api/v1/exchanges/${exchange.exchangeId}`)).body.exchange, exchange);
    const [listed] = await rowsOf('exchanges', `/api/v1/exchanges?from=${exchange.started}`);
    assert.ok(listed !== undefined && !Object.hasOwn(listed, 'requestHeaders'));
  });

  test('of what is not there are a typed 404', async () => {
    const none = '0'.repeat(32);
    for (const target of [
      `calls/${none}/hops`,
      `exchanges/${none}`,
      'sessions/none',
      `turns/${none}`,
      `tool-calls/${none}/0`,
    ])
      assert.equal(codeOf(await stage.get(`/api/v1/${target}`)), 'not_found', target);
    assert.equal(codeOf(await stage.get(`/api/v1/sessions/${encodeURIComponent('ü?'.repeat(125))}`)), 'not_found');
    assert.equal(codeOf(await stage.get(`/api/v1/sessions/${'x'.repeat(501)}`)), 'bad_request');
    for (const target of ['turns/x', `tool-calls/${none}/x`, 'tool-calls/x/0', `tool-calls/${none}/-1`])
      assert.equal(codeOf(await stage.get(`/api/v1/${target}`)), 'bad_request', target);
  });
});

describe('metrics', () => {
  const query = async (params: Record<string, string>): Promise<{ points: MetricPoint[]; omittedCalls: number }> =>
    (await stage.get(`/api/v1/metrics?${new URLSearchParams(params)}`)).body as never;
  const span = { from: String(SAMPLE_TIME), to: String(START + 1e9) };

  test('are the same sums in one piece, over time and by a dimension', async () => {
    const [all] = (await query(span)).points;
    const [expected] = await ask<Row>(
      stage.store,
      'SELECT count() AS calls, sum(input_tokens) AS input, sum(cost_usd) AS cost FROM calls',
      {},
    );
    assert.equal(all?.calls, expected?.calls);
    assert.equal(all?.inputTokens, expected?.input);
    for (const split of [
      { by: 'agentId' },
      { by: 'model' },
      { stepSeconds: '86400' },
      { stepSeconds: '86400', by: 'teamId' },
    ]) {
      const { points, omittedCalls } = await query({ ...span, ...split });
      assert.equal(
        points.reduce((sum, point) => sum + point.calls, 0),
        all?.calls,
      );
      assert.ok(Math.abs(points.reduce((sum, point) => sum + point.costUsd, 0) - Number(expected?.cost)) < 1e-9);
      assert.equal(omittedCalls, 0);
    }
    assert.equal(new Set((await query({ ...span, by: 'agentId' })).points.map(({ value }) => value)).size, 10);
  });

  test('give latencies, and null where there is none', async () => {
    const [point] = (await query({ ...span, agentId: 'agent-1' })).points;
    assert.ok(Math.abs(point!.durationP50Ms! - 1800.456) < 0.01);
    const [without] = (await query({ ...span, agentId: 'detailed' })).points;
    assert.deepEqual([without?.calls, without?.ttftP99Ms], [1, null]);
    assert.deepEqual((await query({ ...span, agentId: 'nobody' })).points, []);
  });

  test('with unknown dimensions are refused, and too many steps made longer', async () => {
    for (const params of [{ by: 'prompt' }, { by: '' }, { stepSeconds: '0' }, { limit: '1' }]) {
      const answer = await stage.get(`/api/v1/metrics?${new URLSearchParams(params as Record<string, string>)}`);
      assert.equal(codeOf(answer), 'bad_request', JSON.stringify(params));
    }
    const { body } = await stage.get(`/api/v1/metrics?${new URLSearchParams({ ...span, stepSeconds: '1' })}`);
    assert.equal(body.stepSeconds, Math.ceil((START + 1e9 - SAMPLE_TIME) / 1e6 / 1500));
  });
});

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
}

/** Of the document. */
async function operations(): Promise<Operation[]> {
  const { body } = await stage.get('/api/v1/openapi.json');
  const paths = Object.entries(body.paths as Record<string, Record<string, Pick<Operation, 'parameters'>>>);
  return paths.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters }]) => ({ path, method: method.toUpperCase(), parameters })),
  );
}

async function asked(method: string, target: string): Promise<Answer> {
  const response = await fetch(`${stage.api.url}${target}`, { method, headers: { authorization: `Bearer ${TOKEN}` } });
  const text = await response.text();
  return { status: response.status, text, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

test('parameters that a route does not know are refused everywhere', async () => {
  for (const { path, method } of await operations()) {
    const target = path.replace('{id}', '0'.repeat(32)).replace('{position}', '0');
    assert.equal(codeOf(await asked(method, `${target}?nonsense=1`)), 'bad_request', `${method} ${path}`);
  }
});

const HOSTILE = [
  "'",
  "\\' OR 1=1 --",
  "x') UNION ALL SELECT name FROM system.users --",
  '{agentId:String}',
  '\\N',
  '\0',
  '%00',
  '🐦\u{d800}',
];

test('hostile values of every parameter of every route are refused or find nothing, and nothing of the inside is told', async () => {
  for (const { path, method, parameters } of await operations()) {
    for (const { name, in: place } of parameters) {
      for (const value of HOSTILE) {
        const written = encodeURIComponent(value.toWellFormed());
        const target = path.replace(`{${name}}`, written).replace('{id}', '0'.repeat(32)).replace('{position}', '0');
        if (path === '/api/v1/events' && name === 'agentId') continue;
        const answer = await asked(method, place === 'path' ? target : `${target}?${name}=${written}`);
        const what = `${method} ${path} ${name}=${JSON.stringify(value)}: ${answer.status} ${answer.text.slice(0, 200)}`;
        assert.ok(answer.status < 500, what);
        if (answer.status !== 200) assert.equal(typeof codeOf(answer), 'string', what);
        assert.doesNotMatch(answer.text, /SELECT|ClickHouse|node_modules|\n\s+at |FST_ERR|callId/, what);
      }
    }
  }
});

test('no route of the document answers without the token', async () => {
  const { body } = await stage.get('/api/v1/openapi.json');
  for (const path of [...Object.keys(body.paths as object), '/metrics/traffic']) {
    const target = path.replace('{id}', '0'.repeat(32)).replace('{position}', '0');
    for (const method of ['GET', 'POST'])
      assert.equal((await fetch(`${stage.api.url}${target}`, { method })).status, 401, `${method} ${target}`);
  }
});
