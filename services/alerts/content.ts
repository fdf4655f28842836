/** Beginnings of what was said, for receivers that may have it (`alerts.content`). */
import { ask } from '../clickhouse/queries.ts';
import type { Store } from '../clickhouse/store.ts';
import type { Alert } from './alert.ts';
import type { AlertContent } from './notification.ts';

/** By turn id. */
export async function contentsOf(
  store: Pick<Store, 'client'>,
  alerts: readonly Alert[],
): Promise<ReadonlyMap<string, AlertContent>> {
  const sessions = new Set(alerts.map(({ finding }) => finding.sessionId));
  const turns = new Set(alerts.map(({ finding }) => finding.turnId).filter((id) => id !== ''));
  if (turns.size === 0) return new Map();
  const rows = await ask<{ turnId: string } & AlertContent>(
    store,
    `SELECT turn_id AS turnId, prompt_preview AS prompt, answer_preview AS answer FROM turns
     WHERE session_id IN {sessions:Array(String)} AND turn_id IN {turns:Array(String)}`,
    { sessions: [...sessions], turns: [...turns] },
  );
  return new Map(rows.map(({ turnId, prompt, answer }) => [turnId, { prompt, answer }]));
}
