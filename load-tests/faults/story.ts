/**
 * What a tracker that was killed again and again has made, against what one makes that meets all calls at once: sessions, turns, tool
 * calls, findings, and the places that the calls say.
 */
import type { Store } from '../../services/clickhouse/store.ts';
import { Tracker } from '../../services/tracker/tracker.ts';

const TABLES = ['session_rows', 'turn_rows', 'tool_call_rows', 'finding_rows'];

const QUERIES: Readonly<Record<string, string>> = {
  sessions: 'SELECT session_id AS key, * FROM sessions ORDER BY key',
  turns: 'SELECT concat(session_id, turn_id) AS key, * FROM turns ORDER BY key',
  tool_calls: 'SELECT concat(call_id, toString(position)) AS key, * FROM tool_calls ORDER BY key',
  findings: 'SELECT finding_id AS key, * FROM findings ORDER BY key',
  calls: 'SELECT call_id AS key, session_id, thread_id, turn_id, call_kind FROM calls ORDER BY key',
};

type Story = ReadonlyMap<string, string>;

async function storyOf(store: Store): Promise<Story> {
  const story = new Map<string, string>();
  for (const [table, query] of Object.entries(QUERIES)) {
    const rows = await (await store.client.query({ query, format: 'JSONEachRow' })).json<{ key: string }>();
    for (const row of rows) story.set(`${table} ${row.key}`, JSON.stringify(row));
  }
  return story;
}

/** @returns a line for each row that differs */
export async function storyDifferences(store: Store): Promise<string[]> {
  const last = new Tracker(store.client);
  await last.catchUp();
  await last.close();
  const found = await storyOf(store);
  for (const table of [...TABLES, 'tracker_state']) await store.client.command({ query: `TRUNCATE TABLE ${table}` });
  const fresh = new Tracker(store.client);
  await fresh.catchUp();
  await fresh.close();
  const expected = await storyOf(store);
  const differences: string[] = [];
  for (const key of new Set([...found.keys(), ...expected.keys()])) {
    const [told, wanted] = [found.get(key) ?? 'nothing', expected.get(key) ?? 'nothing'];
    if (told !== wanted) differences.push(`${key}: the tracker told ${told}, not ${wanted}`);
  }
  return differences;
}
