import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { holderOf, Lease, type LeaseClaim } from './lease.ts';
import { openStore, type Store } from './store.ts';

describe('the rule', () => {
  const claim = (holder: string, claimed: number, until: number): LeaseClaim => ({ holder, claimed, until });

  test('the first claim counts, others wait for its end, and a late one comes to nothing', () => {
    assert.equal(holderOf([]), null);
    assert.equal(holderOf([claim('a', 0, 10), claim('b', 5, 15)])?.holder, 'a');
    assert.equal(holderOf([claim('a', 0, 10), claim('b', 10, 20)])?.holder, 'b');
    assert.equal(holderOf([claim('a', 0, 10), claim('b', 12, 22), claim('a', 9, 19)])?.holder, 'b');
    assert.deepEqual(holderOf([claim('a', 0, 10), claim('a', 4, 14), claim('b', 11, 21)]), claim('a', 4, 14));
    assert.equal(holderOf([claim('a', 0, 10), claim('a', 4, 4), claim('b', 5, 15)])?.holder, 'b');
    assert.equal(
      holderOf([claim('a', 4, 14), claim('a', 2, 12), claim('b', 13, 23)])?.holder,
      'a',
      'an old claim shortens none',
    );
  });

  test('never do two believe that they hold it at one time, however long claims are on their way', () => {
    const TTL = 10;
    // Each claim: whose, when it was asked for, and how long until it became visible (and was read back).
    const steps = fc.array(
      fc.record({
        holder: fc.constantFrom('a', 'b', 'c'),
        wait: fc.integer({ min: 0, max: 8 }),
        way: fc.integer({ min: 0, max: 25 }),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        let time = 0;
        const sent = all.map(({ holder, wait, way }) => {
          time += wait;
          return { holder, claimed: time, visible: time + way };
        });
        sent.sort((a, b) => a.visible - b.visible);
        const beliefs: { holder: string; from: number; to: number }[] = [];
        const claims: LeaseClaim[] = [];
        for (const { holder, claimed, visible } of sent) {
          claims.push(claim(holder, claimed, claimed + TTL));
          if (holderOf(claims)?.holder === holder && visible < claimed + TTL)
            beliefs.push({ holder, from: visible, to: claimed + TTL });
        }
        for (const one of beliefs)
          for (const other of beliefs)
            assert.ok(
              one.holder === other.holder || one.to <= other.from || other.to <= one.from,
              JSON.stringify(sent),
            );
      }),
    );
  });
});

describe('in ClickHouse', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bittern-lease-'));
  let store: Store;
  before(async () => {
    store = await openStore({ dataDir: folder, retentionDays: 0, memoryBytesMax: 1e9 });
  });
  after(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  test('of many that ask at once exactly one gets it, keeps it, and hands it on', async () => {
    const leases = Array.from({ length: 8 }, () => new Lease(store.client, 'work', 3_000));
    const first = await Promise.all(leases.map((lease) => lease.take()));
    assert.equal(first.filter(Boolean).length, 1);
    const holder = leases[first.indexOf(true)]!;
    assert.deepEqual(await Promise.all(leases.map((lease) => lease.take())), first);
    await holder.release();
    assert.equal(holder.held, false);
    const others = leases.filter((lease) => lease !== holder);
    const second = await Promise.all(others.map((lease) => lease.take()));
    assert.equal(second.filter(Boolean).length, 1);
  });

  test('one that dies is followed when its claim is over, not before', async () => {
    const dead = new Lease(store.client, 'other work', 1_500);
    const next = new Lease(store.client, 'other work', 1_500);
    assert.equal(await dead.take(), true);
    assert.equal(await next.take(), false);
    await sleep(1_600);
    assert.equal(dead.held, false);
    assert.equal(await next.take(), true);
    assert.equal(await dead.take(), false);
  });
});
