/** Captures through all real stages into a store, and the tracker after them. */

import { ClickHouseSink } from '../../services/clickhouse/sink.ts';
import type { Store } from '../../services/clickhouse/store.ts';
import type { RecognizerOptions } from '../../services/llm/recognizer.ts';
import { Tracker } from '../../services/tracker/tracker.ts';
import { observationsOf } from '../e2e/observations.ts';

export type Row = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

export interface Tracked {
  readonly calls: readonly Row[];
  readonly sessions: readonly Row[];
  readonly turns: readonly Row[];
  readonly tools: readonly Row[];
  readonly findings: readonly Row[];
}

const TABLES = ['session_rows', 'turn_rows', 'tool_call_rows', 'finding_rows', 'tracker_state', 'calls', 'exchanges'];

/** Empties the store. */
export async function emptyStore({ client }: Store): Promise<void> {
  for (const table of TABLES) await client.command({ query: `TRUNCATE TABLE ${table}` });
}

/** Each capture is read by a pipeline of its own and stored; the tracker looks after every `lookEvery` of them. */
export async function track(
  store: Store,
  captures: readonly Buffer[],
  lookEvery = 1,
  llm: Partial<RecognizerOptions> = {},
): Promise<Tracked> {
  const tracker = new Tracker(store.client);
  for (const [at, pcap] of captures.entries()) {
    const sink = new ClickHouseSink(store);
    await sink.add(await observationsOf(pcap, llm));
    await sink.close();
    if ((at + 1) % lookEvery === 0) await tracker.catchUp();
  }
  await tracker.catchUp();
  await tracker.close();
  return readTracked(store);
}

const TIMES = ['started', 'ended', 'requested', 'result_seen', 'first_seen', 'last_seen', 'resolved_at'];

async function readTracked({ client }: Store): Promise<Tracked> {
  const rows = async (query: string): Promise<Row[]> => {
    const clickhouse_settings = { output_format_json_quote_64bit_integers: 0 } as const;
    return (await (await client.query({ query, format: 'JSONEachRow', clickhouse_settings })).json()) as Row[];
  };
  const micros = (names: readonly string[]): string =>
    names.map((name) => `toUnixTimestamp64Micro(${name}) AS ${name}`).join(', ');
  const story = async (table: string, times: readonly string[]): Promise<Row[]> =>
    rows(`SELECT * REPLACE (${micros(times)}) FROM ${table}`);
  return {
    calls: await rows(
      'SELECT call_id, session_id, thread_id, turn_id, call_kind, client_ip, client_port, toUnixTimestamp64Micro(request_start) AS start FROM calls',
    ),
    sessions: await story('sessions', TIMES.slice(0, 2)),
    turns: await story('turns', TIMES.slice(0, 2)),
    tools: await story('tool_calls', TIMES.slice(2, 4)),
    findings: await story('findings', TIMES.slice(4)),
  };
}
