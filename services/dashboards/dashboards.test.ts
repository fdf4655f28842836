import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { storeKnown } from '../../load-tests/cookbook/known.ts';
import { goProgram } from '../../load-tests/go.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { METRICS, type MetricDefinition } from '../observe/metrics.ts';
import { expandedSql } from './expand.ts';
import { type Dashboard, grafanaJson } from './panel.ts';
import { DASHBOARDS, fileOf } from './write.ts';

interface Json {
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets: readonly { readonly rawSql?: string; readonly expr?: string; readonly format?: number }[];
  }[];
}

const jsonOf = (dashboard: Dashboard): Json => JSON.parse(readFileSync(fileOf(dashboard), 'utf8')) as Json;
/** The times of the known calls. */
const FROM = "'2026-09-21 00:00:00'";
const TO = "'2026-09-23 00:00:00'";

const expanded = (sql: string, agents: readonly string[] | 'all'): string =>
  expandedSql(sql, { from: FROM, to: TO, agents });

test('the files are what the definitions make, and all of them', () => {
  for (const dashboard of DASHBOARDS)
    assert.equal(readFileSync(fileOf(dashboard), 'utf8'), grafanaJson(dashboard), dashboard.name);
  const files = readdirSync(new URL('../../dashboards/', import.meta.url)).filter((name) => name.endsWith('.json'));
  assert.deepEqual(files.sort(), DASHBOARDS.map(({ name }) => `${name}.json`).sort());
});

const strict = goProgram(new URL('../../load-tests/grafana/strict/', import.meta.url), 'grafana-strict');

test('Grafana’s own definitions know every field, and miss none', {
  skip: strict.obstacle(),
  timeout: 600_000,
}, async () => {
  const program = await strict.get();
  const { status, stdout } = spawnSync(
    program,
    DASHBOARDS.map((dashboard) => fileURLToPath(fileOf(dashboard))),
    {
      encoding: 'utf8',
    },
  );
  assert.equal(stdout, '');
  assert.equal(status, 0);
});

test('no two panels of a dashboard lie on each other', () => {
  for (const dashboard of DASHBOARDS) {
    const taken = new Set<string>();
    for (const { gridPos, title } of jsonOf(dashboard).panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!taken.has(`${x} ${y}`), `${dashboard.name}: ${title}`);
          taken.add(`${x} ${y}`);
        }
    }
  }
});

describe('panels on ClickHouse', () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-dashboards-'));
  let store: Store;
  /** Panels that have nothing to show of the known calls. */
  const EMPTY = ['What the probes say', 'Traffic of the probes'];

  before(async () => {
    store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
    await storeKnown(store);
  });
  after(async () => {
    await store.close();
    rmSync(dataDir, { recursive: true });
  });

  async function answer(sql: string) {
    const result = await store.client.query({ query: sql, format: 'JSON' });
    const { meta = [], data } = await result.json<Record<string, unknown>>();
    return { meta, data };
  }

  for (const dashboard of DASHBOARDS.filter(({ source }) => source !== 'prometheus')) {
    it(`${dashboard.title}: every query has an answer, for all agents and for some`, async () => {
      for (const { title, targets } of jsonOf(dashboard).panels) {
        const [target] = targets;
        const { meta, data } = await answer(expanded(target!.rawSql!, 'all'));
        assert.equal(data.length > 0, !EMPTY.includes(title), title);
        // A time series is a time, numbers, and at most one label.
        if (target!.format === 0) {
          assert.match(meta[0]!.type, /^DateTime/, title);
          const labels = meta.slice(1).filter(({ type }) => /^(LowCardinality\()?String/.test(type));
          const numbers = meta.slice(1).filter(({ type }) => /^(Nullable\()?(UInt|Int|Float)/.test(type));
          assert.ok(labels.length <= 1 && numbers.length > 0, title);
          assert.equal(labels.length + numbers.length, meta.length - 1, title);
        }
        if (!target!.rawSql!.includes('$agent')) continue;
        const none = await answer(expanded(target!.rawSql!, ['nobody']));
        const some = await answer(expanded(target!.rawSql!, ['coder', 'looper']));
        assert.ok(some.data.length > 0 && some.data.length >= none.data.length, title);
      }
      const agents = jsonOf(dashboard).templating.list.find(({ name }) => name === 'agent');
      if (agents !== undefined) await answer((agents.query as { rawSql: string }).rawSql);
    });
  }

  it('show what is known of the calls', async () => {
    const value = async (name: string, title: string, agents: readonly string[] | 'all') => {
      const { panels } = jsonOf(DASHBOARDS.find((dashboard) => dashboard.name === name)!);
      const { data } = await answer(
        expanded(panels.find((panel) => panel.title === title)!.targets[0]!.rawSql!, agents),
      );
      return Object.values(data[0]!)[0];
    };
    assert.equal(Number(await value('overview', 'Calls', 'all')), 20);
    assert.equal(Number(await value('overview', 'Calls', ['looper'])), 7);
    assert.equal(Number(await value('overview', 'Failed', 'all')), 5);
    assert.equal(Number(await value('overview', 'Open findings', 'all')), 1);
    assert.equal(Number(await value('capture', 'Calls not seen whole', 'all')), 5);
    assert.equal(Number(await value('capture', 'Bytes missed in calls', 'all')), 1448);
  });
});

test('queries on Prometheus name metrics and labels that exist, and rates only of what grows', () => {
  const queries = DASHBOARDS.filter(({ source }) => source === 'prometheus').flatMap((dashboard) =>
    jsonOf(dashboard).panels.flatMap(({ targets }) => targets.map(({ expr }) => expr!)),
  );
  assert.ok(queries.length > 10);
  for (const query of queries) {
    const names = query.match(/\b(bittern|process|nodejs)_\w+/g) ?? [];
    assert.ok(names.length > 0, query);
    const labels = new Set(['instance', 'job']);
    for (const name of names) {
      const base = name.replace(/_(sum|count)$/, '');
      const metric = (METRICS as Readonly<Record<string, MetricDefinition>>)[base];
      assert.ok(metric !== undefined, `${name} in ${query}`);
      assert.equal(metric.type === 'summary', base !== name, query);
      for (const label of metric.labels) labels.add(label);
      const rated = new RegExp(`(rate|increase)\\(${name}\\b`).test(query);
      assert.equal(rated, metric.type !== 'gauge', query);
    }
    for (const [, by] of query.matchAll(/by \(([^)]*)\)/g))
      for (const label of by!.split(',')) assert.ok(labels.has(label.trim()), `${label} in ${query}`);
  }
});
