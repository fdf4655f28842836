import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { ListRuns, type RunPlace, type RunSource } from './list-runs.ts';
import { ChangeLog, type Part } from './store-changes.ts';

const PAGE = 3;

/** A list of times, in a table with a part for each insert. */
function opened({ rowsMax = 20, bytesMax = 1e6, timeless = false } = {}) {
  const rows = new Map<number, string>();
  const parts: Part[] = [];
  const log = new ChangeLog();
  log.look([]);
  const reads: { from: number; limit: number }[] = [];
  const source: RunSource = {
    read: async (before, limit) => {
      reads.push({ from: before!.time, limit });
      const times = [...rows.keys()].filter((time) => time < before!.time).sort((a, b) => b - a);
      const found = times.slice(0, limit).map((time) => ({ time, ids: ['x'], text: Buffer.from(rows.get(time)!) }));
      await turn();
      return found;
    },
    texts: null,
    changes: async () => log,
    timeless,
  };
  const runs = new ListRuns({ firstPages: 2, rowsMax, bytesMax, aheadMax: 2 });
  const put = (...times: number[]): void => {
    for (const time of times) rows.set(time, `${time}`);
    const seconds = times.map((time) => Math.floor(time / 1e6));
    const name = `day_${parts.length + 1}_${parts.length + 1}_0`;
    parts.push({ name, rows: times.length, from: Math.min(...seconds), to: Math.max(...seconds) });
    log.look([...parts]);
  };
  const page = async (before: number, limit = PAGE): Promise<{ rows: string[]; next: number | null }> => {
    const { texts, next } = await runs.page('list', source, { time: before, ids: ['x'] }, limit);
    return { rows: texts.map(String), next: next === null ? null : next.time };
  };
  const expected = (before: number, limit = PAGE): { rows: string[]; next: number | null } => {
    const times = [...rows.keys()]
      .filter((time) => time < before)
      .sort((a, b) => b - a)
      .slice(0, limit);
    return { rows: times.map(String), next: times.length === limit ? times.at(-1)! : null };
  };
  return { put, page, expected, reads, rows, log, runs };
}

const SECOND = 1e6;
const times = (count: number): number[] => Array.from({ length: count }, (_, i) => (i + 1) * SECOND);

test('who goes on page by page is read for ahead, more at a time; who only jumps somewhere is not', async () => {
  const { put, page, expected, reads } = opened();
  put(...times(58));
  let before: number | null = 59 * SECOND;
  for (let n = 0; before !== null; n++) {
    const got = await page(before);
    assert.deepEqual(got, expected(before));
    before = got.next;
    assert.ok(n < 30);
    await turn();
    await turn();
  }
  assert.deepEqual(
    reads.map(({ limit }) => limit),
    [3, 6, 18, 18, 18],
  );
});

test('what is behind a first page is read ahead at once', async () => {
  const { put, page, reads, runs } = opened();
  put(...times(60));
  runs.give('list', { time: 40 * SECOND, ids: ['x'] });
  await page(40 * SECOND);
  assert.deepEqual(
    reads.map(({ limit }) => limit),
    [6],
  );
});

test('all who ask for one page at a time cost one reading', async () => {
  const { put, page, reads } = opened();
  put(...times(60));
  await Promise.all([page(50 * SECOND), page(50 * SECOND), page(50 * SECOND)]);
  assert.equal(reads.length, 1);
});

test('a new row makes no page be read again whose times it is not of', async () => {
  const { put, page, expected, reads } = opened();
  put(...times(60));
  await page(40 * SECOND);
  put(70 * SECOND);
  assert.deepEqual(await page(40 * SECOND), expected(40 * SECOND));
  assert.equal(reads.length, 1);
  put(38.5 * SECOND);
  assert.deepEqual(await page(40 * SECOND), expected(40 * SECOND));
  assert.equal(reads.length, 2);
});

test('where a row may take the place of one of another time, each change counts', async () => {
  const { put, page, reads } = opened({ timeless: true });
  put(...times(60));
  await page(40 * SECOND);
  put(70 * SECOND);
  await page(40 * SECOND);
  assert.equal(reads.length, 2);
});

test('nothing is kept while nobody can tell whether the store changed', async () => {
  const { put, page, expected, reads, log } = opened();
  put(...times(60));
  log.lose();
  assert.deepEqual(await page(40 * SECOND), expected(40 * SECOND));
  assert.deepEqual(await page(40 * SECOND), expected(40 * SECOND));
  assert.equal(reads.length, 2);
});

test('texts of one time are in the order of their bytes', async () => {
  // As ClickHouse has it; JavaScript's own order would be the other one.
  const ids = ['\u{1f600}', '\uff5e', 'a'];
  const rows = ids.map((id) => ({ time: 5, ids: [id], text: Buffer.from(id) }));
  const log = new ChangeLog();
  log.look([]);
  const after = (before: RunPlace | null): typeof rows => rows.slice(ids.indexOf(String(before!.ids[0])) + 1);
  const source = {
    read: async (before: RunPlace | null) => after(before),
    texts: null,
    changes: async () => log,
    timeless: false,
  };
  const runs = new ListRuns({ firstPages: 2, rowsMax: 9, bytesMax: 1e6, aheadMax: 0 });
  await runs.page('list', source, { time: 5, ids: [ids[0]!] }, 9);
  const { texts } = await runs.page('list', source, { time: 5, ids: [ids[1]!] }, 9);
  assert.deepEqual(texts.map(String), ['a']);
});

const when = fc.integer({ min: 1, max: 40 }).map((second) => second * SECOND);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ page: when, limit: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ put: fc.array(when, { minLength: 1, maxLength: 4 }) }) },
);

test('pages are those of the store, whatever is asked, stored and forgotten in between', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, small) => {
      const { put, page, expected } = opened(small ? { rowsMax: 4, bytesMax: 1500 } : {});
      put(...times(30));
      for (const each of steps) {
        if ('put' in each) put(...each.put.map((time, n) => time + (n % 2 === 0 ? 1 : -1)));
        else assert.deepEqual(await page(each.page, each.limit), expected(each.page, each.limit));
      }
    }),
    { numRuns: 200 },
  );
});
