/** How long each query of the cookbook takes on a store that was filled. */
import { ask } from '../../services/clickhouse/queries.ts';
import type { Store } from '../../services/clickhouse/store.ts';
import { FILL_VALUES } from './fill.ts';
import { filled, LIMITS_MS, type Recipe, recipes } from './recipes.ts';

export interface Measured {
  readonly recipe: Recipe;
  readonly rows: number;
  /** Of all runs after a first one, ms. */
  readonly medianMs: number;
  readonly bestMs: number;
  readonly limitMs: number;
}

async function measureOne(
  store: Store,
  recipe: Recipe,
  values: Readonly<Record<string, string>>,
  runs: number,
): Promise<Measured> {
  const query = filled(recipe.sql, values);
  const times: number[] = [];
  let rows = 0;
  for (let i = 0; i <= runs; i++) {
    const began = performance.now();
    const result = await store.client.query({ query, format: 'JSONCompactEachRow' });
    rows = (await result.json()).length;
    if (i > 0) times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return { recipe, rows, medianMs: times[times.length >> 1]!, bestMs: times[0]!, limitMs: LIMITS_MS[recipe.kind] };
}

export async function measure(store: Store, runs = 5): Promise<Measured[]> {
  const [call] = await ask<{ id: string }>(
    store,
    'SELECT call_id AS id FROM calls ORDER BY request_start LIMIT 1 OFFSET 15000',
    {},
  );
  const values = { ...FILL_VALUES, CALL: call!.id };
  const measured: Measured[] = [];
  for (const recipe of recipes()) measured.push(await measureOne(store, recipe, values, runs));
  return measured;
}

export function table(measured: readonly Measured[]): string {
  const rows = measured.map(
    ({ recipe, rows, medianMs, bestMs, limitMs }) =>
      `| ${recipe.question} | ${recipe.kind} | ${rows} | ${bestMs.toFixed(0)} | ${medianMs.toFixed(0)} | ${limitMs}${bestMs > limitMs ? ' **missed**' : ''} |`,
  );
  return ['| question | kind | rows | best ms | median ms | limit ms |', '|---|---|---|---|---|---|', ...rows].join(
    '\n',
  );
}
