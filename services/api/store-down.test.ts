import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { codeOf, openStage, type Stage } from './testing.ts';

let stage: Stage;
before(async () => {
  stage = await openStage();
});
after(() => stage.close());

test('a query that takes too long is a 503 of its own', async () => {
  const client = stage.store.client;
  // The engine itself ends it after a tenth of a second.
  const query = 'SELECT sleepEachRow(0.05) FROM numbers(100)';
  const clickhouse_settings = { max_execution_time: 0.1, max_block_size: '1', wait_end_of_query: 1 } as const;
  const slow = Object.create(client, {
    query: { value: (params: object) => client.query({ ...params, query, clickhouse_settings }) },
    exec: { value: (params: object) => client.exec({ ...params, query, clickhouse_settings }) },
  }) as typeof client;
  Object.assign(stage.store, { client: slow });
  try {
    const answer = await stage.get('/api/v1/turns');
    assert.deepEqual([answer.status, codeOf(answer)], [503, 'store_timeout']);
    assert.doesNotMatch(answer.text, /sleep|SELECT|0\.1/);
  } finally {
    Object.assign(stage.store, { client });
  }
});

test('without its store every route says so, and works when the store is back', async () => {
  const client = stage.store.client;
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
  const refuse = { value: () => Promise.reject(refused) };
  const away = Object.create(client, { query: refuse, exec: refuse }) as typeof client;
  const none = '0'.repeat(32);
  const targets = [
    '/api/v1/summary',
    '/api/v1/health',
    '/api/v1/metrics',
    '/api/v1/calls',
    `/api/v1/calls/${none}`,
    `/api/v1/calls/${none}/hops`,
    '/api/v1/exchanges',
    '/api/v1/sessions',
    '/api/v1/sessions/x',
    '/api/v1/turns',
    `/api/v1/turns/${none}`,
    '/api/v1/tool-calls',
    `/api/v1/tool-calls/${none}/0`,
    '/api/v1/events',
    '/metrics/traffic',
  ];
  Object.assign(stage.store, { client: away });
  try {
    for (const target of targets) {
      const answer = await stage.get(target);
      assert.deepEqual([answer.status, codeOf(answer)], [503, 'store_unavailable'], target);
      assert.doesNotMatch(answer.text, /ECONN|127\.0/);
    }
  } finally {
    Object.assign(stage.store, { client });
  }
  assert.equal((await stage.get('/api/v1/calls')).status, 200);
});
