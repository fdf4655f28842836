import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { OBSERVER_DEFAULTS } from './defaults.ts';
import { listen, parseListenAddress } from './listener.ts';
import { sample } from './metrics.ts';
import { Observer } from './observer.ts';

const LOCAL = { host: '127.0.0.1', port: 0 };

function observed(): { observer: Observer; state: { waiting: number; problem: string } } {
  const observer = new Observer({ stage: 'sink', version: '1', stallMs: 1 });
  const state = { waiting: 0, problem: '' };
  observer.add({
    samples: () => [sample('bittern_sink_added_total', 3)],
    flows: () => [{ reason: 'stalled', subject: 'x', waiting: state.waiting, done: 0, problem: '' }],
    conditions: () => [{ reason: 'store_down', problem: state.problem, graceMs: 0 }],
    facts: () => ({ sink_age_seconds: null }),
  });
  return { observer, state };
}

test('health turns red with the reason when work stands still or a condition fails, and the process still lives', async () => {
  const { observer, state } = observed();
  const listener = await listen(observer, LOCAL, false);
  const get = async (path: string) => {
    const answer = await fetch(listener.url + path);
    return { status: answer.status, body: await answer.text() };
  };
  assert.deepEqual(await get('/readyz'), {
    status: 200,
    body: '{"status":"ready","stage":"sink","reasons":[],"sink_age_seconds":null}',
  });
  state.waiting = 4;
  state.problem = 'It is down.';
  await sleep(2.5 * OBSERVER_DEFAULTS.lookMs);
  const red = await get('/readyz');
  assert.equal(red.status, 503);
  const { status, reasons } = JSON.parse(red.body) as { status: string; reasons: { reason: string }[] };
  assert.deepEqual([status, reasons.map(({ reason }) => reason)], ['not_ready', ['stalled', 'store_down']]);
  assert.equal((await get('/livez')).status, 200);
  const metrics = (await get('/metrics')).body;
  assert.match(metrics, /\nbittern_ready 0\n/);
  assert.match(metrics, /\nbittern_not_ready\{reason="store_down"\} 1\n/);
  assert.match(metrics, /\nbittern_sink_added_total 3\n/);
  assert.equal((await get('/elsewhere')).status, 404);
  assert.equal((await fetch(`${listener.url}/metrics`, { method: 'POST' })).status, 405);
  listener.close();
  observer.close();
});

test('from the signal on it is not ready', () => {
  const { observer } = observed();
  observer.stopping();
  assert.deepEqual(observer.readiness().reasons, [{ reason: 'stopping', message: 'The process ends.' }]);
  observer.close();
});

test('another address than loopback is refused unless it is allowed', async () => {
  const { observer } = observed();
  await assert.rejects(listen(observer, { host: '0.0.0.0', port: 0 }, false), { code: 'BIT_OBSERVE_REMOTE' });
  const listener = await listen(observer, { host: '0.0.0.0', port: 0 }, true);
  await assert.rejects(listen(observer, { ...LOCAL, port: Number(new URL(listener.url).port) }, false), {
    code: 'BIT_OBSERVE_LISTEN',
  });
  listener.close();
  observer.close();
});

test('addresses are host and port', () => {
  assert.deepEqual(parseListenAddress('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 });
  assert.deepEqual(parseListenAddress('[::1]:0'), { host: '::1', port: 0 });
  for (const text of ['9464', 'localhost', 'localhost:99999', '::1:9464', 'a:b'])
    assert.throws(() => parseListenAddress(text), { code: 'BIT_OBSERVE_ADDRESS' });
});
