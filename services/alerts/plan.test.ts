import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Finding, FindingLevel } from '../../schemas/story.ts';
import type { Delivery } from '../clickhouse/alert-deliveries.ts';
import { sampleFinding } from '../clickhouse/testing.ts';
import { alertOf } from './alert.ts';
import { newsOf, notificationOf } from './notification.ts';
import { type Planned, planFor, type Since } from './plan.ts';
import type { Delivery as DeliveryForm } from './receivers/receiver.ts';
import { defaultRoute, Router } from './routing.ts';

const FORM: DeliveryForm = {
  grouped: true,
  updates: true,
  concurrency: 1,
  alertsMax: 50,
  timeoutMs: 1_000,
  repeatIntervalMs: null,
  spacingMs: 0,
};
const ROUTE = {
  ...defaultRoute(['it']),
  match: [],
  groupWaitMs: 100,
  groupIntervalMs: 1_000,
  repeatIntervalMs: 60_000,
};

function told(finding: Finding, at: number, before?: Delivery): Delivery {
  return {
    receiver: 'it',
    findingId: finding.findingId,
    status: 'told',
    toldState: finding.state,
    toldLevel: finding.level,
    toldOccurrences: finding.occurrences,
    toldAt: at,
    sequence: (before?.sequence ?? 0) + 1,
    alertId: '',
    groupKey: '',
    attempts: 0,
    problem: '',
  };
}

function planned(finding: Finding, delivery?: Delivery, groupBy = ['finding'], quiet = false): Planned {
  const alert = alertOf({ version: 1, finding }, undefined);
  const target = new Router([{ ...ROUTE, groupBy }]).targets(alert).get('it')!;
  return { alert, target, told: delivery, quiet };
}

describe('what is due', () => {
  test('a new group waits, a known one keeps its distance', () => {
    const since: Since = new Map();
    const open = sampleFinding(1);
    assert.equal(planFor(FORM, [planned(open)], since, 5_000).groups[0]!.due, 5_100);
    assert.equal(planFor(FORM, [planned(open)], since, 5_080).groups[0]!.due, 5_100, 'from when it was first seen');
    const again = { ...open, occurrences: 6 };
    assert.equal(planFor(FORM, [planned(again, told(open, 5_100))], since, 5_200).groups[0]!.due, 6_100);
    assert.equal(planFor(FORM, [planned(again, told(open, 5_100))], new Map(), 9_000).groups[0]!.due, 9_000);
  });

  test('who groups by itself gets all that is new at once, and nothing else', () => {
    const [first, second, third] = [sampleFinding(1), sampleFinding(2), sampleFinding(3)];
    const all = [planned(first), planned(second), planned(third, told(third, 1_000))];
    const { groups } = planFor({ ...FORM, grouped: false }, all, new Map(), 5_000);
    assert.deepEqual(
      groups.map(({ due, members }) => [due, members.length]),
      [[5_000, 2]],
    );
  });

  test('what is quiet is neither new nor shown, but an end is told to whoever knows of it', () => {
    const open = sampleFinding(1);
    const over = { ...open, state: 'resolved' as const };
    assert.deepEqual(planFor(FORM, [planned(open, undefined, ['kind'], true)], new Map(), 0), {
      groups: [],
      dropped: [],
    });
    assert.equal(planFor(FORM, [planned(over, undefined, ['kind'], true)], new Map(), 0).dropped.length, 1);
    assert.equal(planFor(FORM, [planned(over, told(open, 0), ['kind'], true)], new Map(), 0).groups.length, 1);
  });
});

describe('whatever happens to a finding', () => {
  const change = fc.record({
    state: fc.constantFrom('open' as const, 'resolved' as const),
    level: fc.constantFrom<FindingLevel>('note', 'alert', 'critical'),
    occurrences: fc.integer({ min: 1, max: 5 }),
    /** Whether the receiver takes the message of this step, if there is one. */
    taken: fc.boolean(),
  });

  test('a receiver that takes messages again knows how it stands, every message is another, and a second attempt is the same', () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 20 }), (steps) => {
        let delivery: Delivery | undefined;
        const ids = new Set<string>();
        let now = 0;
        const step = (finding: Finding, taken: boolean): void => {
          now += 5_000;
          const { groups } = planFor(FORM, [planned(finding, delivery)], new Map(), now);
          if (groups.length === 0) return;
          const { id } = notificationOf('it', groups[0]!, 50);
          assert.equal(
            notificationOf('it', planFor(FORM, [planned(finding, delivery)], new Map(), now + 1).groups[0]!, 50).id,
            id,
          );
          if (!taken) return;
          assert.ok(!ids.has(id), 'two messages with one id');
          ids.add(id);
          delivery = told(finding, now, delivery);
        };
        let last = sampleFinding(1);
        for (const { taken, ...values } of steps) {
          last = { ...last, ...values, resolvedAt: values.state === 'open' ? null : 1 };
          step(last, taken);
        }
        step(last, true);
        assert.equal(delivery?.toldState, last.state);
        if (last.state === 'open')
          assert.deepEqual([delivery?.toldLevel, delivery?.toldOccurrences], [last.level, last.occurrences]);
        assert.equal(newsOf(last, delivery, { updates: true, repeatIntervalMs: 60_000 }, now), null);
      }),
    );
  });
});
