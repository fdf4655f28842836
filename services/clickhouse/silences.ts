/** Silences: what nobody is to be told of until a time. Matchers are checked by who writes them (services/alerts/matcher.ts). */
import { randomBytes } from 'node:crypto';
import { ask } from './queries.ts';
import type { Store } from './store.ts';

type Client = Pick<Store, 'client'>;

export interface Silence {
  readonly silenceId: string;
  readonly matchers: readonly string[];
  /** ms since the epoch. */
  readonly starts: number;
  readonly ends: number;
  readonly createdBy: string;
  readonly comment: string;
}

export type SilenceState = 'pending' | 'active' | 'ended';

const FIELDS = `silence_id AS silenceId, matchers, toUnixTimestamp64Milli(starts) AS starts, toUnixTimestamp64Milli(ends) AS ends,
  created_by AS createdBy, comment`;

export function silenceState(silence: Silence, nowMs: number): SilenceState {
  if (nowMs >= silence.ends) return 'ended';
  return nowMs >= silence.starts ? 'active' : 'pending';
}

/** Those that haven't ended (with `ended` all of them), those that end last first; at most `limit`. */
export async function listSilences(
  store: Client,
  options: { readonly ended?: boolean; readonly limit: number },
): Promise<Silence[]> {
  const where = options.ended === true ? '' : 'WHERE silence_rows.ends > now64(3)';
  return ask<Silence>(
    store,
    `SELECT ${FIELDS} FROM silence_rows FINAL ${where} ORDER BY ends DESC, silence_id LIMIT {limit:UInt32}`,
    { limit: options.limit },
  );
}

export async function addSilence(store: Client, silence: Omit<Silence, 'silenceId'>): Promise<Silence> {
  const added = { silenceId: randomBytes(16).toString('hex'), ...silence };
  await write(store, added);
  return added;
}

/** Ends it now; one that is over stays as it is. Null when there is none of this id (or of this beginning, or several). */
export async function endSilence(store: Client, id: string): Promise<Silence | null> {
  const rows = await ask<Silence & { now: number }>(
    store,
    `SELECT ${FIELDS}, toUnixTimestamp64Milli(now64(3)) AS now FROM silence_rows FINAL WHERE startsWith(silence_id, {id:String}) LIMIT 2`,
    { id },
  );
  const [row] = rows;
  if (rows.length !== 1 || row === undefined) return null;
  const { now, ...silence } = row;
  if (silence.ends <= now) return silence;
  const ended = { ...silence, starts: Math.min(silence.starts, now), ends: now };
  await write(store, ended);
  return ended;
}

async function write(store: Client, silence: Silence): Promise<void> {
  await store.client.command({
    query: `INSERT INTO silence_rows (silence_id, matchers, starts, ends, created_by, comment, version)
      SELECT {silenceId:String}, {matchers:Array(String)}, fromUnixTimestamp64Milli({starts:Int64}, 'UTC'),
      fromUnixTimestamp64Milli({ends:Int64}, 'UTC'), {createdBy:String}, {comment:String}, toUnixTimestamp64Micro(now64(6))`,
    query_params: { ...silence },
  });
}
