import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setAgent, unsetAgent } from '../clickhouse/agents.ts';
import { ask } from '../clickhouse/queries.ts';
import { addSilence, endSilence } from '../clickhouse/silences.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { sampleFinding } from '../clickhouse/testing.ts';
import { Alerts, type AlertsOptions } from './alerts.ts';
import { DAYS } from './mute.ts';
import type { RouteSettings } from './routing.ts';
import { alertsIn, HookServer, optionsOf, put, receiverOf, until } from './testing.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'bittern-alerts-'));
let store: Store;
let hooks: HookServer;
const running: Alerts[] = [];

before(async () => {
  store = await openStore({ dataDir: folder, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  hooks = await HookServer.open();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((alerts) => alerts.close()));
  await hooks.close();
  for (const table of ['finding_rows', 'alert_delivery_rows', 'alert_positions', 'silence_rows', 'leases'])
    await store.client.command({ query: `TRUNCATE TABLE ${table}` });
});

/** Alerts with one webhook, `hook`, and what else is named. */
async function start(
  change: Partial<AlertsOptions> = {},
  route: Partial<RouteSettings> = {},
  others: readonly Record<string, unknown>[] = [],
): Promise<Alerts> {
  const settings = [{ type: 'webhook', name: 'hook', url: `${hooks.url}/hook` }, ...others];
  const receivers = await Promise.all(settings.map((each) => receiverOf(each)));
  const names = receivers.map((receiver) => receiver.name);
  const alerts = Alerts.start(store, receivers, optionsOf(names, change, route));
  running.push(alerts);
  return alerts;
}

/** The tool's name tells the findings of a test apart. */
const finding = (n: number, change: Parameters<typeof sampleFinding>[1] = {}) =>
  sampleFinding(n, { toolName: `tool-${n}`, ...change });
const over = (n: number, change: Parameters<typeof sampleFinding>[1] = {}) =>
  finding(n, { state: 'resolved', resolvedAt: Date.now() * 1000, ...change });

/** Long enough for several polls: nothing more comes. */
const settle = (): Promise<void> => sleep(400);

describe('a finding', () => {
  test('is told when it is raised, rises, happens again and is over, each once', async () => {
    await start();
    await put(store, finding(1, { level: 'alert' }));
    await until(() => hooks.taken.length === 1);
    await put(store, finding(1, { level: 'alert' }));
    await settle();
    assert.equal(hooks.taken.length, 1, 'the same again is no news');
    await put(store, finding(1, { level: 'critical', occurrences: 20 }));
    await until(() => hooks.taken.length === 2);
    await put(store, finding(1, { level: 'critical', occurrences: 21 }));
    await until(() => hooks.taken.length === 3);
    await put(store, over(1, { level: 'critical', occurrences: 21 }));
    await until(() => hooks.taken.length === 4);
    await settle();
    assert.deepEqual(hooks.news, ['fired tool-1', 'raised tool-1', 'updated tool-1', 'resolved tool-1']);
    const ids = hooks.taken.map(({ headers }) => headers['bittern-alert-id']);
    assert.equal(new Set(ids).size, 4);
    await put(store, finding(1, { occurrences: 22 }));
    await until(() => hooks.taken.length === 5);
    assert.equal(hooks.news.at(-1), 'fired tool-1', 'it began again');
  });

  test('below the level of its route is told to nobody until it rises', async () => {
    await start();
    await put(store, finding(1, { level: 'note', occurrences: 3 }));
    await settle();
    assert.deepEqual(hooks.news, []);
    await put(store, finding(1, { level: 'alert', occurrences: 5 }));
    await until(() => hooks.taken.length === 1);
    assert.deepEqual(hooks.news, ['fired tool-1']);
  });

  test("goes out in the form of Alertmanager's webhooks, without content", async () => {
    await start();
    await put(store, finding(1));
    await until(() => hooks.taken.length === 1);
    const { body } = hooks.taken[0]!;
    assert.deepEqual(Object.keys(body).sort(), [
      'alertId',
      'alerts',
      'commonAnnotations',
      'commonLabels',
      'externalURL',
      'groupKey',
      'groupLabels',
      'receiver',
      'status',
      'truncatedAlerts',
      'version',
    ]);
    assert.deepEqual([body.version, body.status, body.receiver, body.truncatedAlerts], ['4', 'firing', 'hook', 0]);
    const [alert] = alertsIn(body);
    assert.equal(alert!.labels.alertname, 'exact_repeat');
    assert.equal(alert!.labels.agent, 'agent-1');
    assert.equal(alert!.labels.severity, 'alert');
    assert.equal(alert!.annotations.summary, finding(1).summary);
    assert.equal(alert!.annotations.wasted_tokens, '48000');
    assert.equal(alert!.startsAt, '2026-01-02T03:04:06.678Z');
    assert.equal(alert!.endsAt, '0001-01-01T00:00:00Z');
    assert.equal(alert!.fingerprint, finding(1).findingId);
  });

  test('that lasts is told again after the repeat interval, under another id', async () => {
    await start({}, { repeatIntervalMs: 300 });
    await put(store, finding(1));
    await until(() => hooks.taken.length === 3);
    assert.deepEqual(hooks.news, ['fired tool-1', 'repeated tool-1', 'repeated tool-1']);
    assert.equal(new Set(hooks.taken.map(({ headers }) => headers['bittern-alert-id'])).size, 3);
    assert.ok(hooks.taken[1]!.at - hooks.taken[0]!.at >= 290);
  });

  test('that began and ended while nobody could be told is told as over', async () => {
    hooks.status = 503;
    await start();
    await put(store, finding(1));
    await until(() => hooks.all.length > 0);
    await put(store, over(1));
    await until(() => hooks.all.some(({ body }) => alertsIn(body)[0]?.news === 'resolved'));
    hooks.status = 200;
    await until(() => hooks.taken.length === 1);
    await settle();
    assert.deepEqual(hooks.news, ['resolved tool-1']);
  });

  test('carries the names of the agent registry', async () => {
    await setAgent(store, 'agent-1', { name: 'Invoice bot', team: 'billing', environment: 'production' });
    try {
      await start();
      await put(store, finding(1));
      await until(() => hooks.taken.length === 1);
      const { labels } = alertsIn(hooks.taken[0]!.body)[0]!;
      assert.deepEqual(
        [labels.agent, labels.agent_id, labels.team, labels.environment],
        ['Invoice bot', 'agent-1', 'billing', 'production'],
      );
    } finally {
      await unsetAgent(store, 'agent-1');
    }
  });
});

describe('a signed webhook', () => {
  test('can be verified over its timestamp and body', async () => {
    process.env.TEST_WEBHOOK_SECRET = 'sixteen bytes at least';
    await start({}, { receivers: ['signed'] }, [
      { type: 'webhook', name: 'signed', url: `${hooks.url}/signed`, secretVariable: 'TEST_WEBHOOK_SECRET' },
    ]);
    await put(store, finding(1));
    await until(() => hooks.taken.length === 1);
    const { headers, text } = hooks.taken[0]!;
    const signed = `${headers['bittern-timestamp']}.${text}`;
    const expected = createHmac('sha256', 'sixteen bytes at least').update(signed).digest('hex');
    assert.equal(headers['bittern-signature'], `sha256=${expected}`);
    assert.ok(Math.abs(Number(headers['bittern-timestamp']) - Date.now() / 1000) < 10);
  });
});

describe('a receiver that fails', () => {
  test('is tried again until it takes the message, which keeps its id, and delays nobody else', async () => {
    const broken = await HookServer.open();
    broken.status = 500;
    try {
      const alerts = await start({}, {}, [{ type: 'webhook', name: 'broken', url: broken.url }]);
      await put(store, finding(1));
      await until(() => hooks.taken.length === 1 && broken.all.length >= 3);
      const rows = (): Promise<{ status: string; attempts: number; problem: string }[]> =>
        ask(store, "SELECT status, attempts, problem FROM alert_deliveries WHERE receiver = 'broken'", {});
      await until(async () => (await rows()).length === 1);
      const [row] = await rows();
      assert.equal(row?.status, 'retrying');
      assert.ok(row.attempts >= 1);
      assert.equal(row.problem, 'HTTP 500: refused by the test');
      assert.match(alerts.stats.receivers[1]!.problem, /HTTP 500/);
      broken.status = 200;
      await until(() => broken.taken.length === 1);
      await settle();
      assert.equal(broken.taken.length, 1);
      assert.equal(new Set(broken.all.map(({ headers }) => headers['bittern-alert-id'])).size, 1);
      assert.equal(hooks.taken.length, 1);
    } finally {
      await broken.close();
    }
  });

  test('for one message only gets the others', async () => {
    const picky = await HookServer.open();
    picky.status = 400;
    try {
      await start({ retryDelayMs: 60_000, retryDelayMsMax: 60_000 }, {}, [
        { type: 'webhook', name: 'picky', url: picky.url },
      ]);
      await put(store, finding(1));
      await until(() => picky.all.length === 1);
      picky.status = 200;
      await put(store, finding(2));
      await until(() => picky.taken.length === 1);
      assert.deepEqual(picky.news, ['fired tool-2']);
    } finally {
      await picky.close();
    }
  });

  test('by never answering is given up on after its time, and holds up neither others nor the end', async () => {
    const mute = await HookServer.open();
    mute.status = null;
    const alerts = await start({}, {}, [{ type: 'webhook', name: 'mute', url: mute.url, timeoutMs: 300 }]);
    await put(store, finding(1));
    await until(() => hooks.taken.length === 1);
    await until(() => (alerts.stats.receivers[1]?.failures ?? 0) > 0);
    assert.match(alerts.stats.receivers[1]!.problem, /300 ms|aborted/);
    const before = Date.now();
    await alerts.close();
    assert.ok(Date.now() - before < 3_000);
    await mute.close();
  });

  test('says when to come again, and is left alone until then', async () => {
    hooks.status = 429;
    hooks.answerHeaders = { 'retry-after': '2' };
    await start();
    await put(store, finding(1));
    await until(() => hooks.all.length === 1);
    hooks.status = 200;
    await until(() => hooks.taken.length === 1);
    assert.ok(hooks.taken[0]!.at - hooks.all[0]!.at >= 1_900);
  });

  test('by sending elsewhere is not followed there', async () => {
    const elsewhere = await HookServer.open();
    hooks.status = 307;
    hooks.answerHeaders = { location: elsewhere.url };
    await start();
    await put(store, finding(1));
    await until(() => hooks.all.length >= 2);
    assert.equal(elsewhere.all.length, 0);
    await elsewhere.close();
  });
});

describe('groups', () => {
  test('of one label wait for each other and come in one message', async () => {
    await start({}, { groupBy: ['agent'], groupWaitMs: 400 });
    await put(store, finding(0), finding(3), finding(1));
    await sleep(100);
    await put(store, finding(6));
    await until(
      () => hooks.taken.length === 2,
      () => hooks.taken.map(({ body }) => body),
    );
    const groups = hooks.taken.map(({ body }) => [
      (body.groupLabels as { agent: string }).agent,
      alertsIn(body)
        .map(({ labels }) => labels.tool)
        .sort(),
    ]);
    groups.sort();
    assert.deepEqual(
      groups,
      [
        ['agent-0', ['tool-0', 'tool-3', 'tool-6'].sort()],
        ['agent-1', ['tool-1']],
      ].map(([agent, tools]) => [agent, tools]),
    );
    await put(store, over(3));
    await until(() => hooks.taken.length === 3);
    const third = hooks.taken[2]!.body;
    assert.equal(third.status, 'firing');
    assert.deepEqual(
      alertsIn(third)
        .map(({ news, labels }) => `${news} ${labels.tool}`)
        .sort(),
      ['resolved tool-3', 'unchanged tool-0', 'unchanged tool-6'],
    );
  });

  test('larger than a message come in several, and none is forgotten', async () => {
    await start({}, { groupBy: ['kind'], groupWaitMs: 300 });
    await put(store, ...Array.from({ length: 120 }, (_, n) => finding(n)));
    await until(
      () => hooks.news.filter((news) => news.startsWith('fired')).length === 120,
      () => hooks.news.length,
    );
    assert.ok(hooks.taken.length >= 3 && hooks.taken.length <= 6, String(hooks.taken.length));
    const fired = hooks.news.filter((news) => news.startsWith('fired'));
    assert.equal(new Set(fired).size, 120);
  });
});

describe('silence', () => {
  const silence = (matchers: readonly string[], forMs: number) =>
    addSilence(store, { matchers, starts: Date.now(), ends: Date.now() + forMs, createdBy: 'test', comment: '' });

  test('keeps a matching finding quiet until it ends, and is told apart from others', async () => {
    const { silenceId } = await silence(['tool=tool-1'], 60_000);
    await start();
    await put(store, finding(1), finding(2));
    await until(() => hooks.taken.length === 1);
    await settle();
    assert.deepEqual(hooks.news, ['fired tool-2']);
    await endSilence(store, silenceId);
    await until(() => hooks.taken.length === 2);
    assert.deepEqual(hooks.news, ['fired tool-2', 'fired tool-1']);
  });

  test('over a whole finding: nobody is ever told, which is noted', async () => {
    await silence(['agent=agent-*', 'level<=alert'], 60_000);
    await start();
    await put(store, finding(1));
    await settle();
    await put(store, over(1));
    await until(async () => {
      const rows = await ask<{ status: string }>(store, 'SELECT status FROM alert_deliveries', {});
      return rows[0]?.status === 'dropped';
    });
    assert.deepEqual(hooks.news, []);
  });

  test("that begins later doesn't hide an end", async () => {
    await start();
    await put(store, finding(1));
    await until(() => hooks.taken.length === 1);
    await silence(['tool=tool-1'], 60_000);
    await sleep(1_200);
    await put(store, finding(1, { occurrences: 9 }));
    await settle();
    await put(store, over(1, { occurrences: 9 }));
    await until(() => hooks.taken.length === 2);
    assert.deepEqual(hooks.news, ['fired tool-1', 'resolved tool-1']);
  });

  test('by the clock: a mute of the configuration', async () => {
    const mute = { name: 'always', match: ['tool=tool-1'], days: DAYS, from: '00:00', to: '00:00', timeZone: 'UTC' };
    await start({ mutes: [mute] });
    await put(store, finding(1), finding(2));
    await until(() => hooks.taken.length === 1);
    await settle();
    assert.deepEqual(hooks.news, ['fired tool-2']);
  });
});

describe('restarts and several processes', () => {
  test('what was told is not told again, what was not is', async () => {
    const first = await start();
    await put(store, finding(1), finding(2));
    await until(() => hooks.taken.length === 2);
    await first.close();
    await put(store, over(1), finding(3), over(4));
    await start();
    await until(
      () => hooks.taken.length === 5,
      () => hooks.news,
    );
    await settle();
    assert.deepEqual(hooks.news.slice(2).sort(), ['fired tool-3', 'resolved tool-1', 'resolved tool-4']);
  });

  test('what began and ended long before, while nobody worked, is told as over', async () => {
    const first = await start({ overlapSeconds: 0 });
    await until(async () => (await ask(store, 'SELECT name FROM alert_positions', {})).length > 0);
    await first.close();
    await put(store, over(1));
    await sleep(2_500);
    await start({ overlapSeconds: 0 });
    await until(() => hooks.taken.length === 1);
    assert.deepEqual(hooks.news, ['resolved tool-1']);
  });

  test('a crash between the delivery and its bookkeeping repeats the message under its id', async () => {
    const crashed = await start({ leaseMs: 2_000 });
    // The bookkeeping is lost, as it is when the process dies right after the answer.
    const insert = store.client.insert.bind(store.client);
    store.client.insert = (params) => (params.table === 'alert_delivery_rows' ? new Promise(() => {}) : insert(params));
    try {
      await put(store, finding(1));
      await until(() => hooks.taken.length === 1);
      running.splice(running.indexOf(crashed), 1);
      void crashed.close();
    } finally {
      store.client.insert = insert;
    }
    await start({ leaseMs: 2_000 });
    await until(() => hooks.taken.length === 2);
    await settle();
    assert.equal(hooks.taken.length, 2);
    const [one, two] = hooks.taken;
    assert.equal(one!.headers['bittern-alert-id'], two!.headers['bittern-alert-id']);
    assert.equal(one!.body.groupKey, two!.body.groupKey);
  });

  test('of several at once one tells, and when it is gone another goes on', async () => {
    const all = await Promise.all([start(), start(), start()]);
    await until(() => all.some((alerts) => alerts.stats.active));
    await put(store, ...Array.from({ length: 20 }, (_, n) => finding(n)));
    await until(() => hooks.taken.length === 20);
    await settle();
    assert.equal(hooks.taken.length, 20);
    assert.equal(all.filter((alerts) => alerts.stats.active).length, 1);
    await all.find((alerts) => alerts.stats.active)!.close();
    await put(store, finding(30));
    await until(() => hooks.taken.length === 21);
    await settle();
    assert.equal(hooks.taken.length, 21);
    assert.equal(hooks.news.at(-1), 'fired tool-30');
  });
});

describe('bounds', () => {
  test('more findings than may be watched: they are counted, and told when there is room', async () => {
    const alerts = await start({ findingsMax: 100 }, { groupBy: ['kind'] });
    await put(store, ...Array.from({ length: 150 }, (_, n) => finding(n)));
    await until(() => alerts.stats.overflow >= 50);
    assert.equal(alerts.stats.watched, 100);
    const told = (): Set<string> => new Set(hooks.news.filter((news) => news.startsWith('fired')));
    await until(() => told().size === 100);
    const ended = Array.from({ length: 150 }, (_, n) => n).filter((n) => told().has(`fired tool-${n}`));
    await put(store, ...ended.slice(0, 60).map((n) => over(n)));
    await until(
      () => told().size === 150,
      () => told().size,
    );
  });
});

describe('latency', () => {
  test('a stored finding reaches a webhook within 5 s, with the settings as they are delivered', async (t) => {
    await start({ pollMs: 500, leaseMs: 10_000 }, { groupWaitMs: 500, groupIntervalMs: 2_000 });
    await until(() => running[0]!.stats.active);
    const tookMs: number[] = [];
    for (let n = 0; n < 12; n++) {
      await put(store, finding(n));
      const stored = Date.now();
      await until(() => hooks.taken.length > n);
      tookMs.push(hooks.taken[n]!.at - stored);
      await sleep(137);
    }
    tookMs.sort((a, b) => a - b);
    t.diagnostic(`stored to received: p50 ${tookMs[6]} ms, max ${tookMs.at(-1)} ms`);
    assert.ok(tookMs.at(-1)! < 5_000, String(tookMs));
  });
});
