import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../clickhouse/queries.ts';
import { callObservation, sampleCall } from '../clickhouse/testing.ts';
import { openStage, type Stage } from './testing.ts';
import { TRAFFIC_DEFAULTS, TrafficCounters } from './traffic-counters.ts';
import { trafficText } from './traffic-text.ts';

let stage: Stage;
before(async () => {
  stage = await openStage({ trafficByAgent: true });
});
after(() => stage.close());

/** Samples by name and labels as text. */
function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, series, value] = /^([a-z_]+\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\}) ([\d.e+-]+)$/.exec(line) ?? [];
    assert.ok(series !== undefined, line);
    assert.ok(!samples.has(series), `twice: ${series}`);
    samples.set(series, Number(value));
  }
  return samples;
}

async function scrape(): Promise<Map<string, number>> {
  const { status, text } = await stage.get('/metrics/traffic');
  assert.equal(status, 200, text);
  return samplesOf(text);
}

const sumOf = (samples: ReadonlyMap<string, number>, beginning: string): number =>
  [...samples].filter(([series]) => series.startsWith(beginning)).reduce((sum, [, value]) => sum + value, 0);

/** As if the rows had been stored longer ago than the counters wait for. */
async function settle(): Promise<void> {
  await sleep((TRAFFIC_DEFAULTS.lagSeconds + 2) * 1000);
}

test('counters tell what was stored since the process began, and what retention takes stays counted', async () => {
  await scrape();
  const change = { ttftMs: 250, durationMs: 2000, inputTokens: 100, outputTokens: 10, costUsd: 0.5 };
  const calls = [
    sampleCall(1, change),
    sampleCall(2, { ...change, ttftMs: null, outcome: 'http_error', finishReason: '' }),
    sampleCall(3, { ...change, model: 'odd "model\\ü\n', costUsd: null }),
  ];
  await stage.put(calls.map((call) => callObservation(call)));
  await settle();
  const samples = await scrape();
  assert.equal(sumOf(samples, 'bittern_traffic_calls_total'), 3);
  const labels = 'provider="openai",model="gpt-5-2026-01-01",dialect="openai.chat",agent="agent-1"';
  assert.equal(samples.get(`bittern_traffic_calls_total{${labels},outcome="ok",finish_reason="stop"}`), 1);
  assert.equal(samples.get(`bittern_traffic_tokens_total{${labels},type="input"}`), 100);
  assert.equal(sumOf(samples, 'bittern_traffic_cost_usd_total'), 1);
  const ttft = 'bittern_traffic_time_to_first_token_seconds';
  assert.equal(samples.get(`${ttft}_bucket{${labels},le="0.1"}`), 0);
  assert.equal(samples.get(`${ttft}_bucket{${labels},le="0.25"}`), 1);
  assert.equal(samples.get(`${ttft}_bucket{${labels},le="+Inf"}`), 1);
  assert.equal(sumOf(samples, `${ttft}_count`), 2);
  assert.equal(sumOf(samples, 'bittern_traffic_duration_seconds_sum'), 6);
  await stage.store.client.command({ query: 'TRUNCATE TABLE calls' });
  await stage.put([callObservation(sampleCall(4))]);
  await settle();
  assert.equal(sumOf(await scrape(), 'bittern_traffic_calls_total'), 4);
  assert.equal(sumOf(await scrape(), 'bittern_traffic_calls_total'), 4);
});

test('a process that begins later counts from there', async () => {
  const [{ n } = { n: 0 }] = await ask<{ n: number }>(stage.store, 'SELECT count() AS n FROM calls', {});
  assert.ok(n > 0);
  assert.deepEqual(await new TrafficCounters(stage.store, false).read(), []);
});

test('models beyond the limit share one label, and no call is lost', async () => {
  const made = TRAFFIC_DEFAULTS.groupsMax + 30;
  const counters = new TrafficCounters(stage.store, false);
  await counters.read();
  const modelled = Array.from({ length: made }, (_, n) => sampleCall(1000 + n, { model: `model-${n}` }));
  await stage.put(modelled.map((call) => callObservation(call)));
  await settle();
  const samples = samplesOf(trafficText(await counters.read(), false));
  const calls = [...samples].filter(([series]) => series.startsWith('bittern_traffic_calls_total'));
  assert.equal(calls.length, TRAFFIC_DEFAULTS.groupsMax + 1);
  assert.equal(
    calls.reduce((sum, [, value]) => sum + value, 0),
    made,
  );
});

test('agents are no label unless asked for', () => {
  const group = { provider: 'p', model: 'm', dialect: 'd', agent: 'secret-agent', calls: new Map([['ok\0stop', 1]]) };
  const none = { count: 0, seconds: 0, buckets: [] };
  const whole = { ...group, tokens: { input: 0, cache_read: 0, output: 0 }, costUsd: 0, ttft: none, duration: none };
  assert.doesNotMatch(trafficText([whole], false), /secret-agent/);
  assert.match(trafficText([whole], true), /agent="secret-agent"/);
});
