import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { RowCache } from './row-cache.ts';

interface Row {
  readonly id: string;
}

/** A store of numbers by name, whose version changes with every change of a number. */
function opened({ rowsMax = 100, bytesMax = 1000, readMax = 100, tells = true } = {}) {
  const values = new Map<string, number>();
  const reads: string[][] = [];
  let version = 0;
  const cache = new RowCache<Row>({
    rowsMax,
    bytesMax,
    readMax,
    version: async () => (tells ? String(version) : null),
    read: async (places) => {
      reads.push(places.map(({ id }) => id));
      await turn();
      return places.flatMap(({ id }) => (values.has(id) ? [Buffer.from(`${id}${values.get(id)}`)] : []));
    },
    idOf: ({ id }) => id,
    idIn: (text) => text.toString('latin1', 0, 1),
  });
  const set = (id: string, value: number): void => {
    if (values.has(id)) version++;
    values.set(id, value);
  };
  const remove = (id: string): void => {
    if (values.delete(id)) version++;
  };
  const get = async (...ids: string[]): Promise<string[]> => (await cache.texts(ids.map((id) => ({ id })))).map(String);
  return { set, remove, get, reads, values };
}

test('a row is read once while no row changes, also when others are added', async () => {
  const { set, get, reads } = opened();
  set('a', 1);
  assert.deepEqual(await get('a'), ['a1']);
  set('b', 2);
  assert.deepEqual(await get('b', 'a'), ['b2', 'a1']);
  assert.deepEqual(reads, [['a'], ['b']]);
  set('a', 3);
  assert.deepEqual(await get('b', 'a'), ['b2', 'a3']);
});

test('what many miss at a time is read at once, and no more at a time than allowed', async () => {
  const { set, get, reads } = opened({ readMax: 3 });
  for (const id of ['a', 'b', 'c', 'd']) set(id, 1);
  assert.deepEqual(await Promise.all([get('a'), get('b', 'c'), get('c'), get('d', 'a', 'b')]), [
    ['a1'],
    ['b1', 'c1'],
    ['c1'],
    ['d1', 'a1', 'b1'],
  ]);
  assert.deepEqual(reads, [['a'], ['b', 'c'], ['d', 'a', 'b']]);
});

test('a row that has gone is left out', async () => {
  const { set, remove, get } = opened();
  set('a', 1);
  set('b', 1);
  await get('a', 'b');
  remove('a');
  assert.deepEqual(await get('a', 'b'), ['b1']);
});

test('a store that does not tell whether it changed is asked each time', async () => {
  const { set, get, reads } = opened({ tells: false });
  set('a', 1);
  await get('a');
  await get('a');
  assert.equal(reads.length, 2);
});

test('a reading that fails fails those who wait for it, and the next ones are read', async () => {
  let fail = true;
  const cache = new RowCache<Row>({
    ...{ rowsMax: 10, bytesMax: 100, readMax: 10, version: async () => 'v' },
    read: async (rows) => {
      if (fail) throw new Error('away');
      return rows.map(({ id }) => Buffer.from(id));
    },
    idOf: ({ id }) => id,
    idIn: String,
  });
  const row = { id: 'a' };
  await assert.rejects(cache.texts([row]), /away/);
  fail = false;
  assert.deepEqual((await cache.texts([row])).map(String), ['a']);
});

test('answers are those of the store, whatever is asked, changed and forgotten in between', async () => {
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.oneof(
    fc.record({ set: id, value: fc.nat(9) }),
    fc.record({ remove: id }),
    fc.record({ get: fc.uniqueArray(id) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { set, remove, get, values } = opened({ rowsMax: 3, bytesMax: 5 });
      for (const each of steps) {
        if ('set' in each) set(each.set, each.value);
        else if ('remove' in each) remove(each.remove);
        else
          assert.deepEqual(
            await get(...each.get),
            each.get.flatMap((name) => (values.has(name) ? [`${name}${values.get(name)}`] : [])),
          );
      }
    }),
  );
});
