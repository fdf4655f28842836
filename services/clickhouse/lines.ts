/**
 * Rows as the JSON text that ClickHouse makes of them, one a line: what goes into an answer as it is needs no parsing and no writing.
 */
import { isUtf8 } from 'node:buffer';
import type { ClickHouseSettings } from '@clickhouse/client';
import { type Cursor, LIMITS, placedCalls, QUERY_DEFAULTS } from './queries.ts';
import type { Store } from './store.ts';

const NEWLINE = 0x0a;

/** Runs a query and returns a JSON object a row, without a line's end; the same values as `ask` has. */
export async function askLines(
  store: Pick<Store, 'client'>,
  query: string,
  params: Record<string, unknown>,
  settings: ClickHouseSettings = {},
): Promise<Buffer[]> {
  const { stream } = await store.client.exec({
    query: `${query} FORMAT JSONEachRow`,
    query_params: params,
    clickhouse_settings: {
      max_execution_time: QUERY_DEFAULTS.timeoutSeconds,
      ...LIMITS,
      output_format_json_escape_forward_slashes: 0,
      // Else a failure in the middle of the answer would be a line of it.
      wait_end_of_query: 1,
      ...settings,
    },
  });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return linesOf(Buffer.concat(chunks));
}

/** Views of `bytes`, if they are UTF-8, which whoever else writes into the tables need not care about. */
function linesOf(bytes: Buffer): Buffer[] {
  const text = isUtf8(bytes) ? bytes : Buffer.from(bytes.toString());
  const lines: Buffer[] = [];
  let from = 0;
  for (let to = text.indexOf(NEWLINE); to !== -1; to = text.indexOf(NEWLINE, from)) {
    lines.push(text.subarray(from, to));
    from = to + 1;
  }
  if (from < text.length) lines.push(text.subarray(from));
  return lines;
}

/** `callsAt` as JSON texts, each of which begins with `CALL_ID_FIRST`. */
export async function callLinesAt(store: Pick<Store, 'client'>, places: readonly Cursor[]): Promise<Buffer[]> {
  if (places.length === 0) return [];
  const { query, params, settings } = placedCalls(places);
  return askLines(store, query, params, settings);
}

/** How the text of a listed call begins; its id is next. */
export const CALL_ID_FIRST = '{"callId":"';
