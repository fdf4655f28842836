import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse as parseYaml } from 'yaml';
import type { Finding } from '../../schemas/story.ts';
import { until } from '../alerts/testing.ts';
import { listFindings } from '../clickhouse/findings.ts';
import { ask } from '../clickhouse/queries.ts';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { callObservation, SAMPLE_TIME, sampleCall } from '../clickhouse/testing.ts';
import { dryRun } from './dry-run.ts';
import { runRuleQuery } from './query.ts';
import { findingsOf } from './rule-finding.ts';
import { Rules } from './runner.ts';
import { type RuleSettings, rulesSection } from './settings.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'bittern-rules-'));
const LIMITS = { timeoutMs: 2_000, rowsMax: 100, memoryBytesMax: 300_000_000 };
let store: Store;
const running: Rules[] = [];

before(async () => {
  store = await openStore({ dataDir: folder, retentionDays: 0, memoryBytesMax: 1e9 });
  const sink = new ClickHouseSink(store);
  // One call a second for 60 s; those of agent-3 fail.
  const calls = Array.from({ length: 60 }, (_, n) =>
    sampleCall(n, {
      requestStart: SAMPLE_TIME + n * 1_000_000,
      agentId: `agent-${n % 6}`,
      outcome: n % 6 === 3 ? 'http_error' : 'ok',
    }),
  );
  await sink.add(calls.map((call) => callObservation(call)));
  await sink.close();
  await store.client.command({
    query: 'CREATE TABLE scratch (name String, n UInt32) ENGINE = MergeTree ORDER BY name',
  });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((rules) => rules.close()));
  for (const table of ['finding_rows', 'rule_runs', 'leases', 'scratch'])
    await store.client.command({ query: `TRUNCATE TABLE ${table}` });
});
after(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function rule(change: Partial<RuleSettings> & { readonly sql: string }): RuleSettings {
  const { sql } = rulesSection.parse({ sql: [{ name: 'rule-1', ...change }] });
  return sql[0]!;
}

function start(...rules: RuleSettings[]): Rules {
  const started = Rules.start(store, {
    ...LIMITS,
    sql: rules.map((each) => ({ ...each, intervalMs: 300 })),
    leaseMs: 2_000,
  });
  running.push(started);
  return started;
}

async function findings(): Promise<readonly Finding[]> {
  return (await listFindings(store)).findings;
}

const FAILING = `SELECT agent_id, any(team_id) AS team_id, countIf(outcome != 'ok') AS failures, count() AS occurrences,
  concat(toString(failures), ' of ', toString(count()), ' calls failed') AS summary, 'eu' AS region
  FROM calls GROUP BY agent_id HAVING failures > 5`;

describe('a row', () => {
  test('becomes a finding: known columns are fields, the others labels', async () => {
    const settings = rule({ sql: FAILING, level: 'critical', labels: { runbook: 'wiki/errors' } });
    const answer = await runRuleQuery(store, settings.sql, SAMPLE_TIME, LIMITS);
    const [finding, ...others] = [...findingsOf(settings, answer, SAMPLE_TIME).values()];
    assert.equal(others.length, 0);
    assert.deepEqual(
      [finding!.kind, finding!.rule, finding!.level, finding!.agentId, finding!.teamId, finding!.occurrences],
      ['rule', 'rule-1', 'critical', 'agent-3', 'team-1', 10],
    );
    assert.equal(finding!.summary, '10 of 10 calls failed');
    assert.deepEqual(finding!.labels, { failures: '10', region: 'eu', runbook: 'wiki/errors' });
    assert.deepEqual(JSON.parse(finding!.fingerprint).labels, { region: 'eu', runbook: 'wiki/errors' });
  });

  test('is the same finding while only its numbers change, and another one when a text does', async () => {
    const idOf = async (sql: string, name = 'rule-1'): Promise<string> => {
      const settings = rule({ name, sql });
      const answer = await runRuleQuery(store, sql, SAMPLE_TIME, LIMITS);
      return [...findingsOf(settings, answer, SAMPLE_TIME).keys()].join();
    };
    const first = await idOf("SELECT 'a' AS host, 1 AS load, now() AS seen");
    assert.equal(await idOf("SELECT 'a' AS host, 2.5 AS load, now() + 60 AS seen"), first);
    assert.notEqual(await idOf("SELECT 'b' AS host, 1 AS load, now() AS seen"), first);
    assert.notEqual(await idOf("SELECT 'a' AS host, 1 AS load, now() AS seen", 'rule-2'), first);
  });
});

test("times of a rule are UTC, whatever the server's zone is", async () => {
  const { client } = store;
  const elsewhere = Object.assign(Object.create(client) as typeof client, {
    query: (params: Parameters<typeof client.query>[0]) =>
      client.query({
        ...params,
        clickhouse_settings: { session_timezone: 'America/New_York', ...params.clickhouse_settings },
      }),
  });
  const sql = 'SELECT toUnixTimestamp64Micro({now:DateTime64(6)}) AS at, toHour({now:DateTime64(6)}) AS hour';
  const { rows } = await runRuleQuery({ client: elsewhere }, sql, 1_767_323_045_678_000, LIMITS);
  assert.deepEqual(rows, [{ at: 1_767_323_045_678_000, hour: 3 }]);
});

describe('a rule', () => {
  test('raises what its rows say, and resolves it when they are gone', async () => {
    const fill = (names: string): Promise<unknown> =>
      store.client.command({ query: `INSERT INTO scratch SELECT arrayJoin(${names}), 1` });
    await fill("['a', 'b']");
    start(rule({ sql: 'SELECT name, sum(n) AS total FROM scratch GROUP BY name' }));
    await until(async () => (await findings()).length === 2);
    await store.client.command({ query: 'TRUNCATE TABLE scratch' });
    await fill("['b', 'c']");
    await until(async () => (await findings()).length === 3);
    const states = (await findings()).map(({ labels, state }) => `${labels.name} ${state}`).sort();
    assert.deepEqual(states, ['a resolved', 'b open', 'c open']);
    const [gone] = (await findings()).filter(({ state }) => state === 'resolved');
    assert.ok(gone!.resolvedAt! >= gone!.firstSeen);
  });

  test('waits for its time, which begins anew when the row was away', async () => {
    await store.client.command({ query: "INSERT INTO scratch VALUES ('a', 1)" });
    start(rule({ sql: 'SELECT name FROM scratch', forMs: 1_200 }));
    await sleep(700);
    assert.deepEqual(await findings(), []);
    await store.client.command({ query: 'TRUNCATE TABLE scratch' });
    await sleep(600);
    await store.client.command({ query: "INSERT INTO scratch VALUES ('a', 1)" });
    await sleep(700);
    assert.deepEqual(await findings(), []);
    await until(async () => (await findings()).length === 1);
  });

  test('goes on where the process before it stopped', async () => {
    await store.client.command({ query: "INSERT INTO scratch VALUES ('a', 1)" });
    const settings = rule({ sql: 'SELECT name FROM scratch' });
    const first = start(settings);
    await until(async () => (await findings()).length === 1);
    await first.close();
    const [before] = await findings();
    await store.client.command({ query: 'TRUNCATE TABLE scratch' });
    start(settings);
    await until(async () => (await findings())[0]?.state === 'resolved');
    assert.equal((await findings())[0]!.firstSeen, before!.firstSeen);
  });
});

const HOSTILE: readonly (readonly [string, string, RegExp])[] = [
  ['no SQL', 'SELEKT 1', /Syntax error/],
  ['no such table', 'SELECT * FROM nowhere', /nowhere/],
  ['an insert', "INSERT INTO scratch VALUES ('x', 1)", /readonly|Syntax|FORMAT/],
  ['a drop', 'DROP TABLE scratch', /readonly|Syntax/],
  ['two statements', 'SELECT 1; DROP TABLE scratch', /Syntax error|Multi-statements/i],
  ['lifting its limits', 'SELECT 1 SETTINGS readonly = 0', /readonly/],
  ['more time', 'SELECT 1 SETTINGS max_execution_time = 0', /max_execution_time/],
  ['a long sleep', 'SELECT count() FROM numbers(900000000) WHERE sipHash64(number) = 1', /Timeout|elapsed/],
  ['too many rows', 'SELECT number FROM numbers(1000)', /Limit for result/],
  ['too much memory', 'SELECT groupArray(toString(number)) FROM numbers(100000000)', /memory|Timeout/i],
  ['a file of the machine', "SELECT * FROM file('/etc/passwd', 'LineAsString')", /READ ON FILE/],
  ['the network', "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", /READ ON URL/],
  ['a format of its own', 'SELECT 1 FORMAT CSV', /Syntax error/],
];

describe('a rule that fails', () => {
  for (const [name, sql, reason] of HOSTILE) {
    test(`by ${name} changes nothing and says why`, async () => {
      await store.client.command({ query: "INSERT INTO scratch VALUES ('kept', 1)" });
      await assert.rejects(runRuleQuery(store, sql, SAMPLE_TIME, LIMITS), (error: Error) => {
        assert.match(error.message, reason);
        return true;
      });
      assert.deepEqual(await ask(store, 'SELECT name FROM scratch', {}), [{ name: 'kept' }]);
    });
  }

  test('is counted and shown, and stops no other; what it had raised stays', async () => {
    await store.client.command({ query: "INSERT INTO scratch VALUES ('a', 1)" });
    const rules = start(
      rule({ name: 'broken', sql: 'SELECT * FROM nowhere' }),
      rule({ name: 'slow', sql: 'SELECT count() FROM numbers(900000000) WHERE sipHash64(number) = 1' }),
      rule({ name: 'breaks', sql: "SELECT name, throwIf(name = 'b') AS x FROM scratch" }),
      rule({ name: 'works', sql: 'SELECT name FROM scratch' }),
    );
    await until(async () => (await findings()).length === 2);
    await store.client.command({ query: "INSERT INTO scratch VALUES ('b', 1)" });
    await until(async () => (await findings()).length === 3);
    await until(() => rules.stats.rules.every(({ rule: name, failures }) => name === 'works' || failures > 0));
    assert.match(rules.stats.rules[0]!.problem, /nowhere/);
    assert.deepEqual(
      (await findings()).filter((finding) => finding.rule === 'breaks').map(({ state }) => state),
      ['open'],
    );
    const rows = await ask<{ rule: string; bad: number }>(
      store,
      'SELECT rule, failures > 0 AS bad FROM rule_runs FINAL ORDER BY rule',
      {},
    );
    assert.deepEqual(
      rows.filter(({ bad }) => bad).map((row) => row.rule),
      ['breaks', 'broken', 'slow'],
    );
  });
});

test('the rules of docs/alerts.md run, and see what they are about', async () => {
  const page = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8');
  const block = /```yaml\n(rules:[^`]*)```/.exec(page)![1]!;
  const { sql } = rulesSection.parse((parseYaml(block) as { rules: unknown }).rules);
  const at = SAMPLE_TIME + 60e6;
  const [errors, budget, loss] = await Promise.all(
    sql.map(async (each) => findingsOf(each, await runRuleQuery(store, each.sql, at, LIMITS), at)),
  );
  const [finding] = [...errors!.values()];
  assert.equal(finding!.summary, '10 of 10 calls of agent-3 failed within 10 minutes');
  assert.deepEqual([errors!.size, budget!.size, loss!.size], [1, 0, 0]);
});

describe('a dry run', () => {
  const SINCE = `SELECT agent_id, count() AS occurrences FROM calls
    WHERE outcome != 'ok' AND request_start > {now:DateTime64(6)} - toIntervalSecond(13) AND request_start <= {now:DateTime64(6)}
    GROUP BY agent_id HAVING occurrences >= 2`;

  test('shows when a rule would have fired and resolved, and writes nothing', async () => {
    const settings = rule({ sql: SINCE, intervalMs: 5_000 });
    const outcome = await dryRun(store, settings, SAMPLE_TIME - 20e6, SAMPLE_TIME + 90e6, LIMITS);
    assert.equal(outcome.runs, 23);
    const [fires, resolves] = outcome.events;
    assert.equal(outcome.events.length, 2);
    // Failures come every 6 s from 3 s on: two within 13 s are first seen at the step of 10 s.
    assert.deepEqual([fires!.what, (fires!.at - SAMPLE_TIME) / 1e6, fires!.finding.agentId], ['fires', 10, 'agent-3']);
    // The last two are of 51 s and 57 s.
    assert.deepEqual([resolves!.what, (resolves!.at - SAMPLE_TIME) / 1e6], ['resolves', 65]);
    assert.deepEqual(outcome.open, []);
    assert.deepEqual(await findings(), []);
  });

  test('at one time shows what it returns then', async () => {
    const settings = rule({ sql: SINCE, forMs: 60_000 });
    const at = SAMPLE_TIME + 30e6;
    assert.equal((await dryRun(store, settings, at, at, LIMITS)).open.length, 1);
    assert.equal((await dryRun(store, settings, SAMPLE_TIME, SAMPLE_TIME, LIMITS)).open.length, 0);
  });
});
