/** What one receiver is to be told now: a function of the watched alerts, of what it was told, and of the time. */
import type { Delivery } from '../clickhouse/alert-deliveries.ts';
import type { Alert } from './alert.ts';
import type { Labels } from './matcher.ts';
import { type Member, type News, newsOf } from './notification.ts';
import type { Delivery as DeliveryForm } from './receivers/receiver.ts';
import type { Target } from './routing.ts';

export interface Planned {
  readonly alert: Alert;
  readonly target: Target;
  readonly told: Delivery | undefined;
  /** Silenced or muted. */
  readonly quiet: boolean;
}

export interface DueGroup {
  readonly key: string;
  readonly labels: Labels;
  readonly members: readonly Member[];
  /** ms since the epoch: not to be told before. */
  readonly due: number;
}

export interface Plan {
  /** Groups with something new, those that are due first. */
  readonly groups: readonly DueGroup[];
  /** Ended before anybody had to be told. */
  readonly dropped: readonly Alert[];
}

/** When each alert's news were first seen; kept from plan to plan. */
export type Since = Map<string, { readonly news: News; readonly ms: number }>;

interface OpenGroup {
  readonly key: string;
  readonly labels: Labels;
  readonly waitMs: number;
  readonly intervalMs: number;
  readonly members: Member[];
  /** When the first of what is new was seen. */
  since: number;
  lastTold: number;
}

export function planFor(form: DeliveryForm, all: Iterable<Planned>, since: Since, nowMs: number): Plan {
  const groups = new Map<string, OpenGroup>();
  const dropped: Alert[] = [];
  for (const planned of all) {
    const { alert, target, told } = planned;
    const news = newsFor(form, planned, nowMs);
    if (news === 'dropped') {
      dropped.push(alert);
      continue;
    }
    if (news === null) {
      since.delete(alert.finding.findingId);
      // An open one belongs to the picture of its group; one that is silent doesn't.
      if (!form.grouped || alert.finding.state === 'resolved' || planned.quiet) continue;
    } else if (since.get(alert.finding.findingId)?.news !== news) {
      since.set(alert.finding.findingId, { news, ms: nowMs });
    }
    const group = groupOf(groups, form, target);
    group.members.push({ alert, told, news: news ?? 'unchanged' });
    group.lastTold = Math.max(group.lastTold, told?.toldAt ?? 0);
    group.since = Math.min(group.since, since.get(alert.finding.findingId)?.ms ?? Number.POSITIVE_INFINITY);
  }
  const due = [...groups.values()].filter((group) => group.since !== Number.POSITIVE_INFINITY).map(dueGroup);
  due.sort((a, b) => a.due - b.due);
  return { groups: due, dropped };
}

/** A new group waits for others that belong to it; one that was told of before keeps its distance. */
function dueGroup({ key, labels, members, since, lastTold, waitMs, intervalMs }: OpenGroup): DueGroup {
  const due = lastTold === 0 ? since + waitMs : Math.max(since, lastTold + intervalMs);
  return { key, labels, members, due };
}

function newsFor(form: DeliveryForm, { alert, target, told, quiet }: Planned, nowMs: number): News | 'dropped' | null {
  const repeatIntervalMs = form.repeatIntervalMs ?? target.route.repeatIntervalMs;
  const news = newsOf(alert.finding, told, { updates: form.updates, repeatIntervalMs }, nowMs);
  if (!quiet || news === null) return news;
  // Whoever was told that it began is told that it ended.
  if (news === 'resolved') return told?.toldState === 'open' ? news : 'dropped';
  return null;
}

function groupOf(groups: Map<string, OpenGroup>, form: DeliveryForm, target: Target): OpenGroup {
  const key = form.grouped ? target.groupKey : 'all';
  let group = groups.get(key);
  if (group === undefined) {
    const { groupWaitMs, groupIntervalMs } = target.route;
    group = {
      key,
      labels: form.grouped ? target.groupLabels : {},
      waitMs: form.grouped ? groupWaitMs : 0,
      intervalMs: form.grouped ? groupIntervalMs : 0,
      members: [],
      since: Number.POSITIVE_INFINITY,
      lastTold: 0,
    };
    groups.set(key, group);
  }
  return group;
}
