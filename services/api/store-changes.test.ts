import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ALWAYS, ChangeLog, changedSpans, type Part } from './store-changes.ts';

const part = (name: string, rows: number, from = 10, to = 20): Part => ({ name, rows, from, to });
const old = [part('a_1_1_0', 5, 10, 20), part('a_2_2_0', 7, 30, 40), part('b_1_1_0', 3, 50, 60)];

test('an insert changes the times of its rows', () => {
  assert.deepEqual(changedSpans(old, [...old, part('a_3_3_0', 1, 15, 16)]), [{ from: 15e6, to: 16_999_999 }]);
});

test('a merge changes nothing', () => {
  assert.deepEqual(changedSpans(old, [part('a_1_2_1', 12, 10, 40), old[2]!]), []);
  assert.deepEqual(changedSpans(old, [old[0]!, old[1]!, part('b_1_1_1', 3, 50, 60)]), []);
});

for (const [what, merged] of [
  ['has taken a new part in', part('a_1_3_1', 13, 10, 40)],
  ['has put rows of one id together', part('a_1_2_1', 11, 10, 40)],
  ['has taken a row in and put two together', part('a_1_3_1', 12, 10, 40)],
  ['has changed rows', part('a_1_2_1_9', 12, 10, 40)],
] as const)
  test(`a merge that ${what} changes its times, and those of what it was made of`, () => {
    assert.deepEqual(changedSpans(old, [merged, old[2]!]), [
      { from: 10e6, to: 40_999_999 },
      { from: 10e6, to: 20_999_999 },
      { from: 30e6, to: 40_999_999 },
    ]);
  });

test('a part that goes changes its times', () => {
  assert.deepEqual(changedSpans(old, old.slice(1)), [{ from: 10e6, to: 20_999_999 }]);
});

test('a patch may change all times, and so may a part that tells of none', () => {
  assert.deepEqual(changedSpans(old, [...old, part('patch-0f-a_3_3_0', 1)]), [ALWAYS]);
  assert.deepEqual(changedSpans(old, [...old, part('all_3_3_0', 1, 0, 0)]), [ALWAYS]);
});

test('what was read before the first look, or while nobody could look, counts as changed', () => {
  const log = new ChangeLog();
  assert.equal(log.now(), null);
  log.look(old);
  const at = log.now()!;
  assert.ok(log.unchanged(at, ALWAYS));
  log.lose();
  assert.ok(!log.unchanged(at, ALWAYS));
  log.look(old);
  assert.ok(!log.unchanged(at, ALWAYS));
  assert.ok(log.unchanged(log.now()!, ALWAYS));
});

test('changes that are remembered no longer count as changes of everything', () => {
  const log = new ChangeLog();
  const parts: Part[] = [];
  log.look(parts);
  const early = log.now()!;
  for (let n = 1; n <= 1000; n++) {
    parts.push(part(`a_${n}_${n}_0`, 1, n, n));
    log.look([...parts]);
  }
  const far = { from: 5_000e6, to: 6_000e6 };
  assert.ok(!log.unchanged(early, far));
  assert.ok(log.unchanged(log.now()! - 100, far));
  assert.ok(!log.unchanged(log.now()! - 100, { from: 950e6, to: 950e6 }));
});

/** A table as ClickHouse keeps it, whose rows are times. */
class Table {
  parts: { first: number; last: number; level: number; mutation: number; rows: number[] }[] = [];
  #block = 0;
  #mutation = 0;

  insert(rows: number[]): void {
    this.#block++;
    this.parts.push({ first: this.#block, last: this.#block, level: 0, mutation: 0, rows });
  }

  merge(from: number, count: number): void {
    const merged = this.parts.slice(from, from + count);
    if (merged.length === 0 || merged.some(({ mutation }) => mutation !== merged[0]!.mutation)) return;
    this.parts.splice(from, merged.length, {
      ...merged[0]!,
      last: merged.at(-1)!.last,
      level: Math.max(...merged.map(({ level }) => level)) + 1,
      rows: merged.flatMap(({ rows }) => rows),
    });
  }

  drop(at: number): void {
    this.parts.splice(at % Math.max(1, this.parts.length), 1);
  }

  /** Adds 1 to each row of these parts. */
  mutate(): void {
    this.#mutation = ++this.#block;
    this.parts = this.parts.map((each) => ({
      ...each,
      mutation: this.#mutation,
      rows: each.rows.map((row) => row + 1),
    }));
  }

  seen(): Part[] {
    return this.parts.map(({ first, last, level, mutation, rows }) => ({
      name: `day_${first}_${last}_${level}${mutation === 0 ? '' : `_${mutation}`}`,
      rows: rows.length,
      from: Math.min(...rows),
      to: Math.max(...rows),
    }));
  }

  rowsIn(from: number, to: number): number[] {
    const rows = this.parts.flatMap((each) => each.rows);
    return rows.filter((row) => from <= row && row <= to).sort((a, b) => a - b);
  }
}

const time = fc.integer({ min: 1, max: 30 });
const step = fc.oneof(
  fc.record({ insert: fc.array(time, { minLength: 1, maxLength: 4 }) }),
  fc.record({ merge: fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 4 })) }),
  fc.record({ drop: fc.nat(5) }),
  fc.constant({ mutate: true }),
  fc.constant({ look: true }),
);

test('rows of times that are told to be unchanged are the same, whatever happens between two looks', () => {
  let told = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), time, time, (steps, a, b) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const span = { from: from * 1e6, to: to * 1e6 };
      const [table, log] = [new Table(), new ChangeLog()];
      log.look(table.seen());
      let [at, read] = [log.now()!, table.rowsIn(from, to)];
      for (const each of steps) {
        if ('insert' in each) table.insert(each.insert);
        else if ('merge' in each) table.merge(...each.merge);
        else if ('drop' in each) table.drop(each.drop);
        else if ('mutate' in each) table.mutate();
        else {
          log.look(table.seen());
          if (log.unchanged(at, span)) {
            told++;
            assert.deepEqual(table.rowsIn(from, to), read);
          } else [at, read] = [log.now()!, table.rowsIn(from, to)];
        }
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(told > 100);
});
