import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { callLinesAt } from '../clickhouse/lines.ts';
import { type CallFilter, type Cursor, listCallPlaces, listCalls } from '../clickhouse/queries.ts';
import { callObservation, callRange, SAMPLE_TIME, sampleCall } from '../clickhouse/testing.ts';
import type { Micros } from '../common/types.ts';
import { CallWindow, type CallWindowOptions } from './call-window.ts';
import { ALWAYS, ChangeLog, type Part } from './store-changes.ts';
import { StoreVersion } from './store-version.ts';
import { openStage, type Stage } from './testing.ts';

const LIMITS = { rowsMax: 20, bytesMax: 1e6, readMax: 7, againMax: 8, missesMin: 1, restMs: 0 };
const SECOND = 1e6;

interface Row {
  readonly time: number;
  readonly agentId: string;
  readonly text: string;
}

/** A table of calls in memory, with a part for each insert. */
function opened(limits: Partial<CallWindowOptions> = {}) {
  const rows = new Map<string, Row>();
  const parts: Part[] = [];
  const log = new ChangeLog();
  log.look([]);
  const asked: string[] = [];
  const sorted = (): [string, Row][] => [...rows].sort(([idA, a], [idB, b]) => b.time - a.time || (idA < idB ? 1 : -1));
  const window = new CallWindow({
    ...LIMITS,
    ...limits,
    changes: async () => log,
    places: async ({ from, to }, limit) => {
      asked.push('places');
      await turn();
      const found = sorted().filter(([, { time }]) => from <= time && time <= to);
      return found.slice(0, limit).map(([callId, { time }]) => ({ time, callId }) as Cursor);
    },
    read: async (places) => {
      asked.push(`read ${places.length}`);
      await turn();
      const found = places.flatMap(({ callId }) => (rows.has(callId) ? [{ callId, ...rows.get(callId)! }] : []));
      return found.map((row) => Buffer.from(JSON.stringify(row)));
    },
  });
  const part = (times: readonly number[], patch = false): void => {
    const name = `${patch ? 'patch-0f-' : ''}day_${parts.length + 1}_${parts.length + 1}_0`;
    const seconds = times.map((time) => Math.floor(time / SECOND));
    parts.push({ name, rows: times.length, from: Math.min(...seconds), to: Math.max(...seconds) });
    log.look([...parts]);
  };
  const put = (...calls: readonly (readonly [id: string, second: number, agentId: string])[]): void => {
    for (const [id, second, agentId] of calls) rows.set(id, { time: second * SECOND, agentId, text: 'as it came' });
    part(calls.map(([, second]) => second * SECOND));
  };
  const change = (id: string, text: string | null): void => {
    const row = rows.get(id);
    if (row === undefined) return;
    if (text === null) rows.delete(id);
    else rows.set(id, { ...row, text });
    part([row.time], true);
  };
  const textOf = (text: Buffer): string => Object.values(JSON.parse(String(text)) as object).join(' ');
  const page = async (filter: CallFilter, beforeId: string | null, limit = 3): Promise<string[] | null> => {
    const at = beforeId === null ? null : { time: rows.get(beforeId)!.time, ids: [beforeId] };
    return (await window.page(filter, at, limit))?.texts.map(textOf) ?? null;
  };
  const expected = ({ agentId }: CallFilter, beforeId: string | null, limit = 3): string[] => {
    const all = sorted();
    const from = beforeId === null ? 0 : all.findIndex(([id]) => id === beforeId) + 1;
    const chosen = all.slice(from).filter(([, row]) => agentId === undefined || row.agentId === agentId);
    return chosen.slice(0, limit).map(([callId, row]) => Object.values({ callId, ...row }).join(' '));
  };
  return { window, put, change, page, expected, asked, rows };
}

const calls = (count: number): [string, number, string][] =>
  Array.from({ length: count }, (_, n) => [`c${String(n).padStart(3, '0')}`, n, `agent-${n % 4}`]);

test('it is made once pages were missed, and then answers without asking the store', async () => {
  const { window, put, page, expected, asked } = opened({ missesMin: 3 });
  put(...calls(60));
  for (let n = 0; n < 3; n++) {
    assert.deepEqual(asked, []);
    assert.equal(await page({}, null), null);
  }
  await window.idle();
  const before = asked.length;
  for (const filter of [{}, { agentId: 'agent-1' }]) {
    assert.deepEqual(await page(filter, null), expected(filter, null));
    assert.deepEqual(await page(filter, 'c055'), expected(filter, 'c055'));
  }
  assert.equal(asked.length, before);
});

test('what it does not wholly hold is not its to answer', async () => {
  const { window, put, page } = opened();
  put(...calls(60));
  await page({}, null);
  await window.idle();
  assert.notEqual(await page({}, 'c043'), null);
  assert.equal(await page({}, 'c042'), null);
  assert.equal(await page({ agentId: 'agent-1' }, 'c045'), null);
  assert.equal(await page({ agentId: 'nobody' }, null), null);
});

test('of few calls it holds all, and tells where they end', async () => {
  const { window, put, page, expected } = opened();
  put(...calls(9));
  await page({}, null);
  await window.idle();
  assert.deepEqual(await page({ agentId: 'nobody' }, null), []);
  assert.deepEqual(await page({}, 'c001'), expected({}, 'c001'));
});

