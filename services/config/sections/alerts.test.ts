import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { BitternError } from '../../common/errors.ts';
import { loadConfig } from '../load.ts';
import { effectiveSettings } from '../print.ts';

async function load(t: TestContext, text: string): Promise<Awaited<ReturnType<typeof loadConfig>>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bittern-alerts-config-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'bittern.yaml');
  await writeFile(file, text);
  return loadConfig({ file, env: {} });
}

const HOOK = '{type: webhook, name: hook, url: "https://user:hidden-word@hooks.example/hidden-path"}';

test('receivers, routes, mutes and rules have defaults where they may', async (t) => {
  const { config } = await load(
    t,
    `alerts:
  receivers: [${HOOK}, {type: alertmanager, name: am, url: 'http://localhost:9093'}, {type: command, name: run, command: [/bin/true]}, {type: kafka, name: k}]
  routes: [{match: ['level>=alert', 'agent=ops-*'], receivers: [hook], groupBy: [agent]}]
  mutes: [{name: night, from: '22:00', to: '06:00', timeZone: Europe/Berlin}]
rules: {sql: [{name: r, sql: SELECT 1}]}
`,
  );
  assert.equal(config.alerts.routes[0]?.groupIntervalMs, 2_000);
  assert.deepEqual(config.alerts.mutes[0]?.match, []);
  assert.deepEqual([config.rules.sql[0]?.level, config.rules.sql[0]?.intervalMs], ['alert', 60_000]);
});

test("what is in force is shown without the receivers' addresses and headers", async (t) => {
  const loaded = await load(
    t,
    `alerts: {receivers: [{type: webhook, name: hook, url: "https://u:hidden-word@h/hidden-path", headers: {authorization: hidden-word}}]}`,
  );
  const shown = JSON.stringify(effectiveSettings(loaded));
  assert.match(shown, /webhook hook/);
  assert.doesNotMatch(shown, /hidden-word|hidden-path/);
});

test('the examples of docs/alerts.md are a configuration', async (t) => {
  const page = await readFile(new URL('../../../docs/alerts.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/```yaml\n([^`]*)```/g)].map(([, block]) => block);
  assert.equal(blocks.length, 4);
  const { config } = await load(t, blocks.join('\n'));
  assert.deepEqual(
    config.alerts.receivers.map(({ type }) => type),
    ['webhook', 'alertmanager', 'slack', 'kafka', 'command'],
  );
  assert.deepEqual([config.alerts.routes.length, config.alerts.mutes.length, config.rules.sql.length], [3, 1, 3]);
});

const WRONG: readonly (readonly [string, string, RegExp])[] = [
  ['an unknown kind', 'alerts: {receivers: [{type: fax, name: a}]}', /alerts\.receivers\.0/],
  ['a receiver without an address', 'alerts: {receivers: [{type: webhook, name: a}]}', /either url or urlFile/],
  [
    'an address that is no URL',
    'alerts: {receivers: [{type: webhook, name: a, url: "file:///hidden-word"}]}',
    /http or https/,
  ],
  [
    'an Alertmanager without an address',
    'alerts: {receivers: [{type: alertmanager, name: a, url: ""}]}',
    /must be given/,
  ],
  ['an empty command', 'alerts: {receivers: [{type: command, name: a, command: []}]}', /command/],
  ['a shell line for a command', 'alerts: {receivers: [{type: command, name: a, command: "rm -rf /"}]}', /command/],
  [
    'a header with a line break',
    `alerts: {receivers: [{type: webhook, name: a, url: "http://h/", headers: {a: "x\\ny: hidden-word"}}]}`,
    /headers/,
  ],
  ['two of one name', `alerts: {receivers: [${HOOK}, ${HOOK}]}`, /'hook' is there twice/],
  ['a name that is none', 'alerts: {receivers: [{type: kafka, name: "a b"}]}', /must be a name/],
  ['a route to nobody', 'alerts: {routes: [{receivers: [nobody]}]}', /no receiver 'nobody'/],
  [
    'a condition that is none',
    `alerts: {receivers: [${HOOK}], routes: [{match: [loud], receivers: [hook]}]}`,
    /not a condition/,
  ],
  [
    'an impossible level',
    `alerts: {receivers: [${HOOK}], routes: [{match: ['level>=loud'], receivers: [hook]}]}`,
    /no order/,
  ],
  ['an impossible time', 'alerts: {mutes: [{name: a, from: "25:00", to: "06:00"}]}', /22:00/],
  [
    'an impossible time zone',
    'alerts: {mutes: [{name: a, from: "22:00", to: "06:00", timeZone: Middle/Earth}]}',
    /time zone/,
  ],
  ['a poll that is too slow', 'alerts: {pollMs: 5000}', /pollMs/],
  ['a rule without SQL', 'rules: {sql: [{name: a}]}', /rules\.sql\.0\.sql/],
  ['two rules of one name', 'rules: {sql: [{name: a, sql: SELECT 1}, {name: a, sql: SELECT 2}]}', /same name/],
  ['a rule that never rests', 'rules: {sql: [{name: a, sql: SELECT 1, intervalMs: 0}]}', /intervalMs/],
  ['a level that there is not', 'rules: {sql: [{name: a, sql: SELECT 1, level: loud}]}', /level/],
  ['a setting that there is not', 'rules: {sql: [{name: a, sql: SELECT 1, exec: x}]}', /exec/],
];

for (const [what, text, reason] of WRONG) {
  test(`${what} is told by its path, and never with a secret`, async (t) => {
    await assert.rejects(load(t, `${text}\n`), (error: unknown) => {
      assert.ok(error instanceof BitternError && error.code === 'BIT_CONFIG_INVALID');
      assert.match(error.message, reason);
      assert.doesNotMatch(error.message, /hidden-word|hidden-path/);
      return true;
    });
  });
}
