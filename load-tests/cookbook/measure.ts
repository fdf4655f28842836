/** How long each query of the cookbook takes on a store that was filled. */
import { readFileSync } from 'node:fs';
import { ask } from '../../services/clickhouse/queries.ts';
import type { Store } from '../../services/clickhouse/store.ts';
import { expandedSql } from '../../services/dashboards/expand.ts';
import { DASHBOARDS, fileOf } from '../../services/dashboards/write.ts';
import { FILL_VALUES } from './fill.ts';
import { filled, LIMITS_MS, type Recipe, recipes } from './recipes.ts';

export interface Measured {
  readonly recipe: Recipe;
  readonly rows: number;
  /** Of all runs after a first one, ms. */
  readonly medianMs: number;
  readonly bestMs: number;
  /** CPU of the engine for one run, ms, of all its threads: what doesn't change with what else the machine does. */
  readonly cpuMs: number;
  readonly limitMs: number;
}

/** CPU of the engine's process since its start, ms: in steps of 10. */
function engineCpuMs(store: Store): number {
  const stat = readFileSync(`/proc/${store.enginePid()}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function measureOne(
  store: Store,
  recipe: Recipe,
  values: Readonly<Record<string, string>>,
  runs: number,
): Promise<Measured> {
  const query = filled(recipe.sql, values);
  const times: number[] = [];
  let [rows, cpu] = [0, 0];
  for (let i = 0; i <= runs; i++) {
    const began = performance.now();
    const result = await store.client.query({ query, format: 'JSONCompactEachRow' });
    rows = (await result.json()).length;
    if (i > 0) times.push(performance.now() - began);
    else cpu = engineCpuMs(store);
  }
  const cpuMs = (engineCpuMs(store) - cpu) / runs;
  times.sort((a, b) => a - b);
  return {
    recipe,
    rows,
    medianMs: times[times.length >> 1]!,
    bestMs: times[0]!,
    cpuMs,
    limitMs: LIMITS_MS[recipe.kind],
  };
}

/** Panels of the dashboards over the last seven days, as questions. */
export function panels(): Recipe[] {
  const day = (ago: number): string =>
    `'${new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 19).replace('T', ' ')}'`;
  const times = { from: day(7), to: day(0), agents: 'all' } as const;
  return DASHBOARDS.filter(({ source }) => source !== 'prometheus').flatMap((dashboard) => {
    const { panels: shown } = JSON.parse(readFileSync(fileOf(dashboard), 'utf8')) as {
      panels: readonly { readonly title: string; readonly targets: readonly { readonly rawSql?: string }[] }[];
    };
    return shown.flatMap(({ title, targets }) =>
      targets.flatMap(({ rawSql }): Recipe[] =>
        rawSql === undefined
          ? []
          : [{ question: `${dashboard.title}: ${title}`, kind: 'dashboard', sql: expandedSql(rawSql, times) }],
      ),
    );
  });
}

export async function measure(store: Store, runs = 5, asked = recipes()): Promise<Measured[]> {
  const [call] = await ask<{ id: string }>(
    store,
    'SELECT call_id AS id FROM calls ORDER BY request_start LIMIT 1 OFFSET 15000',
    {},
  );
  const values = { ...FILL_VALUES, CALL: call!.id };
  const measured: Measured[] = [];
  for (const recipe of asked) measured.push(await measureOne(store, recipe, values, runs));
  return measured;
}

export function table(measured: readonly Measured[]): string {
  const rows = measured.map(
    ({ recipe, rows, medianMs, bestMs, cpuMs, limitMs }) =>
      `| ${recipe.question} | ${recipe.kind} | ${rows} | ${cpuMs.toFixed(0)} | ${bestMs.toFixed(0)} | ${medianMs.toFixed(0)} | ${limitMs}${bestMs > limitMs ? ' **missed**' : ''} |`,
  );
  return [
    '| question | kind | rows | CPU ms | best ms | median ms | limit ms |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
