import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoryEvent } from '../../../schemas/story.ts';
import type { Producer } from '../../bus/bus.ts';
import { openStore, type Store } from '../../clickhouse/store.ts';
import { sampleFinding } from '../../clickhouse/testing.ts';
import { alertOf } from '../alert.ts';
import { Alerts } from '../alerts.ts';
import type { Notification } from '../notification.ts';
import { alertsIn, HookServer, optionsOf, put, receiverOf, until } from '../testing.ts';
import { escapeSlack, slackMessage } from './slack.ts';
import { Alertmanager, alertmanagerProgram, type ReceivedAlert } from './test-alertmanager.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'bittern-receivers-'));
let store: Store;
const running: Alerts[] = [];

before(async () => {
  store = await openStore({ dataDir: folder, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((alerts) => alerts.close()));
  for (const table of ['finding_rows', 'alert_delivery_rows', 'alert_positions', 'turn_rows', 'leases'])
    await store.client.command({ query: `TRUNCATE TABLE ${table}` });
});

async function start(
  settings: Record<string, unknown>,
  change: Parameters<typeof optionsOf>[1] = {},
  route: Parameters<typeof optionsOf>[2] = {},
): Promise<void> {
  const receiver = await receiverOf({ name: 'it', ...settings });
  running.push(Alerts.start(store, [receiver], optionsOf(['it'], change, route)));
}

const finding = (n: number, change: Parameters<typeof sampleFinding>[1] = {}) => sampleFinding(n, change);
const over = (n: number, change: Parameters<typeof sampleFinding>[1] = {}) =>
  sampleFinding(n, { state: 'resolved', resolvedAt: Date.now() * 1000, ...change });

function notification(...findings: ReturnType<typeof sampleFinding>[]): Notification {
  return {
    id: 'f'.repeat(32),
    receiver: 'it',
    status: 'firing',
    groupKey: '{}',
    groupLabels: {},
    alerts: findings.map((each) => ({
      alert: alertOf({ version: 1, finding: each }, undefined),
      news: 'fired',
      toldLevel: '',
      sequence: 0,
    })),
    truncated: 0,
  };
}

describe('Alertmanager', () => {
  const program = alertmanagerProgram();
  const skip = program === null ? 'no Alertmanager' : false;
  let hooks: HookServer;
  let alertmanager: Alertmanager;
  before(async () => {
    if (program === null) return;
    hooks = await HookServer.open();
    alertmanager = await Alertmanager.start(program, hooks.url);
  });
  after(async () => {
    await alertmanager?.stop();
    await hooks?.close();
  });
  const firing = async (session: string): Promise<readonly ReceivedAlert[]> =>
    (await alertmanager.alerts()).filter(({ labels }) => labels.session === session);

  test('shows a finding as long as it is open, by labels that last', { skip }, async () => {
    await start({ type: 'alertmanager', url: alertmanager.url });
    await put(store, finding(1));
    await until(async () => (await firing('session-1')).length === 1);
    const [alert] = await firing('session-1');
    assert.deepEqual(
      [alert!.labels.alertname, alert!.labels.severity, alert!.labels.agent, alert!.labels.tool],
      ['exact_repeat', 'alert', 'agent-1', 'search'],
    );
    assert.equal(alert!.labels.arguments_hash, undefined);
    assert.equal(alert!.annotations.arguments_hash, finding(1).labels.arguments_hash);
    await put(store, finding(1, { occurrences: 9 }));
    await until(async () => (await firing('session-1'))[0]?.annotations.occurrences === '9');
    assert.equal((await firing('session-1')).length, 1);
    await put(store, over(1, { occurrences: 9 }));
    await until(async () => (await firing('session-1')).length === 0);
  });

  test('gets the former level ended when a finding rises, and sends both on', { skip }, async () => {
    await start({ type: 'alertmanager', url: alertmanager.url });
    await put(store, finding(2, { kind: 'cycle', rule: 'cycle' }));
    await until(async () => (await firing('session-2')).length === 1);
    await put(store, finding(2, { kind: 'cycle', rule: 'cycle', level: 'critical' }));
    await until(async () => (await firing('session-2'))[0]?.labels.severity === 'critical');
    assert.equal((await firing('session-2')).length, 1);
    const sent = (status: string, severity: string): boolean =>
      hooks.taken.some(({ body }) =>
        alertsIn(body).some(
          ({ labels, ...alert }) =>
            labels.session === 'session-2' && alert.status === status && labels.severity === severity,
        ),
      );
    await until(() => sent('firing', 'critical') && sent('resolved', 'alert'));
  });

  test('is told again before it would take an alert for over', { skip }, async () => {
    await start({ type: 'alertmanager', url: alertmanager.url, resendMs: 1_000 });
    await put(store, finding(3));
    await until(async () => (await firing('session-3')).length === 1);
    // endsAt is four intervals ahead: without further messages it would be over by then.
    await sleep(5_500);
    const [alert] = await firing('session-3');
    assert.ok(alert !== undefined);
    assert.ok(Date.parse(alert.endsAt) > Date.now());
    await running.splice(0)[0]!.close();
    await until(async () => (await firing('session-3')).length === 0);
  });

  test('gets the label columns of a rule as labels, whatever they are called', { skip }, async () => {
    await start({ type: 'alertmanager', url: alertmanager.url });
    const fingerprint = JSON.stringify({ rule: 'errors', labels: { région: 'eu', '9lives': 'x', kind: 'other' } });
    await put(
      store,
      finding(4, { kind: 'rule', rule: 'errors', fingerprint, labels: { région: 'eu', failures: '7' } }),
    );
    await until(async () => (await firing('session-4')).length === 1);
    const { labels, annotations } = (await firing('session-4'))[0]!;
    assert.deepEqual([labels.r_gion, labels._9lives, labels.kind, labels.failures], ['eu', 'x', 'rule', undefined]);
    assert.equal(annotations.failures, '7');
  });
});

describe('Slack', () => {
  test('gets one message a second at most, escaped, without updates', async () => {
    const hooks = await HookServer.open();
    try {
      await start({ type: 'slack', url: hooks.url });
      await put(store, finding(1, { agentId: '<!channel> & *bold*' }), finding(2), finding(3));
      await until(() => hooks.taken.length === 3);
      const times = hooks.taken.map(({ at }) => at);
      assert.ok(times[1]! - times[0]! >= 950 && times[2]! - times[1]! >= 950, String(times));
      await put(store, finding(2, { occurrences: 50 }));
      await sleep(400);
      await put(store, over(2, { occurrences: 50 }));
      await until(() => hooks.taken.length === 4);
      for (const { body, text } of hooks.taken) {
        assert.equal(typeof body.text, 'string');
        assert.ok((body.blocks as unknown[]).length === 1);
        assert.ok(!text.includes('<!channel>'));
      }
      assert.match(hooks.taken[3]!.text, /Over/);
      assert.ok(hooks.taken.some(({ text }) => text.includes('&lt;!channel&gt; &amp; ')));
    } finally {
      await hooks.close();
    }
  });

  test('takes no more than its blocks hold, and says how many there are', () => {
    const message = slackMessage(
      notification(...Array.from({ length: 30 }, (_, n) => finding(n, { summary: 'x'.repeat(5_000) }))),
      '',
    );
    const blocks = message.blocks as { text: { text: string } }[];
    assert.equal(blocks.length, 11);
    assert.equal(blocks[10]!.text.text, 'and 20 more');
    for (const { text } of blocks) assert.ok(text.text.length <= 3_000);
    assert.match(String(message.text), /and 29 more/);
  });

  test('marks of its text format in names mark nothing', () => {
    assert.equal(escapeSlack('<@U1> & `x`'), '&lt;@U1&gt; &amp; \u200b`\u200bx\u200b`\u200b');
  });
});

describe('a command', () => {
  const script = path.join(folder, 'receiver.mjs');
  const out = path.join(folder, 'out');
  const command = (...args: string[]): Record<string, unknown> => ({
    type: 'command',
    command: [process.execPath, script, ...args],
  });
  before(() => {
    writeFileSync(
      script,
      `import { appendFileSync } from 'node:fs';
       let text = '';
       for await (const chunk of process.stdin) text += chunk;
       const [, , mode] = process.argv;
       appendFileSync(${JSON.stringify(out)}, JSON.stringify({ args: process.argv.slice(2), env: process.env, input: JSON.parse(text) }) + '\\n');
       if (mode === 'fail') { console.error('no,\\nthanks'); process.exit(3); }
       if (mode === 'hang') setInterval(() => {}, 1000);`,
    );
  });
  afterEach(() => rmSync(out, { force: true }));
  const runs = (): { args: string[]; env: Record<string, string>; input: Record<string, unknown> }[] => {
    try {
      return readFileSync(out, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    } catch {
      return [];
    }
  };

  test('gets the findings on its standard input, no shell, and little of our environment', async () => {
    process.env.TEST_SECRET_OF_OURS = 'secret';
    await start({ ...command('$(touch /nowhere)', '; exit 1'), environment: { EXTRA: 'yes' } });
    await put(store, finding(1, { agentId: '$(reboot)' }));
    await until(() => runs().length === 1);
    const [run] = runs();
    assert.deepEqual(run!.args, ['$(touch /nowhere)', '; exit 1']);
    assert.equal(run!.env.TEST_SECRET_OF_OURS, undefined);
    assert.equal(run!.env.EXTRA, 'yes');
    assert.equal(run!.env.BITTERN_ALERT_ID, run!.input.alertId);
    const [alert] = run!.input.alerts as { news: string; finding: { agentId: string; findingId: string } }[];
    assert.deepEqual(
      [alert!.news, alert!.finding.agentId, alert!.finding.findingId],
      ['fired', '$(reboot)', finding(1).findingId],
    );
  });

  test('that fails is run again with the same id', async () => {
    await start(command('fail'));
    await put(store, finding(1));
    await until(() => runs().length >= 2);
    assert.equal(running[0]!.stats.receivers[0]!.problem, 'exit code 3: no, thanks');
    assert.equal(new Set(runs().map(({ env }) => env.BITTERN_ALERT_ID)).size, 1);
  });

  test('that hangs is killed after its time', async () => {
    await start({ ...command('hang'), timeoutMs: 1_500 });
    await put(store, finding(1));
    await until(() => (running[0]!.stats.receivers[0]?.failures ?? 0) > 0);
    assert.match(running[0]!.stats.receivers[0]!.problem, /took too long|no answer/);
  });

  test('that is not there is told, without a crash', async () => {
    await start({ type: 'command', command: ['/no/such/program'] });
    await put(store, finding(1));
    await until(() => (running[0]!.stats.receivers[0]?.failures ?? 0) > 0);
    assert.match(running[0]!.stats.receivers[0]!.problem, /can't be started: ENOENT/);
  });
});

describe('the topic of events', () => {
  test('gets each finding once, by session, and a broker that is away is asked again', async () => {
    const events: [string, StoryEvent][] = [];
    let opened = 0;
    const producer: Producer<StoryEvent> = {
      publish: async (key, event) => void events.push([key, event]),
      flush: async () => {},
    };
    const receiver = await receiverOf(
      { type: 'kafka', name: 'it' },
      {
        openEvents: async () => {
          if (opened++ === 0) throw new Error('no broker answers');
          return { producer, close: async () => {} };
        },
      },
    );
    running.push(Alerts.start(store, [receiver], optionsOf(['it'])));
    await put(store, finding(1), finding(2));
    await until(() => events.length === 2);
    await put(store, over(1));
    await until(() => events.length === 3);
    await sleep(300);
    assert.deepEqual(events.map(([key]) => key).sort(), ['session-1', 'session-1', 'session-2']);
    const last = events[2]![1];
    assert.ok(last.type === 'finding' && last.finding.state === 'resolved' && last.version > 0);
  });
});

describe('content', () => {
  const PROMPT = 'my secret prompt';
  const storeTurn = (): Promise<unknown> =>
    store.client.insert({
      table: 'turn_rows',
      format: 'JSONEachRow',
      values: [
        {
          turn_id: finding(1).turnId,
          session_id: 'session-1',
          prompt_preview: PROMPT,
          answer_preview: 'an answer',
          version: 1,
        },
      ],
    });

  for (const type of ['webhook', 'slack'])
    test(`is not told to a ${type} unless it is allowed`, async () => {
      const hooks = await HookServer.open();
      try {
        await storeTurn();
        await start({ type, url: hooks.url });
        await put(store, finding(1));
        await until(() => hooks.taken.length === 1);
        assert.ok(!hooks.taken[0]!.text.includes('secret'));
        await running.splice(0)[0]!.close();
        await start({ type, url: hooks.url }, { content: true });
        await put(store, over(1));
        await until(() => hooks.taken.length === 2);
        assert.ok(hooks.taken[1]!.text.includes(PROMPT));
      } finally {
        await hooks.close();
      }
    });
});
