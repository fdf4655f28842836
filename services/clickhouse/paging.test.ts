/** Pages of lists, while rows come, change and go on in versions: against a list of everything that was there all the time. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { timeText } from './findings.ts';
import { type ListedToolCall, listRows, type Page, type Place, TOOL_CALL_LIST } from './lists.ts';
import { type Cursor, listCalls } from './queries.ts';
import { ClickHouseSink } from './sink.ts';
import { openStore, type Store } from './store.ts';
import { callObservation, SAMPLE_TIME, sampleCall } from './testing.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-paging-'));
let store: Store;
before(async () => {
  store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
  // Versions stay apart: no merge makes them one while the pages are read.
  const never = 'max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1';
  await store.client.command({ query: `ALTER TABLE tool_call_rows MODIFY SETTING ${never}` });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});

interface Row {
  readonly id: number;
  /** Seconds after SAMPLE_TIME: few, so that many rows have one time. */
  readonly second: number;
  readonly version: number;
  readonly isError: boolean;
}

const callIdOf = (id: number): string => id.toString(16).padStart(32, '0');

async function putTools(rows: readonly Row[]): Promise<void> {
  if (rows.length === 0) return;
  const values = rows.map(({ id, second, version, isError }) => ({
    call_id: callIdOf(id),
    session_id: `session-${id % 3}`,
    requested: timeText(SAMPLE_TIME + second * 1e6),
    is_error: isError,
    version,
  }));
  await store.client.insert({ table: 'tool_call_rows', format: 'JSONEachRow', values });
}

/** Few ids: most of what stands first are old versions of rows whose newest one stands elsewhere. */
const row = fc.record({
  id: fc.nat(5),
  second: fc.nat(4),
  version: fc.integer({ min: 1, max: 9 }),
  isError: fc.boolean(),
});
/** Each version stands before the one that took its place: what comes first is old, all the way to the last versions. */
const falling = (rows: readonly Row[]): Row[] => rows.map((each) => ({ ...each, second: 10 - each.version }));
/** Of each row's versions the newest counts; a row keeps its time. */
const oneTime = (rows: readonly Row[]): Row[] => rows.map((each) => ({ ...each, second: (each.id * 7) % 5 }));

function newest(rows: readonly Row[]): Row[] {
  const found = new Map<number, Row>();
  for (const each of rows) if ((found.get(each.id)?.version ?? 0) < each.version) found.set(each.id, each);
  return [...found.values()].sort((a, b) => b.second - a.second || b.id - a.id);
}

async function toolPages(
  limit: number,
  filter: Record<string, unknown>,
  between: (page: number) => Promise<void>,
): Promise<string[]> {
  const seen: string[] = [];
  let at: Place | null = null;
  for (let page = 0; page < 60; page++) {
    const { rows, next }: Page<ListedToolCall> = await listRows(store, TOOL_CALL_LIST, { limit, before: at, filter });
    seen.push(...rows.map(({ callId }) => callId));
    if (next === null) return seen;
    at = next;
    await between(page);
  }
  throw new Error('the pages have no end');
}

const distinct = (rows: readonly Row[]): Row[] => [
  ...new Map(rows.map((each) => [`${each.id} ${each.version}`, each])).values(),
];

test('pages of tool calls show the newest version of each row once, in order, whatever older ones say', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 40, size: 'max' }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(undefined, true, false),
      fc.boolean(),
      async (given, limit, isError, old) => {
        await store.client.command({ query: 'TRUNCATE TABLE tool_call_rows' });
        const rows = old ? falling(distinct(given)) : distinct(given);
        // With times that change from version to version; the versions of one insert would be made one.
        for (let version = 1; version <= 9; version++) await putTools(rows.filter((each) => each.version === version));
        const seen = await toolPages(limit, isError === undefined ? {} : { isError }, async () => {});
        const expected = newest(rows).filter((each) => isError === undefined || each.isError === isError);
        assert.deepEqual(
          seen,
          expected.map(({ id }) => callIdOf(id)),
        );
      },
    ),
    { numRuns: 15, endOnFailure: true },
  );
});

test('pages of tool calls are not moved by versions and rows that arrive while they are read', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 20 }),
      fc.array(row, { maxLength: 12 }),
      fc.integer({ min: 1, max: 4 }),
      async (given, arriving, limit) => {
        await store.client.command({ query: 'TRUNCATE TABLE tool_call_rows' });
        const rows = oneTime(distinct(given));
        await putTools(rows);
        // New ones begin after all that is there, as they do in time.
        const more = distinct(arriving).map((each, n) =>
          n % 2 === 0
            ? { ...each, id: 100 + n, second: 50 + n }
            : { ...oneTime([each])[0]!, version: each.version + 10 },
        );
        const known = new Set(rows.map(({ id }) => id));
        const fitting = more.filter(({ id }) => id >= 100 || known.has(id));
        const seen = await toolPages(limit, {}, async (page) => putTools(fitting.slice(page * 3, page * 3 + 3)));
        assert.deepEqual(
          seen,
          newest(rows).map(({ id }) => callIdOf(id)),
        );
      },
    ),
    { numRuns: 20 },
  );
});

test('pages of calls show each call once, in order, while others are stored in parts of their own', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 5 }),
      async (ids, limit) => {
        await store.client.command({ query: 'TRUNCATE TABLE calls' });
        // Two days, and several calls at one time.
        const timed = (n: number, day: number): ReturnType<typeof callObservation> =>
          callObservation(sampleCall(n, { requestStart: SAMPLE_TIME + (n % 4) * 1e6 + day * 86_400e6 }));
        const put = async (n: number, day: number): Promise<void> => {
          const sink = new ClickHouseSink(store);
          await sink.add([timed(n, day)]);
          await sink.close();
        };
        const sink = new ClickHouseSink(store);
        await sink.add(ids.map((n) => timed(n, n % 2)));
        await sink.close();
        const expected = ids
          .map((n) => ({ id: sampleCall(n).callId, place: (n % 4) * 1e6 + (n % 2) * 86_400e6 }))
          .sort((a, b) => b.place - a.place || (a.id < b.id ? 1 : -1));
        const seen: string[] = [];
        let at: Cursor | null = null;
        for (let page = 0; page < 60; page++) {
          const { calls, next } = await listCalls(store, { limit, before: at });
          seen.push(...calls.map(({ callId }) => callId));
          if (next === null) break;
          at = next;
          if (page < 3) await put(1000 + page, 5);
        }
        assert.deepEqual(
          seen,
          expected.map(({ id }) => id),
        );
      },
    ),
    { numRuns: 8 },
  );
});

test('old versions that stand first are not taken for the page', async () => {
  await store.client.command({ query: 'TRUNCATE TABLE tool_call_rows' });
  const tool = (id: number, second: number, version: number): Row => ({ id, second, version, isError: false });
  // One insert each: the versions of one insert are made one.
  for (const each of [tool(3, 40, 1), tool(3, 30, 2), tool(3, 20, 3), tool(3, 0, 4), tool(6, 10, 1)])
    await putTools([each]);
  assert.deepEqual(await toolPages(1, {}, async () => {}), [callIdOf(6), callIdOf(3)]);
});