test('new calls cost a look at their times; too many, or a change of those that are stored, and it is forgotten', async () => {
  const { window, put, change, page, expected, asked } = opened();
  put(...calls(60));
  await page({}, null);
  await window.idle();
  asked.length = 0;
  put(['d', 70, 'agent-1'], ['c0585', 58, 'agent-1']);
  assert.deepEqual(await page({}, null), expected({}, null));
  assert.deepEqual(asked, ['places', 'read 2']);
  change('c059', 'changed');
  assert.equal(await page({}, null), null);
  await window.idle();
  assert.deepEqual(await page({}, null), expected({}, null));
  put(...calls(20).map(([id, second, agent]): [string, number, string] => [`e${id}`, second + 80, agent]));
  assert.equal(await page({}, null), null);
});

test('it holds no more bytes than it may', async () => {
  const { window, put, page } = opened({ bytesMax: 300, readMax: 2 });
  put(...calls(60));
  await page({}, null);
  await window.idle();
  assert.notEqual(await page({}, null, 2), null);
  assert.equal(await page({}, null, 6), null);
});

const id = fc.nat(40).map((n) => `c${String(n).padStart(3, '0')}`);
const agent = fc.constantFrom('agent-0', 'agent-1');
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ page: fc.option(id), agentId: fc.option(agent, { nil: undefined }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      put: fc.uniqueArray(fc.tuple(id, fc.nat(12), agent), { minLength: 1, maxLength: 3, selector: ([each]) => each }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ change: id, text: fc.constantFrom('changed', null) }) },
);

test('what it answers is what the store holds, whatever is stored, changed and deleted in between', async () => {
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 40 }),
      fc.constantFrom(5, 12, 40),
      fc.constantFrom(4, 40),
      async (steps, rowsMax, againMax) => {
        const { window, put, change, page, expected, rows } = opened({ rowsMax, againMax });
        put(...calls(6).map(([name, second, by]): [string, number, string] => [`o${name}`, second + 3, by]));
        for (const each of steps) {
          if ('put' in each) {
            const fresh = each.put.filter(([name]) => !rows.has(name));
            if (fresh.length > 0) put(...fresh);
          } else if ('change' in each) change(each.change, each.text);
          else {
            if (each.page !== null && !rows.has(each.page)) continue;
            const filter = each.agentId === undefined ? {} : { agentId: each.agentId };
            const got = await page(filter, each.page);
            if (got !== null) {
              answered++;
              assert.deepEqual(got, expected(filter, each.page));
            }
            await window.idle();
          }
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(answered > 300);
});

describe('on ClickHouse', () => {
  let stage: Stage;
  before(async () => {
    stage = await openStage();
    await stage.put(callRange(0, 80));
  });
  after(() => stage.close());

  test('each filter chooses the calls that a query chooses', async () => {
    const version = new StoreVersion(stage.store, { freshMs: 0, staleMs: 0 });
    const window = new CallWindow({
      ...{ ...LIMITS, rowsMax: 1000, againMax: 1000 },
      changes: () => version.changes('calls'),
      places: async (span, limit) =>
        (await listCallPlaces(stage.store, { limit, filter: span === ALWAYS ? {} : (span as CallFilter) })).places,
      read: (places) => callLinesAt(stage.store, places),
    });
    await window.page({}, null, 1);
    await window.idle();
    const some = sampleCall(7);
    const filters: CallFilter[] = [
      {},
      ...(
        [
          'agentId',
          'sessionId',
          'outcome',
          'dialect',
          'provider',
          'model',
          'requestedModel',
          'clientName',
          'completeness',
          'host',
          'probe',
          'credential',
          'requestId',
        ] as const
      ).map((name) => ({ [name]: some[name] })),
      ...['read', 'bash', some.toolNames[0] ?? 'x'].map((tool) => ({ tool })),
      ...[200, 429, 0].map((status) => ({ status })),
      ...[true, false].map((streaming) => ({ streaming })),
      { agentId: some.agentId, outcome: 'ok', from: SAMPLE_TIME, to: (SAMPLE_TIME + 20 * SECOND) as Micros },
      { model: 'none' },
    ];
    let rows = 0;
    for (const filter of filters) {
      const page = await window.page(filter, null, 30);
      const { calls: expected, next } = await listCalls(stage.store, { limit: 30, filter });
      rows += expected.length;
      assert.deepEqual(
        page?.texts.map((text) => JSON.parse(String(text)) as object),
        expected,
        JSON.stringify(filter),
      );
      assert.deepEqual(page?.next, next && { time: next.time, ids: [next.callId] });
    }
    assert.ok(rows > 200);
  });

  test('pages of the API are the same before and after it is made, and after calls came, changed and went', async () => {
    const walk = async (filter: string): Promise<unknown[]> => {
      const seen: unknown[] = [];
      for (let next: unknown = ''; next !== null; ) {
        const cursor = next === '' ? '' : `&cursor=${String(next)}`;
        const { body } = await stage.get(`/api/v1/calls?limit=7${filter}${cursor}`);
        seen.push(...(body.calls as unknown[]));
        next = body.next;
      }
      return seen;
    };
    const all = async (): Promise<unknown[]> => [...(await listCalls(stage.store, { limit: 500 })).calls];
    for (let n = 0; n < 3; n++) assert.deepEqual(await walk(''), await all());
    await stage.put([
      callObservation(sampleCall(200)),
      callObservation(sampleCall(3, { callId: sampleCall(201).callId })),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    assert.deepEqual(await walk(''), await all());
    await stage.store.client.command({ query: "UPDATE calls SET turn_id = 'x' WHERE agent_id = 'agent-1'" });
    await stage.store.client.command({ query: "DELETE FROM calls WHERE agent_id = 'agent-2'" });
    await new Promise((resolve) => setTimeout(resolve, 2100));
    assert.deepEqual(await walk(''), await all());
  });
});
